"""Two servers: what one mints the other accepts, once, within what it allows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.database.unit_of_work import UnitOfWork
from app.settings import Settings
from tests.support.databases import Databases
from tests.support.live import LiveServer

A, B = "https://a.example", "https://b.example"


@pytest.fixture
def ours(databases: Databases, tmp_path: Path) -> Iterator[LiveServer]:
    """The installation that mints."""
    with LiveServer(Settings(data_dir=tmp_path / "a", database_url="", issuer=A)) as started:
        yield started


@pytest.fixture
def theirs(databases: Databases, tmp_path: Path) -> Iterator[LiveServer]:
    """The installation that accepts; both are on this machine."""
    settings = Settings(data_dir=tmp_path / "b", database_url="", issuer=B, allow_private_providers=True)
    with LiveServer(settings) as started:
        yield started


def _register(ours: LiveServer, theirs: LiveServer, **others: Any) -> dict[str, Any]:
    body = {
        "name": "cluster a",
        "issuer": A,
        "jwksUrl": f"{ours.url}/federation/jwks",
        "issuerOrganization": ours.tenant.id,
        "scopes": ["environments:read", "organization:read"],
        **others,
    }
    answer = theirs.http.post("/v1/federation/register-provider", json=body)
    assert answer.status_code == 201, answer.text
    assert "location" not in answer.headers, "one provider is read by GraphQL alone"
    made: dict[str, Any] = answer.json()["data"]
    return made


def _mint(ours: LiveServer, audience: str, *scopes: str, **others: Any) -> str:
    body = {"audience": audience, "scopes": scopes or ("environments:read", "organization:read"), **others}
    answer = ours.http.post("/v1/auth/federation/token", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["token"])


def _get(server: LiveServer, token: str, path: str = "/v1/environments") -> httpx.Response:
    return server.http.get(path, headers={"Authorization": f"Bearer {token}"})


def test_a_token_is_accepted_once(ours: LiveServer, theirs: LiveServer) -> None:
    provider = _register(ours, theirs)
    token = _mint(ours, provider["audience"])

    first, second = _get(theirs, token), _get(theirs, token)

    assert (first.status_code, second.status_code) == (200, 401)
    assert first.json()["meta"]["signatureVerified"] is True
    assert second.json()["error"]["message"] == "This token is not valid here. Ask its issuer for a new one."


def test_of_many_uses_at_once_one_is_accepted(ours: LiveServer, theirs: LiveServer) -> None:
    provider = _register(ours, theirs)
    token = _mint(ours, provider["audience"])

    async def ask() -> list[int]:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=theirs.url, headers=headers, timeout=30) as http:
            answers = await asyncio.gather(*(http.get("/v1/environments") for _ in range(12)))
            return sorted(answer.status_code for answer in answers)

    assert asyncio.run(ask()) == [200] + [401] * 11


def test_the_first_tokens_fetch_the_keys_together(ours: LiveServer, theirs: LiveServer) -> None:
    provider = _register(ours, theirs)
    tokens = [_mint(ours, provider["audience"]) for _ in range(6)]

    async def ask() -> list[int]:
        async with httpx.AsyncClient(base_url=theirs.url, timeout=30) as http:
            asked = [http.get("/v1/environments", headers={"Authorization": f"Bearer {token}"}) for token in tokens]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [200] * 6


def test_it_tells_whom_it_is_and_acts_as_a_member_at_most(ours: LiveServer, theirs: LiveServer) -> None:
    provider = _register(ours, theirs)

    data = _get(theirs, _mint(ours, provider["audience"]), "/v1/identity/verify").json()["data"]

    assert (data["subject"], data["issuer"]) == (ours.tenant.user_id, A)
    assert data["organizationId"] == theirs.tenant.id
    assert data["scopes"] == ["environments:read", "organization:read"]
    assert (data["classical"]["valid"], data["postQuantum"]["valid"]) == (True, True)


@pytest.mark.parametrize(
    ("allowed", "claimed", "expected"),
    [
        (["environments:write"], ["environments:write"], (200, 202)),
        (["environments:read"], ["environments:write"], (200, 403)),
        (["environments:write"], ["environments:read"], (200, 403)),
        (["organization:read"], ["environments:write"], (403, 403)),
        (["environments:read"], ["environments:admin"], (403, 403)),
    ],
)
def test_it_may_do_the_smaller_of_what_it_claims_and_what_is_allowed(
    ours: LiveServer, theirs: LiveServer, allowed: list[str], claimed: list[str], expected: tuple[int, int]
) -> None:
    provider = _register(ours, theirs, scopes=allowed)

    read = _get(theirs, _mint(ours, provider["audience"], *claimed))
    write = theirs.http.post(
        "/v1/environments",
        json={"blueprint": {"services": {"web": {"run": "serve"}}}},
        headers={"Authorization": f"Bearer {_mint(ours, provider['audience'], *claimed)}"},
    )

    assert (read.status_code, write.status_code) == expected


def test_what_it_does_is_recorded_with_its_subject(ours: LiveServer, theirs: LiveServer) -> None:
    from app.audit.repository import ALL_EVENTS

    provider = _register(ours, theirs, scopes=["environments:write"])
    token = _mint(ours, provider["audience"], "environments:write")

    answer = theirs.http.post(
        "/v1/environments",
        json={"blueprint": {"services": {"web": {"run": "serve"}}}},
        headers={"Authorization": f"Bearer {token}"},
    )

    assert answer.status_code == 202
    work = UnitOfWork(theirs.product.database, theirs.tenant.id)
    event = theirs.run(work.all(ALL_EVENTS))[-1]
    assert (event.action, event.user_id, event.credential_id) == ("environment.create", "", provider["id"])
    assert event.details == {"subject": ours.tenant.user_id}


def test_an_unknown_issuer_is_refused(ours: LiveServer, theirs: LiveServer) -> None:
    token = _mint(ours, f"{B}/{theirs.tenant.id}")

    assert _get(theirs, token).status_code == 401


def test_a_token_for_somebody_else_is_refused(ours: LiveServer, theirs: LiveServer) -> None:
    _register(ours, theirs)

    for audience in ("https://c.example", B, f"{B}/org_{'0' * 26}", f"{B}/", f"{B}/{theirs.tenant.id}/x"):
        assert _get(theirs, _mint(ours, audience)).status_code == 401, audience


def test_another_organization_of_the_issuer_is_not_trusted(ours: LiveServer, theirs: LiveServer) -> None:
    """A Soundstage has many organizations: to trust one is not to trust its neighbours."""
    from tests.support.tenants import found

    provider = _register(ours, theirs)
    neighbour = ours.run(found(ours.product.database))
    answer = ours.http.post(
        "/v1/auth/federation/token",
        json={"audience": provider["audience"], "scopes": ["environments:read"]},
        headers={"Authorization": f"Bearer {neighbour.api_key}"},
    )

    assert answer.status_code == 201
    assert _get(theirs, answer.json()["data"]["token"]).status_code == 401


def test_without_a_named_organization_no_tokens_that_name_one_are_trusted(ours: LiveServer, theirs: LiveServer) -> None:
    provider = _register(ours, theirs, issuerOrganization="")

    assert _get(theirs, _mint(ours, provider["audience"])).status_code == 401


def test_a_federated_token_is_no_bearer_at_home(ours: LiveServer, theirs: LiveServer) -> None:
    provider = _register(ours, theirs)

    assert _get(ours, _mint(ours, provider["audience"])).status_code == 401


@pytest.mark.parametrize("audience", [A, f"{A}/org_1", ""])
def test_nobody_mints_for_home(ours: LiveServer, audience: str) -> None:
    answer = ours.http.post("/v1/auth/federation/token", json={"audience": audience, "scopes": ["environments:read"]})

    assert answer.status_code == 400


@pytest.mark.parametrize(("seconds", "status"), [(0, 400), (-1, 400), (1, 201), (300, 201), (301, 400)])
def test_a_federated_token_lives_five_minutes_at_most(ours: LiveServer, seconds: int, status: int) -> None:
    answer = ours.http.post(
        "/v1/auth/federation/token",
        json={"audience": B, "scopes": ["environments:read"], "lifetimeSeconds": seconds},
    )

    assert answer.status_code == status


def test_nobody_gives_away_more_than_they_have(ours: LiveServer) -> None:
    from app.core.actor import Role

    key = ours.run(ours.tenant.key(Role.MEMBER, "federation:write", "environments:read"))
    asked = [["environments:read"], ["environments:write"], ["members:admin"], ["nothing:read"], []]

    answers = [
        ours.http.post(
            "/v1/auth/federation/token",
            json={"audience": B, "scopes": scopes},
            headers={"Authorization": f"Bearer {key}"},
        ).status_code
        for scopes in asked
    ]

    assert answers == [201, 403, 403, 400, 400]


def test_keys_that_rotate_at_the_issuer_are_fetched_with_the_first_token(
    ours: LiveServer, theirs: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.federation.acceptance.FETCH_AGAIN_SECONDS", 0.0)
    provider = _register(ours, theirs)
    assert _get(theirs, _mint(ours, provider["audience"])).status_code == 200
    tokens = ours.product.tokens

    async def replace_twice() -> None:
        for _ in range(2):
            for key in await tokens.all():
                if key.state == "active":
                    work = UnitOfWork(tokens.database, None)
                    tokens.rotation(work).revoke(await tokens.all(), key.kid, tokens.clock())
                    await work.commit()
                    await tokens.refresh()

    ours.run(replace_twice())

    assert _get(theirs, _mint(ours, provider["audience"])).status_code == 200


def test_a_removed_provider_is_trusted_no_more(ours: LiveServer, theirs: LiveServer) -> None:
    provider = _register(ours, theirs)
    assert _get(theirs, _mint(ours, provider["audience"])).status_code == 200

    removed = theirs.http.post(
        "/graphql",
        json={
            "query": "mutation ($id: ID!) { removeFederationProvider(id: $id) { id } }",
            "variables": {"id": provider["id"]},
        },
    ).json()

    assert removed["data"] == {"removeFederationProvider": {"id": provider["id"]}}
    assert _get(theirs, _mint(ours, provider["audience"])).status_code == 401


def test_a_sync_tells_how_it_went(ours: LiveServer, theirs: LiveServer) -> None:
    provider = _register(ours, theirs)
    assert (provider["status"], provider["keys"], provider["syncedAt"]) == ("pending", 0, None)

    synced = theirs.http.post(f"/v1/federation/sync/{provider['id']}").json()["data"]

    assert (synced["status"], synced["keys"], synced["syncError"]) == ("active", 4, None)
    assert synced["syncedAt"]
    assert theirs.http.get("/v1/federation/providers").json()["data"] == [synced]


def test_an_issuer_is_registered_once(ours: LiveServer, theirs: LiveServer) -> None:
    _register(ours, theirs)

    again = theirs.http.post(
        "/v1/federation/register-provider", json={"name": "again", "issuer": A, "scopes": ["environments:read"]}
    )

    assert (again.status_code, again.json()["error"]["code"]) == (409, "provider_exists")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"issuer": "ftp://a.example"}, 422),
        ({"issuer": "https://user@a.example"}, 422),
        ({"issuer": "https://a.example?x=1"}, 422),
        ({"issuer": "https://a.example#x"}, 422),
        ({"issuer": "file:///etc/passwd"}, 422),
        ({"issuer": "not an address"}, 422),
        ({"issuer": B}, 422),
        ({"issuer": "https://" + "a" * 600}, 422),
        ({"jwksUrl": "gopher://a.example"}, 422),
        ({"name": ""}, 400),
        ({"scopes": []}, 400),
        ({"scopes": ["*"]}, 400),
        ({"scopes": ["environments:admin"]}, 400),
        ({"scopes": ["account:read"]}, 400),
        ({"scopes": ["administration:read"]}, 400),
        ({"scopes": ["federation:write"]}, 400),
    ],
)
def test_a_provider_that_cannot_be_is_refused(theirs: LiveServer, changed: dict[str, Any], status: int) -> None:
    body = {"name": "a", "issuer": A, "scopes": ["environments:read"], **changed}

    assert theirs.http.post("/v1/federation/register-provider", json=body).status_code == status


def test_used_tokens_are_forgotten_once_they_have_expired(ours: LiveServer, theirs: LiveServer) -> None:
    from datetime import timedelta
    from typing import Any as Row

    from app.core.clock import now
    from app.database.statements import everywhere, statement
    from app.federation.models import TokenUseTable
    from app.federation.service import forget_used

    provider = _register(ours, theirs)
    _get(theirs, _mint(ours, provider["audience"]))
    uses = statement(everywhere(TokenUseTable), dict[str, Row])

    async def after(seconds: float) -> int:
        await forget_used(theirs.product.database, lambda: now() + timedelta(seconds=seconds))
        return len(await UnitOfWork(theirs.product.database, None).all(uses))

    assert theirs.run(after(300)) == 1, "within the skew it could still be sent again"
    assert theirs.run(after(400)) == 0
