"""Keys: their form, what is stored of them, what they open, and when they stop to."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest

from app.core.actor import PERMITS, Actor, Kind, Role, Scope
from app.core.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthorized
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.identity import keys
from app.identity.service import (
    LAST_USED_EVERY,
    SCOPES,
    Identity,
    add_key,
    add_member,
    authenticate,
    found_organization,
)
from tests.support.clock import MockClock
from tests.support.serving import Served
from tests.support.tenants import Tenant, found

pytestmark = pytest.mark.anyio


def test_a_key_has_its_form_and_checksum() -> None:
    made = {keys.new_key() for _ in range(1_000)}

    assert len(made) == 1_000
    assert all(re.fullmatch(r"sk_live_[0-9A-Za-z]{36}", key) and keys.well_formed(key) for key in made)


def test_a_mistyped_key_is_recognized() -> None:
    key = keys.new_key()

    for place in range(len("sk_live_"), len(key)):
        other = "a" if key[place] != "a" else "b"
        assert not keys.well_formed(key[:place] + other + key[place + 1 :])
    for wrong in ("", "sk_live_", key[:-1], key + "a", key.lower() + "Z", "sk_test_" + key[8:], f" {key}", key + "\n"):
        assert not keys.well_formed(wrong)


def test_a_key_is_of_its_prefix_only() -> None:
    credential = keys.new_key(keys.AGENT_PREFIX)

    assert re.fullmatch(r"cred_[0-9A-Za-z]{36}", credential)
    assert keys.well_formed(credential, keys.AGENT_PREFIX)
    assert not keys.well_formed(credential)
    assert not keys.well_formed(keys.new_key(), keys.AGENT_PREFIX)
    assert not keys.well_formed(credential.removeprefix(keys.AGENT_PREFIX), keys.AGENT_PREFIX)


async def test_a_mistyped_key_asks_no_database() -> None:
    class Nothing:
        name = "sqlite"

    with pytest.raises(Unauthorized):
        await authenticate(Nothing(), "sk_live_" + "a" * 36)  # type: ignore[arg-type]


async def test_a_key_opens_its_organization_in_its_role(database: Database) -> None:
    tenant = await found(database)

    owner = await authenticate(database, tenant.api_key)
    viewer = await authenticate(database, await tenant.key(Role.VIEWER, "environments:read"))

    assert (owner.organization_id, owner.user_id, owner.role) == (tenant.id, tenant.user_id, Role.OWNER)
    assert (viewer.role, viewer.scopes) == (Role.VIEWER, frozenset({"environments:read"}))


async def test_an_unknown_key_and_a_revoked_one_are_told_apart_by_nobody(database: Database) -> None:
    tenant = await found(database)
    revoked = await tenant.key(Role.ADMIN)
    credential = (await authenticate(database, revoked)).credential_id
    work = tenant.work()
    await Identity(work, tenant.actor).revoke_key(credential)
    await work.commit()

    messages = set()
    for key in (revoked, keys.new_key()):
        with pytest.raises(Unauthorized) as refused:
            await authenticate(database, key)
        messages.add(refused.value.message)

    assert len(messages) == 1
    assert (await authenticate(database, tenant.api_key)).organization_id == tenant.id


async def test_the_time_of_last_use_is_written_once_a_minute(database: Database, clock: MockClock) -> None:
    tenant = await found(database)
    written: list[int] = []
    commit = database.commit

    async def counted(changes):  # type: ignore[no-untyped-def]
        written.append(len(changes))
        await commit(changes)

    database.commit = counted  # type: ignore[method-assign]
    for _ in range(10):
        await authenticate(database, tenant.api_key, clock=clock)
    once = len(written)
    clock.forward(LAST_USED_EVERY.total_seconds())
    await authenticate(database, tenant.api_key, clock=clock)
    still = len(written)
    clock.forward(1)
    await authenticate(database, tenant.api_key, clock=clock)

    assert (once, still, len(written)) == (1, 1, 2)
    [record] = (await Identity(tenant.work(), tenant.actor).keys(10, None)).items
    assert record.last_used_at == clock.present


async def test_the_key_itself_is_nowhere_in_the_data_directory(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve()
    made = (await server.data('mutation { createApiKey(input: {name: "x"}) { key } }'))["createApiKey"]["key"]
    await server.with_key(made).get("/v1/environments")
    body = {"blueprint": {"services": {"web": {"run": "x", "env": {"P": "${secrets.P}"}}}}}
    await server.create(**body, secrets=[{"name": "P", "value": "hunter2-hunter2"}])

    files = [path for path in server.product.settings.data_dir.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        for secret in (made, server.tenant.api_key, "hunter2-hunter2"):
            assert secret.encode() not in content, path.name


async def test_the_data_directory_and_the_vaults_key_are_the_owners(serve: Callable[..., Awaitable[Served]]) -> None:
    data_dir = (await serve()).product.settings.data_dir

    assert (data_dir / "secret.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("scopes", [[], ["everything"], ["environments"], ["environments:fly"], ["*", "x"]])
async def test_unknown_scopes_are_refused(organization: Tenant, scopes: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="scopes"):
        add_key(organization.work(), organization.id, organization.user_id, name="x", scopes=scopes)


async def test_nobody_gives_away_more_than_they_have(organization: Tenant) -> None:
    limited = Actor(
        organization.id, organization.user_id, Role.OWNER, frozenset({"credentials:admin", "environments:read"})
    )
    identity = Identity(organization.work(), limited)

    for beyond in (["*"], ["environments:write"], ["environments:read", "organization:admin"]):
        with pytest.raises(InvalidRequest, match="give them away"):
            identity.create_key("x", beyond)
    record, _ = identity.create_key("x", ["environments:read"])

    assert record.user_id == limited.user_id


async def test_revoking_twice_is_the_same_as_once_and_of_nothing_is_not_found(organization: Tenant) -> None:
    [record] = (await Identity(organization.work(), organization.actor).keys(10, None)).items
    work = organization.work()
    once = await Identity(work, organization.actor).revoke_key(record.id)
    await work.commit()

    twice = await Identity(organization.work(), organization.actor).revoke_key(record.id)

    assert twice.revoked_at == once.revoked_at
    with pytest.raises(NotFound):
        await Identity(organization.work(), organization.actor).revoke_key("key_x")


async def test_an_address_belongs_to_one_user_and_a_user_is_a_member_once(database: Database) -> None:
    tenant = await found(database)
    work = tenant.work()
    add_member(work, tenant.id, tenant.user_id, Role.VIEWER)
    with pytest.raises(Conflict, match="member already"):
        await work.commit()

    for expected in (None, Conflict):
        work = UnitOfWork(database, None)
        found_organization(work, name="two", email="same@example.com")
        if expected is None:
            await work.commit()
        else:
            with pytest.raises(expected, match=r"same@example\.com"):
                await work.commit()


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", Kind)
async def test_role_and_scope_both_have_to_permit(role: Role, kind: Kind) -> None:
    whole = Actor("o", "u", role)
    exact = Actor("o", "u", role, frozenset({f"environments:{kind}"}))
    other = Actor("o", "u", role, frozenset({"organization:admin"}))

    assert whole.may(Scope.ENVIRONMENTS, kind) == exact.may(Scope.ENVIRONMENTS, kind) == (kind in PERMITS[role])
    assert not other.may(Scope.ENVIRONMENTS, kind)
    with pytest.raises(Forbidden):
        other.require(Scope.ENVIRONMENTS, kind)


def test_a_stronger_scope_includes_the_weaker_ones() -> None:
    strength = [Kind.READ, Kind.WRITE, Kind.ADMIN]

    for given in strength:
        actor = Actor("o", "u", Role.OWNER, frozenset({f"environments:{given}"}))
        assert [actor.may(Scope.ENVIRONMENTS, kind) for kind in strength] == [
            strength.index(kind) <= strength.index(given) for kind in strength
        ]
    assert len(SCOPES) == 1 + len(Scope) * len(Kind)
