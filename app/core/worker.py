"""A loop in the background that looks for what is due: when there is news of it, and each second in any case."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from app.core.errors import SoundstageError
from app.core.streams import Wakeups

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0


class Worker:
    """`start`, then it runs until `close`.

    `look` begins what is due, by `begin` where it takes long; it is called again when something of that has ended. One
    that fails is logged and tried again. What was under way at `close` is cancelled: whoever looks next takes it up.
    """

    def __init__(
        self,
        name: str,
        news: Wakeups,
        topic: str,
        look: Callable[[], Awaitable[None]],
        *,
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.name, self._news, self._topic, self._look, self._first = name, news, topic, look, first
        #: What is under way, and whom it is for.
        self.running: dict[asyncio.Task[None], str] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def close(self) -> None:
        """Ends the loop and what it began."""
        tasks = [*([self._task] if self._task else []), *self.running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def begin(self, work: Coroutine[Any, Any, None], of: str, name: str) -> None:
        """Does something beside the loop, for `of`."""
        task = asyncio.create_task(work, name=name)
        self.running[task] = of
        task.add_done_callback(self.running.pop)

    async def _run(self) -> None:
        if self._first is not None:
            await self._safely(self._first)
        while True:
            waiter = self._news.waiter(self._topic)
            try:
                if await self._safely(self._look):
                    await asyncio.wait([waiter, *self.running], timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED")
                else:
                    await asyncio.sleep(LOOK_SECONDS)
            finally:
                self._news.forget(self._topic, waiter)

    async def _safely(self, step: Callable[[], Awaitable[None]]) -> bool:
        try:
            await step()
        except SoundstageError as error:
            log.warning("worker.failed", worker=self.name, error=error.message)
            return False
        except Exception:
            log.exception("worker.failed", worker=self.name)
            return False
        return True
