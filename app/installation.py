"""An installation on its machine: data directory and database. Commands open it without the rest of a server."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from app.core.ids import new_id
from app.database.changes import Database
from app.database.migrate import migrate_postgres, migrate_sqlite
from app.database.sqlite import SqliteDatabase
from app.settings import Settings


async def open_database(settings: Settings) -> Database:
    """The database of these settings, at its newest revision. Raises `StorageUnavailable`."""
    if settings.database_url:
        from app.database.postgres import PostgresDatabase  # imported late: a server on SQLite starts without it

        await migrate_postgres(settings.database_url)
        return await PostgresDatabase(settings.database_url).open()
    await migrate_sqlite(settings.sqlite_path)
    return await SqliteDatabase(settings.sqlite_path).open()


def make_data_dir(path: Path) -> Path:
    """The data directory, readable by its owner only."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def node_name(data_dir: Path) -> str:
    """This node's own name, the same after a restart: what leases are held under."""
    file = data_dir / "node"
    with suppress(FileNotFoundError):
        return file.read_text().strip()
    file.write_text(name := new_id("node"))
    return name
