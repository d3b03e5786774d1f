"""Brings a database to the newest revision. A database that is there already costs one query."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.core.errors import StorageUnavailable

SCRIPTS = Path(__file__).parent / "migrations"


@cache
def newest_revision() -> str:
    """The head of the migrations, read from the names `0001_….py`, which are the revisions."""
    names = sorted(path.stem for path in (SCRIPTS / "versions").glob("[0-9]*.py"))
    return re.split("_", names[-1])[0]


async def migrate_sqlite(path: Path) -> None:
    """Makes or upgrades a SQLite file; raises `StorageUnavailable` when it cannot be written."""
    try:
        if _sqlite_revision(path) == newest_revision():
            return
        await asyncio.to_thread(upgrade, f"sqlite:///{path}")
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        raise StorageUnavailable(f"The database {path} cannot be opened: {error}.") from error


async def migrate_postgres(url: str) -> None:
    """Makes or upgrades a PostgreSQL database; raises `StorageUnavailable` when it does not answer."""
    import asyncpg  # imported late: a server on SQLite starts without it

    try:
        connection = await asyncpg.connect(url, timeout=10)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise StorageUnavailable(f"PostgreSQL cannot be reached: {error}.") from error
    try:
        try:
            current = await connection.fetchval("SELECT version_num FROM alembic_version")
        except asyncpg.UndefinedTableError:
            current = None
    finally:
        await connection.close()
    if current != newest_revision():
        await asyncio.to_thread(upgrade, re.sub(r"^postgres(ql)?://", "postgresql+asyncpg://", url))


def _sqlite_revision(path: Path) -> str | None:
    if not path.exists():
        return None
    connection = sqlite3.connect(path)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()


def configuration(url: str) -> Any:
    """Alembic's configuration for a database, without an ini file."""
    from alembic.config import Config  # imported late: a server whose database is there starts without it

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Runs the missing migrations, in a thread of its own."""
    from alembic import command

    command.upgrade(configuration(url), revision)
