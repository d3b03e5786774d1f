"""What only SQLite can suffer: a full disk, a killed process, a reader that would write."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.errors import StorageUnavailable
from app.core.ids import new_id
from app.database import sqlite
from app.database.sqlite import SqliteDatabase
from app.database.unit_of_work import UnitOfWork
from app.identity import repository as identity
from app.identity.models import Organization, Plan
from tests.support.databases import Databases

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]


def _organization(name: str) -> dict[str, object]:
    return Organization(id=new_id("org"), name=name, plan=Plan.FREE, created_at=datetime.now(UTC)).__dict__


async def test_readers_cannot_write(databases: Databases) -> None:
    database = await SqliteDatabase(databases.sqlite()).open()
    compiled = identity.ADD_ORGANIZATION.compiled("sqlite")

    with pytest.raises(StorageUnavailable, match="readonly"):
        await database.fetch(compiled, compiled.arguments(_organization("x")))
    await database.close()


async def test_a_full_disk_is_told_and_leaves_nothing_half_written(databases: Databases) -> None:
    """The file may not grow by more than a few pages: SQLite then says the same as on a full disk."""
    path = databases.sqlite()
    with sqlite3.connect(path) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    pragmas = sqlite._PRAGMAS
    stored, refused = 0, None
    try:
        sqlite._PRAGMAS = (*pragmas, f"PRAGMA max_page_count={pages + 3}")
        database = await SqliteDatabase(path).open()
        while refused is None:
            work = UnitOfWork(database, None)
            for half in "ab":
                work.write(identity.ADD_ORGANIZATION, **_organization(f"{stored}{half}" + "x" * 500))
            refused = (await asyncio.gather(work.commit(), return_exceptions=True))[0]
            stored += refused is None
        await database.close()
    finally:
        sqlite._PRAGMAS = pragmas

    database = await SqliteDatabase(path).open()
    work = UnitOfWork(database, None)
    work.write(identity.ADD_ORGANIZATION, **_organization("after"))
    await work.commit()
    await database.close()

    assert isinstance(refused, StorageUnavailable)
    assert "full" in refused.message
    assert "free space" in refused.message
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM organizations").fetchone() == (stored * 2 + 1,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database, and it is long enough to be looked at" * 100)

    with pytest.raises(StorageUnavailable):
        await SqliteDatabase(broken).open()


async def test_a_closed_database_refuses_changes(databases: Databases) -> None:
    database = await SqliteDatabase(databases.sqlite()).open()
    await database.close()
    work = UnitOfWork(database, None)
    work.write(identity.ADD_ORGANIZATION, **_organization("late"))

    with pytest.raises(StorageUnavailable):
        await work.commit()


WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from app.core.ids import new_id
from app.database.sqlite import SqliteDatabase
from app.database.unit_of_work import UnitOfWork
from app.identity import repository
from app.identity.models import Organization, Plan

async def write(database, writer):
    number = 0
    while True:
        name = f"{writer}-{number}"
        work = UnitOfWork(database, None)
        for half in "ab":
            record = Organization(id=new_id("org"), name=name + half, plan=Plan.FREE, created_at=datetime.now(UTC))
            work.write(repository.ADD_ORGANIZATION, **record.__dict__)
        await work.commit()
        sys.stdout.write(name + "\\n")
        sys.stdout.flush()
        number += 1

async def main():
    database = await SqliteDatabase(Path(sys.argv[1])).open()
    await asyncio.gather(*(write(database, writer) for writer in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("killed_after", [1, 50, 400])
def test_a_killed_process_loses_nothing_that_it_acknowledged(databases: Databases, killed_after: int) -> None:
    path = databases.sqlite()
    acknowledged: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as writer:
        assert writer.stdout is not None
        while len(acknowledged) < killed_after:
            acknowledged.append(writer.stdout.readline().strip())
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split("\n")
        acknowledged += [line for line in rest[:-1] if line]

    connection = sqlite3.connect(path)
    stored = {name for (name,) in connection.execute("SELECT name FROM organizations")}
    assert len(acknowledged) >= killed_after
    assert {name + half for name in acknowledged for half in "ab"} <= stored
    assert {name[:-1] + "a" for name in stored} == {name for name in stored if name.endswith("a")}, (
        "half a unit of work"
    )
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
