"""Coroutines that are run at once, and go on in a task where they have to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from app.cli.carriers import Carriers, Waits

pytestmark = pytest.mark.anyio
WHO: ContextVar[str] = ContextVar("who", default="nobody")


async def _ran(carriers: Carriers, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What comes of it when a callback of the loop runs it, as a connection's data does; the first is not told of."""
    if carriers._idle is None:
        with pytest.raises(Waits):
            carriers.run(asyncio.sleep(0))
        await asyncio.sleep(0.001)
    loop = asyncio.get_running_loop()
    told: asyncio.Future[Any] = loop.create_future()

    def begin() -> None:
        try:
            told.set_result(("at once", carriers.run(work())))
        except Waits as waits:
            told.set_result(("later", waits.task))
        except Exception as error:
            told.set_result(("raised", error))

    loop.call_soon(begin)
    return await told


async def test_what_does_not_wait_is_done_at_once_and_makes_no_task() -> None:
    carriers = Carriers()

    async def work() -> str:
        return "done"

    first = await _ran(carriers, work)
    tasks = len(asyncio.all_tasks())
    others = [await _ran(carriers, work) for _ in range(20)]

    assert [first, *others] == [("at once", "done")] * 21
    assert len(asyncio.all_tasks()) == tasks
    carriers.close()


async def test_what_waits_goes_on_in_the_task_that_it_began_in() -> None:
    carriers, seen = Carriers(), []

    async def work() -> str:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())
        await asyncio.sleep(0.01)
        return "slept"

    how, task = await _ran(carriers, work)

    assert how == "later"
    assert await task == "slept"
    assert seen == [task, task]
    carriers.close()


async def test_a_timeout_that_began_at_once_ends_the_coroutine_later() -> None:
    carriers = Carriers()

    async def work() -> str:
        try:
            async with asyncio.timeout(0.02):
                await asyncio.sleep(10)
        except TimeoutError:
            return "timed out"
        return "not"

    _, task = await _ran(carriers, work)

    assert await asyncio.wait_for(task, 5) == "timed out"
    carriers.close()


async def test_groups_of_tasks_and_gathering_work_as_in_a_task() -> None:
    carriers = Carriers()

    async def child(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def work() -> list[int]:
        async with asyncio.TaskGroup() as group:
            made = [group.create_task(child(number)) for number in range(3)]
        return [each.result() for each in made] + await asyncio.gather(child(3), child(4))

    _, task = await _ran(carriers, work)

    assert await task == [0, 1, 2, 3, 4]
    carriers.close()


async def test_errors_are_raised_at_once_or_by_the_task() -> None:
    carriers = Carriers()

    async def now() -> None:
        raise ValueError("now")

    async def later() -> None:
        await asyncio.sleep(0)
        raise ValueError("later")

    how, error = await _ran(carriers, now)
    _, task = await _ran(carriers, later)

    assert (how, str(error)) == ("raised", "now")
    with pytest.raises(ValueError, match="later"):
        await task
    carriers.close()


@pytest.mark.parametrize("turns", [0, 1, 3])
async def test_what_is_cancelled_ends_where_it_waits(turns: int) -> None:
    """Also before the task has taken over: then the coroutine is told so all the same."""
    carriers, seen = Carriers(), []
    await _ran(carriers, lambda: asyncio.sleep(0))
    await asyncio.sleep(0.001)

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            seen.append("cancelled")
            await asyncio.sleep(0)
            seen.append("cleaned up")
            raise

    loop = asyncio.get_running_loop()
    made: list[asyncio.Task[None]] = []

    def begin() -> None:
        with pytest.raises(Waits) as waits:
            carriers.run(work())
        made.append(waits.value.task)
        if not turns:
            made[0].cancel()

    loop.call_soon(begin)
    for _ in range(turns or 1):
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    made[0].cancel()

    with pytest.raises(asyncio.CancelledError):
        await made[0]
    assert seen[0] == "cancelled"
    carriers.close()


async def test_many_at_once_that_wait_differently_are_kept_apart() -> None:
    carriers = Carriers()

    async def work(number: int) -> tuple[int, str]:
        token = WHO.set(f"number {number}")
        try:
            for _ in range(number % 4):
                await asyncio.sleep(0.001)
            return number, WHO.get()
        finally:
            WHO.reset(token)

    async def asked(number: int) -> Any:
        how, found = await _ran(carriers, lambda: work(number))
        return await found if how == "later" else found

    found = await asyncio.gather(*(asked(number) for number in range(100)))

    assert found == [(number, f"number {number}") for number in range(100)]
    carriers.close()


async def test_a_future_that_is_there_already_is_taken_at_once() -> None:
    carriers = Carriers()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    ready.set_result("ready")

    async def work() -> str:
        awaited: Awaitable[str] = ready
        return await awaited

    assert await _ran(carriers, work) == ("at once", "ready")
    carriers.close()
