"""Migrations: what they make is what the models say, on both databases, forth and back."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, pool
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.errors import StorageUnavailable
from app.database.migrate import configuration, migrate_postgres, migrate_sqlite, newest_revision, upgrade
from app.tables import METADATA
from tests.support.databases import Databases, in_a_thread

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def url(databases: Databases, kind: str, tmp_path: Path) -> str:
    """An empty database, as SQLAlchemy names it."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return in_a_thread(databases.postgres.create_database()).replace("postgresql://", "postgresql+asyncpg://")


def _look(url: str, look: Callable[[Connection], Any]) -> Any:
    if url.startswith("sqlite"):
        engine = create_engine(url, poolclass=pool.NullPool)
        with engine.connect() as connection:
            return look(connection)

    async def run() -> Any:
        engine = create_async_engine(url, poolclass=pool.NullPool)
        async with engine.connect() as connection:
            found = await connection.run_sync(look)
        await engine.dispose()
        return found

    return in_a_thread(run())


def _tables(url: str) -> set[str]:
    found: set[str] = _look(url, lambda connection: set(inspect(connection).get_table_names()))
    return found


def test_migrations_make_what_the_models_say(url: str) -> None:
    in_a_thread(asyncio.to_thread(upgrade, url))

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": _types_differ})
        return compare_metadata(context, METADATA)

    assert _look(url, differences) == []
    assert _tables(url) == {*METADATA.tables, "alembic_version"}


def _types_differ(context: Any, inspected: Any, column: Any, found: Any, wanted: Any) -> bool:
    """By the name that the database gives a type: our own types are not known to alembic."""
    names = [str(kind.compile(context.dialect)).upper() for kind in (found, wanted)]
    equal = {"VARCHAR": "TEXT", "TIMESTAMP": "TIMESTAMP WITH TIME ZONE"}
    normal = [equal.get(name.partition("(")[0], name) for name in names]
    return normal[0] != normal[1]


def test_migrations_go_back_and_forth_again(url: str) -> None:
    in_a_thread(asyncio.to_thread(upgrade, url))

    in_a_thread(asyncio.to_thread(command.downgrade, configuration(url), "base"))
    emptied = _tables(url)
    in_a_thread(asyncio.to_thread(upgrade, url))

    assert emptied == {"alembic_version"}
    assert _tables(url) == {*METADATA.tables, "alembic_version"}


def test_upgrading_twice_is_the_same_as_once(databases: Databases, kind: str, tmp_path: Path) -> None:
    if kind == "sqlite":
        for _ in range(2):
            in_a_thread(migrate_sqlite(tmp_path / "soundstage.db"))
        rows = sqlite3.connect(tmp_path / "soundstage.db").execute("SELECT version_num FROM alembic_version").fetchall()
        assert rows == [(newest_revision(),)]
    else:
        dsn = in_a_thread(databases.postgres.create_database())
        for _ in range(2):
            in_a_thread(migrate_postgres(dsn))


def test_two_nodes_that_start_at_once_migrate_once(databases: Databases) -> None:
    dsn = in_a_thread(databases.postgres.create_database())
    program = (
        "import asyncio, sys; from app.database.migrate import migrate_postgres as go; asyncio.run(go(sys.argv[1]))"
    )

    nodes = [
        subprocess.Popen([sys.executable, "-c", program, dsn], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [node.communicate(timeout=60)[1] for node in nodes]

    assert [node.returncode for node in nodes] == [0, 0], told
    assert _tables(dsn.replace("postgresql://", "postgresql+asyncpg://")) == {*METADATA.tables, "alembic_version"}


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "soundstage.db"
    broken.write_bytes(b"no database" * 1_000)

    with pytest.raises(StorageUnavailable):
        in_a_thread(migrate_sqlite(broken))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")

    with pytest.raises(StorageUnavailable):
        in_a_thread(migrate_sqlite(file / "soundstage.db"))
