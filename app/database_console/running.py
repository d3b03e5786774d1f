"""What is being asked of databases at the moment, so that it can be cancelled and does not get too much."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from app.database_console.errors import QueryCancelled, QueryNameTaken, TooManyQueries

T = TypeVar("T")

MOST, MOST_OF_ORGANIZATION = 32, 8


@dataclass(frozen=True, slots=True)
class Key:
    """What names a running statement."""

    organization_id: str
    service_id: str
    name: str


class Running:
    """The statements of this server. One that runs on another server is cancelled there."""

    def __init__(self) -> None:
        self._tasks: dict[Key, asyncio.Task[Any]] = {}
        self._cancelled: set[Key] = set()
        self._counts: Counter[str] = Counter()

    async def run(self, key: Key, asked: Coroutine[Any, Any, T]) -> T:
        """Runs it under its name; raises `TooManyQueries`, `QueryNameTaken`, and `QueryCancelled` once it is."""
        try:
            self._admit(key)
        except BaseException:
            asked.close()
            raise
        task: asyncio.Task[T] = asyncio.create_task(asked)
        self._tasks[key] = task
        self._counts[key.organization_id] += 1
        try:
            return await task
        except asyncio.CancelledError:
            if key in self._cancelled:
                raise QueryCancelled() from None
            raise
        finally:
            del self._tasks[key]
            self._cancelled.discard(key)
            self._counts[key.organization_id] -= 1
            self._counts += Counter()  # forgets whoever has none left

    def cancel(self, key: Key) -> bool:
        """Cancels a statement in its database; says whether there was one."""
        task = self._tasks.get(key)
        if task is None:
            return False
        self._cancelled.add(key)
        return task.cancel()

    def _admit(self, key: Key) -> None:
        if key in self._tasks:
            raise QueryNameTaken()
        if len(self._tasks) >= MOST or self._counts[key.organization_id] >= MOST_OF_ORGANIZATION:
            raise TooManyQueries(retryAfter=1)
