"""Databases for tests: migrated once for each kind, then copied for each test."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

from app.database.changes import Database
from app.database.migrate import migrate_postgres, migrate_sqlite
from app.database.postgres import PostgresDatabase
from app.database.sqlite import SqliteDatabase
from tests.support.postgres import PostgresServer

T = TypeVar("T")

KINDS = ("sqlite", "postgresql")
TEMPLATE = "template_soundstage"


def in_a_thread(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end, wherever we are."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, work).result()


class Databases:
    """Makes a new database in a few milliseconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        self._postgres: PostgresServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._postgres is not None:
            self._postgres.close()

    @property
    def postgres(self) -> PostgresServer:
        """The session's PostgreSQL server, with a migrated database to copy from."""
        if self._postgres is None:
            self._postgres = PostgresServer().__enter__()
            dsn = in_a_thread(self._postgres.create_database(TEMPLATE))
            in_a_thread(migrate_postgres(dsn))
        return self._postgres

    @cached_property
    def _sqlite_template(self) -> Path:
        path = self.folder / "template.db"
        in_a_thread(migrate_sqlite(path))
        return path

    def sqlite(self, folder: Path | None = None) -> Path:
        """A migrated SQLite file: `soundstage.db` in the folder."""
        folder = folder or self.folder / f"sqlite-{next(self._numbers)}"
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(self._sqlite_template, folder / "soundstage.db"))

    async def url(self, kind: str, data_dir: Path) -> str:
        """A new database as settings name it: PostgreSQL's address, or nothing for SQLite in the data directory."""
        if kind == "postgresql":
            return await self.postgres.create_database(template=TEMPLATE)
        self.sqlite(data_dir)
        return ""

    @asynccontextmanager
    async def opened(self, kind: str) -> AsyncIterator[Database]:
        """A new database, open."""
        async with AsyncExitStack() as stack:
            made: SqliteDatabase | PostgresDatabase
            if kind == "postgresql":
                dsn = await self.postgres.create_database(template=TEMPLATE)
                made = await PostgresDatabase(dsn).open()
                stack.push_async_callback(self.postgres.drop_database, dsn.rsplit("/", 1)[-1])
            else:
                made = await SqliteDatabase(self.sqlite()).open()
            stack.push_async_callback(made.close)
            yield made
