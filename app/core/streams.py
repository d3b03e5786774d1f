"""The one contract of every stream.

Each item has a position that only grows. `after` resumes behind a position. What is no longer there is told by an
explicit gap (from, to). A viewer *pulls*: the producer stores its items, wakes the viewers and never waits for one, so
what a viewer can hold up is bounded by its own pace. A stream ends with a reason.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

#: How long a viewer sleeps at most before it looks for itself: a wake-up is a hint and may be lost between nodes.
LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Gap:
    """Items from position `start` to `end`, both included, are no longer there."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class End:
    """Nothing follows, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Items(Generic[T]):
    """What a source has after a position: consecutive items, and whether the stream ends with them."""

    items: Sequence[tuple[int, T]]
    end: End | None = None


class Wakeups:
    """Wakes those who wait for news of a key. Holds nothing for keys that nobody waits for."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def notify(self, key: str) -> None:
        """Wakes everyone who waits for this key."""
        for future in self._waiting.pop(key, ()):
            if not future.done():
                future.set_result(None)

    def notify_all(self) -> None:
        """Wakes everyone: news may have been missed."""
        for key in list(self._waiting):
            self.notify(key)

    def waiter(self, key: str) -> asyncio.Future[None]:
        """A future that the next `notify` resolves. Take it before you look, so that nothing falls in between."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[key].add(future)
        return future

    def forget(self, key: str, future: asyncio.Future[None]) -> None:
        """Gives a future back that is no longer waited for."""
        future.cancel()
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.discard(future)
            if not waiting:
                del self._waiting[key]

    @property
    def waiting(self) -> int:
        """How many wait at present."""
        return sum(map(len, self._waiting.values()))


async def follow(
    load: Callable[[int], Awaitable[Items[T]]], wakeups: Wakeups, key: str, after: int
) -> AsyncIterator[tuple[int, T] | Gap | End]:
    """Everything after a position: what was missed, then what comes, until the end. Items carry their position."""
    while True:
        waiter = wakeups.waiter(key)
        try:
            found = await load(after)
            for position, item in found.items:
                if position > after + 1:
                    yield Gap(after + 1, position - 1)
                yield position, item
                after = position
            if found.end is not None:
                yield found.end
                return
            if not found.items:
                await asyncio.wait([waiter], timeout=LOOK_AGAIN_SECONDS)
        finally:
            wakeups.forget(key, waiter)
