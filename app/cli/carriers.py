"""Runs coroutines that seldom wait, at once and without a task of their own each."""

from __future__ import annotations

import asyncio
from asyncio import tasks
from collections.abc import Coroutine, Generator
from contextvars import Context, copy_context
from types import coroutine as as_coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Waits(Exception, Generic[T]):
    """The coroutine waits for something; the task goes on with it, and its result is the coroutine's."""

    def __init__(self, task: asyncio.Task[T]) -> None:
        super().__init__()
        self.task = task


class Carriers:
    """Starts coroutines right away, in the name of a task that takes over where one of them has to wait.

    Most answers are there without waiting for anything: a task for each, the turn of the loop that it begins in, and
    the turn that it ends in take longer than they do. Python has the same from 3.12 on (`asyncio.eager_task_factory`),
    but makes the task all the same. Whoever makes it calls `close`.
    """

    def __init__(self) -> None:
        self._idle: _Carrier | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns. Raises what it raises, and `Waits` where it is not done at once.

        To be called from what is no task itself, such as a callback of the loop.
        """
        carrier = self._idle
        if carrier is None or not carrier.ready or carrier.task.done():
            # A task that has not begun cannot take over: cancelled before it begins, it would drop what it has taken.
            if carrier is None or carrier.task.done():
                self._idle = _Carrier()
            raise Waits(asyncio.get_running_loop().create_task(work))
        loop, task = carrier.loop, carrier.task
        tasks._enter_task(loop, task)
        try:
            waits_for = carrier.context.run(work.send, None)
        except StopIteration as ended:
            found: T = ended.value
            return found
        finally:
            tasks._leave_task(loop, task)
        self._idle = _Carrier()
        carrier.taken.set_result((work, waits_for))
        raise Waits(task)

    def close(self) -> None:
        """Ends the task that waits for something to take over."""
        if self._idle is not None:
            self._idle.task.cancel()
            self._idle = None


class _Carrier:
    """A task that waits for a coroutine to go on with."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.context: Context = copy_context()
        #: Whether it has begun to wait.
        self.ready = False
        #: What has begun, and what it waits for.
        self.taken: asyncio.Future[tuple[Coroutine[Any, Any, Any], Any]] = self.loop.create_future()
        self.task: asyncio.Task[Any] = self.loop.create_task(self._carry(), context=self.context)

    async def _carry(self) -> Any:
        self.ready, error = True, None
        try:
            work, waits_for = await self.taken
        except asyncio.CancelledError as cancelled:
            if not self.taken.done() or self.taken.cancelled():
                raise
            (work, waits_for), error = self.taken.result(), cancelled
        return await _rest(work, waits_for, error)


@as_coroutine
def _rest(work: Coroutine[Any, Any, T], waits_for: Any, error: BaseException | None) -> Generator[Any, Any, T]:
    """Goes on with a coroutine that has begun already and waits for this, or that is to get an error instead."""
    while True:
        if error is None:
            try:
                yield waits_for
            except GeneratorExit:
                work.close()
                raise
            except BaseException as raised:
                error = raised
        try:
            waits_for = work.send(None) if error is None else work.throw(error)
        except StopIteration as ended:
            found: T = ended.value
            return found
        error = None
