"""What is watched: an event of six fields, five times a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import strawberry

WATCH = 'subscription Watch { ticks(of: "s1") { id source number stream text at } }'
EVERY_SECONDS = 0.2


@strawberry.type(description="An event.")
class Tick:
    id: strawberry.ID = strawberry.field(description="Its id.")
    source: strawberry.ID = strawberry.field(description="Of what it is.")
    number: int = strawberry.field(description="Counts from 1.")
    stream: str = strawberry.field(description="Where it came from.")
    text: str = strawberry.field(description="What it says.")
    at: str = strawberry.field(description="When it was.")


def tick(number: int) -> Tick:
    """One of the events."""
    return Tick(
        id=strawberry.ID(f"l{number}"),
        source=strawberry.ID("s1"),
        number=number,
        stream="stdout",
        text="[build] step 14/22: compiling module soundstage.core.plan ok",
        at="2026-08-01T10:00:00Z",
    )


async def made() -> AsyncIterator[Tick]:
    """One event after another, for ever."""
    number = 0
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        number += 1
        yield tick(number)


class Hub:
    """Hands each event to a queue for each subscriber, as Strawberry's users do."""

    def __init__(self) -> None:
        self.queues: set[asyncio.Queue[Tick]] = set()
        self._task: asyncio.Task[None] | None = None

    async def _run(self) -> None:
        async for each in made():
            for queue in self.queues:
                queue.put_nowait(each)

    async def watch(self) -> AsyncGenerator[Tick, None]:
        """Events from now on."""
        self._task = self._task or asyncio.create_task(self._run())
        queue: asyncio.Queue[Tick] = asyncio.Queue()
        self.queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self.queues.discard(queue)
