"""What only PostgreSQL can suffer: its server is killed, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from app.core.errors import StorageUnavailable
from app.core.ids import new_id
from app.database.migrate import migrate_postgres
from app.database.postgres import PostgresDatabase
from app.database.unit_of_work import UnitOfWork
from app.identity import repository as identity
from app.identity.models import Organization, Plan
from app.settings import Settings
from tests.support.postgres import PostgresServer
from tests.support.serving import Served
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server of its own: the others' must not be killed."""
    with PostgresServer() as server:
        yield server


async def _add(database: PostgresDatabase, name: str) -> None:
    work = UnitOfWork(database, None)
    record = Organization(id=new_id("org"), name=name, plan=Plan.FREE, created_at=datetime.now(UTC))
    work.write(identity.ADD_ORGANIZATION, **record.__dict__)
    await work.commit()


async def test_a_killed_server_loses_nothing_that_was_acknowledged(postgres: PostgresServer) -> None:
    dsn = await postgres.create_database()
    await migrate_postgres(dsn)
    database = await PostgresDatabase(dsn).open()
    acknowledged: list[str] = []
    ended = asyncio.Event()

    async def write(writer: int) -> None:
        for number in range(10_000):
            try:
                await _add(database, f"{writer}-{number}")
            except StorageUnavailable:
                ended.set()
                return
            acknowledged.append(f"{writer}-{number}")

    writers = [asyncio.create_task(write(writer)) for writer in range(6)]

    async def enough() -> bool:
        return len(acknowledged) > 60

    await until(enough)
    postgres.kill()
    await asyncio.gather(*writers)
    with pytest.raises(StorageUnavailable):
        await _add(database, "while it is down")
    postgres.start()

    await _add(database, "afterwards")
    from app.database.statements import everywhere, statement
    from app.identity.models import OrganizationTable

    rows = await UnitOfWork(database, None).all(statement(everywhere(OrganizationTable), Organization))
    assert ended.is_set()
    assert {row.name for row in rows} >= {*acknowledged, "afterwards"}
    await database.close()


async def test_the_product_says_so_and_works_again_without_a_restart(postgres: PostgresServer, tmp_path) -> None:  # type: ignore[no-untyped-def]
    dsn = await postgres.create_database()
    async with Served(Settings(data_dir=tmp_path / "data", database_url=dsn)) as server:
        known = await server.running()

        postgres.kill()
        answer = await server.get("/v1/environments")
        ready = await server.get("/ready")
        alive = await server.get("/health/live")
        by_graphql = await server.code("{ environments { nodes { id } } }")
        postgres.start()

        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_unavailable")
        assert (ready.status_code, alive.status_code) == (503, 200)
        assert by_graphql == "STORAGE_UNAVAILABLE"

        async def back() -> bool:
            return (await server.get("/ready")).status_code == 200

        await until(back)
        assert (await server.post(f"/v1/environments/{known}/stop")).status_code == 200
        await server.reach(known, "stopped", seconds=30)


async def test_a_server_that_is_not_there_is_told(postgres: PostgresServer) -> None:
    nowhere = "postgresql://postgres:x@127.0.0.1:1/nowhere"

    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        await PostgresDatabase(nowhere).open()
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        await migrate_postgres(nowhere)
