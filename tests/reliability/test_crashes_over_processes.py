"""The failpoints of the lifecycle over real processes: after any crash, three passes bring all where it was to be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.database.changes import Database
from app.database.migrate import migrate_sqlite
from app.database.sqlite import SqliteDatabase
from app.engines.process import ProcessEngine
from tests.support.clock import MockClock
from tests.support.lifecycles import Failpoints, World, live_through
from tests.support.tenants import found

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    await migrate_sqlite(tmp_path / "soundstage.db")
    database = await SqliteDatabase(tmp_path / "soundstage.db").open()
    yield database
    await database.close()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[ProcessEngine]:
    engine = ProcessEngine(tmp_path / "data")
    yield engine
    await engine.shutdown()


@pytest.mark.timeout(400)
async def test_a_crash_at_any_call_is_overcome(database: Database, engine: ProcessEngine) -> None:
    run = "exec sleep 1000"
    calls = await live_through(World(await found(database), MockClock(), engine=engine, run=run), Failpoints())

    for crash_at in range(1, calls + 1):
        for after in (False, True):
            points = Failpoints(crash_at, after=after)
            await live_through(World(await found(database), MockClock(), engine=engine, run=run), points)
            assert points.calls >= crash_at, "the crash did not come"
