"""Which tokens of a provider are accepted, by its mode and what they say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.core.vault import Vault
from app.federation import service
from app.federation.acceptance import FETCH_AGAIN_SECONDS, Acceptance
from app.federation.errors import SyncFailed
from app.federation.service import Federation, FederationParts
from app.tokens.errors import TokenRefused
from app.tokens.hybrid import Mode
from app.tokens.jwk import Jwk
from app.tokens.service import SigningKeys
from tests.support.clock import MockClock
from tests.support.tenants import Tenant
from tests.support.tokens import ISSUER, Pair, claims

pytestmark = pytest.mark.anyio

PAIR = Pair()
HERE = "https://here.example"


class Published:
    """Stands in for the network: what the provider publishes, and how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[Jwk] | None = [PAIR.classical_jwk, PAIR.post_quantum_jwk]
        self.asked = 0

    async def fetch(self, url: str, *, allow_private: bool) -> list[Jwk]:
        self.asked += 1
        if self.keys is None:
            raise SyncFailed("It cannot be reached.")
        return self.keys


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    made = Published()
    monkeypatch.setattr(service, "fetch_keys", made.fetch)
    return made


@pytest.fixture
async def parts(organization: Tenant, clock: MockClock) -> FederationParts:
    keys = SigningKeys(organization.database, Vault(Fernet.generate_key()), issuer=HERE, clock=clock)
    return FederationParts(await keys.open(), clock=clock)


async def _acceptance(organization: Tenant, parts: FederationParts, mode: Mode = Mode.REQUIRE) -> Acceptance:
    work = organization.work()
    Federation(work, organization.actor, parts).register(
        name="issuer",
        issuer=ISSUER,
        jwks_url=None,
        issuer_organization="org_1",
        allowed=["environments:read"],
        mode=mode,
    )
    await work.commit()
    return Acceptance(organization.database, parts)


def _claims(clock: MockClock, organization: Tenant, **others: Any) -> dict[str, Any]:
    return claims(clock, **{"aud": f"{HERE}/{organization.id}", **others})


@pytest.mark.parametrize(
    ("mode", "hybrid", "verified"),
    [
        (Mode.OFF, False, False),
        (Mode.OFF, True, False),
        (Mode.PREFER, False, False),
        (Mode.PREFER, True, True),
        (Mode.REQUIRE, False, None),
        (Mode.REQUIRE, True, True),
    ],
)
async def test_the_mode_decides(
    organization: Tenant,
    parts: FederationParts,
    published: Published,
    clock: MockClock,
    mode: Mode,
    hybrid: bool,
    verified: bool | None,
) -> None:
    acceptance = await _acceptance(organization, parts, mode)
    whole = _claims(clock, organization)
    token = PAIR.token(whole) if hybrid else PAIR.sign(whole)

    if verified is None:
        with pytest.raises(TokenRefused):
            await acceptance.actor_behind(token)
    else:
        actor, _ = await acceptance.actor_behind(token)
        assert actor.signature_verified is verified
        assert (actor.organization_id, actor.subject, actor.user_id) == (organization.id, "usr_1", "")


@pytest.mark.parametrize(
    "others",
    [
        {"jti": None},
        {"jti": ""},
        {"jti": "j" * 257},
        {"sub": None},
        {"exp": 1_776_427_200 + 301},
        {"org_id": "org_2"},
        {"org_id": 7},
        {"aud": HERE},
        {"aud": None},
        {"aud": [1, {}]},
    ],
)
async def test_what_a_token_has_to_say(
    organization: Tenant, parts: FederationParts, published: Published, clock: MockClock, others: dict[str, Any]
) -> None:
    acceptance = await _acceptance(organization, parts)
    assert clock().timestamp() == 1_776_427_200

    with pytest.raises(TokenRefused):
        await acceptance.actor_behind(PAIR.token(_claims(clock, organization, **others)))


async def test_org_id_may_name_the_organization_instead_of_the_audience(
    organization: Tenant, parts: FederationParts, published: Published, clock: MockClock
) -> None:
    acceptance = await _acceptance(organization, parts)
    token = PAIR.token(_claims(clock, organization, aud=HERE, org_id=organization.id))

    actor, _ = await acceptance.actor_behind(token)

    assert actor.organization_id == organization.id


async def test_a_refused_token_is_not_used_up(
    organization: Tenant, parts: FederationParts, published: Published, clock: MockClock
) -> None:
    acceptance = await _acceptance(organization, parts)
    whole = _claims(clock, organization)

    with pytest.raises(TokenRefused):
        await acceptance.actor_behind(PAIR.sign(whole))

    assert await acceptance.actor_behind(PAIR.token(whole))


async def test_strangers_cannot_make_us_ask_a_provider_often(
    organization: Tenant, parts: FederationParts, published: Published, clock: MockClock
) -> None:
    acceptance = await _acceptance(organization, parts)

    for number in range(20):
        with pytest.raises(TokenRefused):
            await acceptance.actor_behind(Pair().token(_claims(clock, organization, jti=f"j{number}")))

    assert published.asked == 1
    assert FETCH_AGAIN_SECONDS >= 10


async def test_the_last_keys_are_used_for_a_day_while_a_provider_is_away(
    organization: Tenant,
    parts: FederationParts,
    published: Published,
    clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.federation.acceptance.FETCH_AGAIN_SECONDS", 0.0)
    acceptance = await _acceptance(organization, parts)
    await acceptance.actor_behind(PAIR.token(_claims(clock, organization)))
    published.keys = None

    clock.forward(timedelta(hours=23).total_seconds())
    assert await acceptance.actor_behind(PAIR.token(_claims(clock, organization, jti="later")))
    clock.forward(timedelta(hours=2).total_seconds())
    with pytest.raises(TokenRefused):
        await acceptance.actor_behind(PAIR.token(_claims(clock, organization, jti="too late")))


async def test_a_key_that_a_provider_withdrew_is_refused_within_five_minutes(
    organization: Tenant,
    parts: FederationParts,
    published: Published,
    clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.federation.acceptance.FETCH_AGAIN_SECONDS", 0.0)
    acceptance, other = await _acceptance(organization, parts), Pair()
    await acceptance.actor_behind(PAIR.token(_claims(clock, organization)))
    published.keys = [other.classical_jwk, other.post_quantum_jwk]

    clock.forward(300)

    with pytest.raises(TokenRefused):
        await acceptance.actor_behind(PAIR.token(_claims(clock, organization, jti="stolen")))
    assert await acceptance.actor_behind(other.token(_claims(clock, organization, jti="new")))
