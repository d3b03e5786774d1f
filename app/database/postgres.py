"""PostgreSQL through asyncpg: a pool, prepared statements, one transaction for each unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from app.core.errors import StorageUnavailable
from app.core.streams import Wakeups
from app.database.changes import Change
from app.database.statements import Compiled

POOL_SIZE = 10
COMMAND_SECONDS = 30.0
ATTEMPTS = 3
_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was lost in the middle of a statement
    asyncpg.OperatorInterventionError,
    TimeoutError,
)
_TRY_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class PostgresDatabase:
    """A PostgreSQL database. The same statements as on SQLite, compiled for its dialect."""

    name = "postgresql"

    def __init__(self, url: str) -> None:
        self.url = url
        self.news = Wakeups()
        self._pool: Any = None

    async def open(self) -> PostgresDatabase:
        """Connects; raises `StorageUnavailable` when the server does not answer."""
        try:
            self._pool = await asyncpg.create_pool(
                self.url, min_size=1, max_size=POOL_SIZE, command_timeout=COMMAND_SECONDS, reset=_keep_session
            )
        except (*_LOST, asyncpg.PostgresError) as error:
            raise StorageUnavailable(f"PostgreSQL cannot be reached: {error}.") from error
        return self

    def version(self) -> int | None:
        return None

    async def fetch(self, compiled: Compiled, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
        try:
            rows: Sequence[Sequence[Any]] = await self._pool.fetch(compiled.text, *arguments)
            return rows
        except _LOST as error:
            raise StorageUnavailable(f"PostgreSQL does not answer: {error}.") from error

    async def commit(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._commit(changes)
                return
            except _TRY_AGAIN as error:
                if attempt == ATTEMPTS:
                    raise StorageUnavailable(f"The change was not stored: {error}. Retry.") from error
            except (*_LOST, asyncpg.InsufficientResourcesError) as error:
                raise StorageUnavailable(f"The change was not stored: {error}.") from error

    async def _commit(self, changes: Sequence[Change]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            for change in changes:
                try:
                    status = await connection.execute(change.compiled.text, *change.arguments)
                except asyncpg.IntegrityConstraintViolationError as error:
                    raise change.broken() from error
                change.check(int(status.rsplit(" ", 1)[-1]))

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()


async def _keep_session(connection: Any) -> None:
    """Our statements leave no session state behind, so the pool's reset (150 µs) is left out."""
