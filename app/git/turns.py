"""One at a time: operations on the same working copy or the same branch queue up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app.core.errors import Unavailable

#: Operations that may wait for one working copy, and for how many seconds.
MOST_WAITING = 200
LONGEST_WAIT = 60.0


class Busy(Unavailable):
    """Too much is going on in this working copy at once. Wait a little, then retry."""

    code = "BUSY"


@dataclass
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Turns:
    """Queues by name, in the order of asking. One process serves a data directory, so locks in memory are enough."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Waits for the turn; raises `Busy` where too many wait already, or for too long."""
        queue = self._queues.setdefault(name, _Queue())
        if queue.users > MOST_WAITING:
            raise Busy()
        queue.users += 1
        try:
            try:
                async with asyncio.timeout(LONGEST_WAIT):
                    await queue.lock.acquire()
            except TimeoutError:
                raise Busy() from None
            try:
                yield
            finally:
                queue.lock.release()
        finally:
            queue.users -= 1
            if not queue.users and self._queues.get(name) is queue:
                del self._queues[name]
