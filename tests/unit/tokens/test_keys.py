"""Signing keys over time: made once, published before use, retired after the last token, dropped at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from app.core.errors import NotFound
from app.core.vault import Vault, VaultKeyMissing
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.tokens import repository
from app.tokens.cache import VerifiedTokens
from app.tokens.errors import ClaimsRefused, KeysChanged, TokenExpired, TokenRefused, TokenTooLong
from app.tokens.jwk import Family, read_key
from app.tokens.models import KeyState, SigningKey
from app.tokens.service import SigningKeys
from tests.support.clock import MockClock
from tests.support.tokens import Pair, claims

pytestmark = pytest.mark.anyio

SECRET = Vault(Fernet.generate_key())
DAY, HOUR = 86_400, 3_600
CLAIMS = {"sub": "usr_1", "org_id": "org_1", "scope": "*", "sid": "ses_1"}


async def _opened(database: Database, clock: MockClock, vault: Vault = SECRET) -> SigningKeys:
    return await SigningKeys(database, vault, issuer="https://here.example", clock=clock).open()


@pytest.fixture
async def keys(database: Database, clock: MockClock) -> SigningKeys:
    return await _opened(database, clock)


async def _states(keys: SigningKeys, family: Family) -> list[KeyState]:
    return sorted(key.state for key in await keys.all() if key.family is family)


async def _active(keys: SigningKeys, family: Family = Family.CLASSICAL) -> SigningKey:
    return next(key for key in await keys.all() if (key.family, key.state) == (family, KeyState.ACTIVE))


async def _rotate(keys: SigningKeys, family: Family = Family.CLASSICAL) -> SigningKey:
    work = UnitOfWork(keys.database, None)
    moved = keys.rotation(work).rotate(await keys.all(), family, keys.clock())
    await work.commit()
    keys.changed()
    return moved


async def _revoke(keys: SigningKeys, kid: str) -> None:
    work = UnitOfWork(keys.database, None)
    keys.rotation(work).revoke(await keys.all(), kid, keys.clock())
    await work.commit()
    keys.changed()


async def test_the_first_start_makes_an_active_and_a_next_key_of_each_family(keys: SigningKeys) -> None:
    for family in Family:
        assert await _states(keys, family) == [KeyState.ACTIVE, KeyState.NEXT]


async def test_servers_that_start_at_once_make_one_set_of_keys(database: Database, clock: MockClock) -> None:
    started = await asyncio.gather(*(_opened(database, clock) for _ in range(8)))

    sets = [{key.kid for key in await keys.all()} for keys in started]
    assert all(found == sets[0] for found in sets)
    assert len(sets[0]) == 4


async def test_what_one_server_mints_another_verifies(database: Database, keys: SigningKeys, clock: MockClock) -> None:
    other = await _opened(database, clock)

    verified = await other.verify(await keys.mint(CLAIMS, timedelta(minutes=5)))

    assert verified.signature_verified
    assert verified.text("sub") == "usr_1"
    assert verified.text("aud") == "https://here.example"
    assert verified.text("jti").startswith("jti_")


async def test_private_parts_are_sealed(keys: SigningKeys) -> None:
    for key in await keys.all():
        assert key.sealed.startswith("gAAAA")
        assert "priv" not in key.public
        assert "d" not in key.public


async def test_keys_sealed_with_another_secret_verify_but_do_not_sign(
    database: Database, keys: SigningKeys, clock: MockClock
) -> None:
    stranger = await _opened(database, clock, Vault(Fernet.generate_key()))

    assert await stranger.verify(await keys.mint(CLAIMS, timedelta(minutes=5)))
    with pytest.raises(VaultKeyMissing):
        await stranger.mint(CLAIMS, timedelta(minutes=5))


async def test_no_token_is_refused_over_a_year_of_rotations(
    database: Database, keys: SigningKeys, clock: MockClock
) -> None:
    """Every six hours: tokens of a day, verified until they end by a server with its own view."""
    other, alive, active = await _opened(database, clock), [], set()

    for _ in range(4 * 365):
        alive.append((clock(), await keys.mint(CLAIMS, timedelta(hours=24)) if len(alive) % 4 == 0 else ""))
        for minted, token in alive[-4:]:
            if token and clock() - minted < timedelta(hours=24):
                assert (await other.verify(token)).signature_verified
        clock.forward(6 * HOUR)
        await keys.refresh()
        await other.refresh()
        active |= {(await _active(keys, family)).kid for family in Family}

    assert len(active) == 2 * 5, "one at the start and one each 90 days, of each family"


async def test_a_key_is_published_for_a_day_before_it_signs(keys: SigningKeys, clock: MockClock) -> None:
    published: dict[str, float] = {}
    begun = clock()

    for _ in range(4 * 200):
        elapsed = (clock() - begun).total_seconds()
        for jwk in (await keys.jwks())["keys"]:
            published.setdefault(jwk["kid"], elapsed)
        for family in Family:
            kid = (await _active(keys, family)).kid
            assert published[kid] == 0 or elapsed - published[kid] >= DAY
        clock.forward(6 * HOUR)
        await keys.refresh()


async def test_rotating_waits_until_the_next_key_was_published_for_a_day(keys: SigningKeys, clock: MockClock) -> None:
    before = await _active(keys)

    moved = await _rotate(keys)
    assert (moved.state, moved.activates_at - clock()) == (KeyState.NEXT, timedelta(hours=24))

    clock.forward(DAY - 1)
    await keys.refresh()
    assert (await _active(keys)).kid == before.kid
    clock.forward(1)
    await keys.refresh()
    assert (await _active(keys)).kid == moved.kid


async def test_the_families_rotate_apart(keys: SigningKeys, clock: MockClock) -> None:
    classical, post_quantum = await _active(keys), await _active(keys, Family.POST_QUANTUM)
    clock.forward(2 * DAY)
    token = await keys.mint(CLAIMS, timedelta(minutes=5))

    await _rotate(keys, Family.POST_QUANTUM)

    assert (await _active(keys)).kid == classical.kid
    assert (await _active(keys, Family.POST_QUANTUM)).kid != post_quantum.kid
    assert (await keys.verify(token)).post_quantum_kid == post_quantum.kid
    fresh = await keys.verify(await keys.mint(CLAIMS, timedelta(minutes=5)))
    assert (fresh.classical_kid, fresh.post_quantum_kid != post_quantum.kid) == (classical.kid, True)


async def test_a_retiring_key_is_retired_after_its_last_token(keys: SigningKeys, clock: MockClock) -> None:
    clock.forward(2 * DAY)
    former = await _active(keys)
    token = await keys.mint(CLAIMS, timedelta(hours=24))
    await _rotate(keys)

    clock.forward(DAY)
    await keys.refresh()
    assert await _states(keys, Family.CLASSICAL) == [KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRING]
    assert (await keys.verify(token)).classical_kid == former.kid, "within the skew"
    clock.forward(HOUR)
    await keys.refresh()

    assert await _states(keys, Family.CLASSICAL) == [KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRED]
    assert former.kid not in {jwk["kid"] for jwk in (await keys.jwks())["keys"]}
    with pytest.raises(TokenRefused):
        await keys.verify(token)


async def test_a_key_that_signs_no_more_has_no_private_part(keys: SigningKeys, clock: MockClock) -> None:
    clock.forward(2 * DAY)
    former = await _active(keys)

    await _rotate(keys)

    found = await keys.public(former.kid)
    assert found is not None
    assert (found.state, found.sealed) == (KeyState.RETIRING, "")


async def test_two_rotations_at_once_are_one(keys: SigningKeys, clock: MockClock) -> None:
    clock.forward(2 * DAY)
    known = await keys.all()
    first, second = UnitOfWork(keys.database, None), UnitOfWork(keys.database, None)
    for work in (first, second):
        keys.rotation(work).rotate(known, Family.CLASSICAL, clock())

    await first.commit()
    with pytest.raises(KeysChanged):
        await second.commit()

    keys.changed()
    assert await _states(keys, Family.CLASSICAL) == [KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRING]


@pytest.mark.parametrize("family", Family)
async def test_a_revoked_key_is_dropped_at_once_and_the_next_one_signs(
    database: Database, keys: SigningKeys, clock: MockClock, family: Family
) -> None:
    token = await keys.mint(CLAIMS, timedelta(minutes=5))
    assert await keys.verify(token)
    other = await _opened(database, clock)
    assert await other.verify(token)
    dropped = await _active(keys, family)
    following = next(key for key in await keys.all() if (key.family, key.state) == (family, KeyState.NEXT))

    await _revoke(keys, dropped.kid)

    with pytest.raises(TokenRefused):
        await keys.verify(token)
    await other.refresh()
    with pytest.raises(TokenRefused):
        await other.verify(token)
    assert len(other.verified) == 0
    assert (await _active(keys, family)).kid == following.kid
    assert await _states(keys, family) == [KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRED]
    assert (await keys.verify(await keys.mint(CLAIMS, timedelta(minutes=5)))).signature_verified


async def test_a_revoked_next_key_is_replaced(keys: SigningKeys) -> None:
    following = next(key for key in await keys.all() if key.state is KeyState.NEXT)

    await _revoke(keys, following.kid)
    await _revoke(keys, following.kid)

    assert await _states(keys, following.family) == [KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRED]
    found = await keys.public(following.kid)
    assert found is not None
    assert found.revoked_at is not None


async def test_revoking_what_is_not_there_says_so(keys: SigningKeys) -> None:
    with pytest.raises(NotFound, match="soundstage keys list"):
        await _revoke(keys, "nobody's")


async def test_an_unknown_kid_makes_us_look_once_a_second_at_most(
    keys: SigningKeys, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"iss": "https://here.example", "aud": "https://here.example"}
    token, reads = Pair().token(claims(clock, **here)), []
    fetch = UnitOfWork.all

    async def counted(work: UnitOfWork, statement: object, **parameters: object) -> object:
        reads.append(statement)
        return await fetch(work, statement, **parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(UnitOfWork, "all", counted)
    for _ in range(50):
        with pytest.raises(TokenRefused):
            await keys.verify(token)

    assert len(reads) <= 1


async def test_a_message_is_signed_by_both_families(keys: SigningKeys) -> None:
    made = await keys.sign(b"a checkpoint")

    for kid, signature in ((made.classical_kid, made.classical), (made.post_quantum_kid, made.post_quantum)):
        found = await keys.public(kid)
        assert found is not None
        assert read_key(found.public).verifies(signature, b"a checkpoint")
        assert not read_key(found.public).verifies(signature, b"another")
    assert (len(made.classical), len(made.post_quantum)) == (64, 3_309)


async def test_a_token_that_fits_no_header_is_not_minted(keys: SigningKeys) -> None:
    fits = await keys.mint({**CLAIMS, "more": "x" * 500}, timedelta(minutes=5))

    assert 6_000 < len(fits) <= 7_800
    for length in (1_500, 50_000):
        with pytest.raises(TokenTooLong, match="7,800"):
            await keys.mint({**CLAIMS, "more": "x" * length}, timedelta(minutes=5))


@pytest.mark.parametrize(
    "others", [{"ratio": 0.5}, {"iss": "https://else.example"}, {"exp": 1}, {"pqs": "x"}, {"ü": 1}]
)
async def test_what_claims_cannot_hold_is_refused(keys: SigningKeys, others: dict[str, object]) -> None:
    with pytest.raises(ClaimsRefused):
        await keys.mint({**CLAIMS, **others}, timedelta(minutes=5))


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-5), timedelta(hours=24, seconds=1)])
async def test_a_token_lives_a_second_to_a_day(keys: SigningKeys, lifetime: timedelta) -> None:
    with pytest.raises(ClaimsRefused):
        await keys.mint(CLAIMS, lifetime)


async def test_a_verified_token_is_remembered_for_a_minute_but_not_beyond_its_end(
    keys: SigningKeys, clock: MockClock
) -> None:
    short, long = [await keys.mint(CLAIMS, timedelta(seconds=seconds)) for seconds in (20, 300)]
    await keys.verify(short)
    await keys.verify(long)

    assert keys.verified.get(short, clock()) is not None
    clock.forward(20)
    assert keys.verified.get(short, clock()) is None
    assert keys.verified.get(long, clock()) is not None
    clock.forward(40)
    assert keys.verified.get(long, clock()) is None
    with pytest.raises(TokenExpired):
        await keys.verify(short)


async def test_a_token_for_others_is_not_remembered_as_ours(keys: SigningKeys) -> None:
    token = await keys.mint({**CLAIMS, "aud": "https://there.example"}, timedelta(minutes=5))

    assert await keys.verify(token, audience="https://there.example")
    with pytest.raises(TokenRefused):
        await keys.verify(token)


async def test_the_memory_of_tokens_is_bounded(keys: SigningKeys, clock: MockClock) -> None:
    few = VerifiedTokens(most=3)
    verified = await keys.verify(await keys.mint(CLAIMS, timedelta(minutes=5)))

    for number in range(10):
        few.keep(f"token {number}", verified, clock())

    assert len(few) == 3
    assert few.get("token 9", clock()) is verified
    assert few.get("token 6", clock()) is None


async def test_keys_are_of_no_organization(keys: SigningKeys) -> None:
    from app.database.unit_of_work import TenancyError

    with pytest.raises(TenancyError):
        await UnitOfWork(keys.database, "org_1").all(repository.KEYS)
