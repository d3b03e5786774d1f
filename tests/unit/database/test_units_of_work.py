"""Units of work on both databases: together or not at all, durable once acknowledged, and each organization apart."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.core.errors import Conflict, NotFound
from app.core.ids import new_id
from app.database.changes import Database
from app.database.types import NulCharacter
from app.database.unit_of_work import TenancyError, UnitOfWork
from app.environments import repository as environments
from app.identity import repository as identity
from app.identity.models import Organization, Plan, User
from tests.support.tenants import Tenant, found

pytestmark = pytest.mark.anyio


def _user(email: str) -> User:
    return User(
        id=new_id("usr"), email=email, name="A user", created_at=datetime(2026, 4, 17, 12, 30, 15, 123456, tzinfo=UTC)
    )


async def _organizations(database: Database) -> int:
    rows = await database.fetch(*_all(database))
    return len(rows)


def _all(database: Database):  # type: ignore[no-untyped-def]
    from app.database.statements import everywhere, statement
    from app.identity.models import OrganizationTable

    compiled = statement(everywhere(OrganizationTable), Organization).compiled(database.name)
    return compiled, []


def _organization(name: str = "one") -> Organization:
    return Organization(id=new_id("org"), name=name, plan=Plan.PRO, created_at=datetime.now(UTC))


async def test_changes_are_done_together(database: Database) -> None:
    work = UnitOfWork(database, None)
    work.write(identity.ADD_ORGANIZATION, **_organization().__dict__)
    work.write(identity.ADD_USER, **_user("a@example.com").__dict__)
    work.write(identity.ADD_USER, otherwise=Conflict("taken"), **_user("a@example.com").__dict__)

    with pytest.raises(Conflict, match="taken"):
        await work.commit()

    assert await _organizations(database) == 0
    assert not work.has_changes


async def test_a_guard_that_does_not_hold_undoes_everything(database: Database) -> None:
    work = UnitOfWork(database, None)
    work.write(identity.ADD_ORGANIZATION, **_organization().__dict__)
    work.write(
        identity.KEY_USED,
        id="nobody",
        organization_id="org_x",
        moment=datetime.now(UTC),
        expect=1,
        otherwise=NotFound("gone"),
    )

    with pytest.raises(NotFound, match="gone"):
        await work.commit()

    assert await _organizations(database) == 0


async def test_one_failing_unit_of_work_does_not_fail_the_others_of_its_group(database: Database) -> None:
    async def add(number: int) -> None:
        work = UnitOfWork(database, None)
        work.write(identity.ADD_ORGANIZATION, **_organization(f"n{number}").__dict__)
        email = "same@example.com" if number % 10 == 5 else f"{number}@example.com"
        work.write(identity.ADD_USER, **_user(email).__dict__)
        await work.commit()

    results = await asyncio.gather(*(add(number) for number in range(200)), return_exceptions=True)

    failed = [result for result in results if result is not None]
    assert len(failed) == 19, "twenty had the same address"
    assert all(isinstance(result, Conflict) for result in failed)
    assert await _organizations(database) == 181


async def test_what_is_acknowledged_is_readable_at_once(database: Database) -> None:
    for number in range(1, 51):
        work = UnitOfWork(database, None)
        work.write(identity.ADD_ORGANIZATION, **_organization(f"n{number}").__dict__)
        await work.commit()
        assert await _organizations(database) == number


async def test_callbacks_come_after_the_commit_and_only_then(database: Database) -> None:
    called: list[str] = []
    good, bad = UnitOfWork(database, None), UnitOfWork(database, None)
    good.write(identity.ADD_USER, **_user("a@example.com").__dict__)
    good.after_commit(lambda: called.append("good"))
    bad.write(identity.ADD_USER, **_user("a@example.com").__dict__)
    bad.after_commit(lambda: called.append("bad"))

    await good.commit()
    with pytest.raises(Conflict):
        await bad.commit()

    assert called == ["good"]


async def test_who_is_cancelled_while_committing_breaks_nothing(database: Database) -> None:
    async def add(number: int) -> None:
        work = UnitOfWork(database, None)
        work.write(identity.ADD_USER, **_user(f"{number % 50}@example.com").__dict__)
        await work.commit()

    tasks = [asyncio.create_task(add(number)) for number in range(100)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    work = UnitOfWork(database, None)
    work.write(identity.ADD_ORGANIZATION, **_organization().__dict__)
    await work.commit()
    assert await _organizations(database) == 1


async def test_a_statement_of_all_organizations_is_refused_for_an_actor(organization: Tenant) -> None:
    work = organization.work()

    for statement, parameters in [
        (environments.SYSTEM_BY_ID, {"id": "x"}),
        (environments.DUE, {"now": datetime.now(UTC), "limit": 1}),
        (identity.FIRST_ORGANIZATION, {}),
        (identity.CREDENTIAL_BY_HASH, {"hash": "x"}),
    ]:
        with pytest.raises(TenancyError):
            await work.all(statement, **parameters)
    with pytest.raises(TenancyError):
        work.write(environments.REMOVE_UNIT, id="x")
    assert not work.has_changes


async def test_another_organization_cannot_be_given_as_a_parameter(database: Database, organization: Tenant) -> None:
    other = await found(database)

    with pytest.raises(TenancyError):
        await organization.work().all(identity.MEMBERS, organization_id=other.id)
    with pytest.raises(TenancyError):
        organization.work().write(identity.KEY_USED, id="x", moment=datetime.now(UTC), organization_id=other.id)


async def test_rows_of_another_organization_are_not_there(database: Database, organization: Tenant) -> None:
    other = await found(database)

    assert {member.organization_id for member in await organization.work().all(identity.MEMBERS)} == {organization.id}
    assert {member.organization_id for member in await other.work().all(identity.MEMBERS)} == {other.id}


async def test_both_databases_give_back_what_was_stored(database: Database) -> None:
    """Times with their zone and microseconds, JSON of every kind, enums, nulls, and any text."""
    tenant = await found(database)
    moment = datetime(2026, 4, 17, 14, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))
    blueprint = {"text": "naïve ☂ \\u0000 𝔰", "float": 1.5, "int": 2**53, "null": None, "list": [True, {}], "": ""}
    work = tenant.work()
    values = {
        "session_id": None, "folder": "", "reads": [],
        "id": new_id("env"), "name": "'; DROP TABLE users; --", "created_by": tenant.user_id, "blueprint": blueprint,
        "source": "\r\n\t", "secrets": "", "engine": "memory", "isolation": "plain", "desired": "running",
        "generation": 2**31 - 1, "replicas": {"web": 3}, "attempts": {}, "auto_shutdown": None, "shutdown_at": None,
        "status": "pending", "observed_generation": 0, "ports": {}, "reason": "", "message": "", "failures": 0,
        "retry_at": None, "ready_at": None, "lease_owner": "", "lease_epoch": 0, "lease_until": None,
        "next_at": moment, "version": 1, "created_at": moment, "updated_at": moment,
    }  # fmt: skip
    work.write(environments.ADD, **values)
    await work.commit()

    read = await tenant.work().one(environments.BY_ID, id=values["id"])

    assert read is not None
    assert read.__dict__ == {**values, "organization_id": tenant.id, "shutdown_at": None}
    assert read.created_at.utcoffset() == timedelta(0)
    assert type(read.status).__name__ == "EnvironmentStatus"


@pytest.mark.parametrize("name", ["a\0b", "\0"])
async def test_the_character_that_one_of_them_cannot_store_is_refused_by_both(database: Database, name: str) -> None:
    work = UnitOfWork(database, None)

    with pytest.raises(NulCharacter):
        work.write(identity.ADD_ORGANIZATION, **_organization(name).__dict__)


async def test_a_missing_parameter_is_a_defect_not_a_null(database: Database) -> None:
    with pytest.raises(KeyError):
        UnitOfWork(database, None).write(identity.ADD_USER, id="x")


async def test_what_the_system_changes_for_an_actor_happens_with_its_changes_or_not_at_all(
    database: Database, organization: Tenant
) -> None:
    before, told = await _organizations(database), []
    for expected in (1, 0):
        work, system = organization.work(), UnitOfWork(database, None)
        system.write(identity.ADD_ORGANIZATION, **_organization().__dict__)
        system.after_commit(lambda: told.append("system"))
        work.write(identity.REVOKE_KEY, expect=1 - expected, id="key_of_nobody", revoked_at=datetime.now(UTC))

        work.include(system)

        assert not system.has_changes
        if expected == 1:
            await work.commit()
        else:
            with pytest.raises(Conflict):
                await work.commit()

    assert await _organizations(database) == before + 1
    assert told == ["system"]
