"""Work that nobody waits for any more is cancelled: what a client asks a database goes no further than the client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from app.core.errors import Conflict

T = TypeVar("T")


class ClientGone(Conflict):
    """The client closed the connection before the answer: it was cancelled."""

    code = "CLIENT_GONE"


async def unless_gone(gone: Callable[[], Awaitable[None]] | None, work: Coroutine[Any, Any, T]) -> T:
    """The work's result; raises `ClientGone` where the client leaves before, once the work has ended too."""
    if gone is None:
        return await work
    task: asyncio.Task[T] = asyncio.create_task(work)
    leaving = asyncio.ensure_future(gone())
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is None:
            return task.result()  # it was done before it could be cancelled: it is to be recorded
        raise ClientGone()
    finally:
        leaving.cancel()
        task.cancel()
        await asyncio.gather(task, leaving, return_exceptions=True)
