"""A group of viewers: what the late get, what the slow get, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import ExecutionResult

from resolvers import broadcast
from resolvers.broadcast import AHEAD, MOST_BEHIND, MOST_KEPT, Broadcast, Group, Member, TooSlow

pytestmark = pytest.mark.anyio


class Source:
    """A subscription whose events the test makes."""

    def __init__(self, most: int | None = None) -> None:
        self.queue: asyncio.Queue[int | Exception | None] = asyncio.Queue()
        self.most, self.given, self.ended = most, 0, False

    async def subscribe(self, _: Any) -> AsyncGenerator[ExecutionResult, None]:
        return self._events()

    async def _events(self) -> AsyncGenerator[ExecutionResult, None]:
        try:
            while self.most is None or self.given < self.most:
                item: Any = self.given if self.most is not None else await self.queue.get()
                if item is None:
                    return
                if isinstance(item, Exception):
                    raise item
                self.given += 1
                yield ExecutionResult({"number": item}, None)
        finally:
            self.ended = True


@pytest.fixture
def begin() -> Callable[[Source], Group]:
    context: Any = SimpleNamespace(explains=True, request_id="req", product=SimpleNamespace(production=False))

    def make(source: Source) -> Group:
        registry = Broadcast()
        made = Group(registry, "key", source, context)  # type: ignore[arg-type]
        registry._groups["key"] = made
        return made

    return make


async def _take(member: Member, number: int) -> list[bytes]:
    found = []
    async for _, result in member.results():
        found.append(result)
        if len(found) == number:
            break
    return found


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_all_get_the_same_and_the_late_get_it_from_the_beginning(begin: Callable[[Source], Group]) -> None:
    source = Source()
    group = begin(source)
    early = [Member(group) for _ in range(3)]
    taking = [asyncio.create_task(_take(member, 3)) for member in early]
    for number in range(2):
        source.queue.put_nowait(number)
    await _settle()
    late = asyncio.create_task(_take(Member(group), 3))
    source.queue.put_nowait(2)

    found = await asyncio.gather(*taking, late)

    assert found == [[b'"data":{"number":0}', b'"data":{"number":1}', b'"data":{"number":2}']] * 4
    assert source.given == 3, "each event is executed once"


async def test_the_last_to_leave_ends_the_stream(begin: Callable[[Source], Group]) -> None:
    source = Source()
    group = begin(source)
    stays, leaves = Member(group), Member(group)
    source.queue.put_nowait(0)
    results = stays.results()
    await anext(results)
    await _take(leaves, 1)
    await _settle()
    assert not source.ended

    await results.aclose()  # type: ignore[attr-defined]
    await _settle()

    assert source.ended
    assert group.registry.size == 0


async def test_a_group_waits_for_its_fastest_viewer(begin: Callable[[Source], Group]) -> None:
    source = Source(most=10_000)
    member = Member(begin(source))
    results = member.results()

    await anext(results)
    await _settle()
    assert source.given <= AHEAD + 2

    rest = [result async for result in results]
    assert len(rest) == 9_999, "a single viewer loses nothing, however slow it is"


async def test_a_viewer_that_is_much_slower_than_others_is_cut(begin: Callable[[Source], Group]) -> None:
    source = Source(most=5 * MOST_BEHIND)
    group = begin(source)
    slow, fast = Member(group), Member(group)
    slow_results = slow.results()
    await anext(slow_results)

    seen = [result async for result in fast.results()]

    assert len(seen) == 5 * MOST_BEHIND
    assert len(group.results) <= 2 * MOST_KEPT + 1
    with pytest.raises(TooSlow):
        await anext(slow_results)


async def test_a_group_without_its_beginning_takes_no_newcomers(begin: Callable[[Source], Group]) -> None:
    source = Source(most=MOST_KEPT + 500)
    group = begin(source)
    results = Member(group).results()
    for _ in range(MOST_KEPT + 400):
        await anext(results)

    assert group.registry.size == 0
    await results.aclose()  # type: ignore[attr-defined]


async def test_an_error_of_the_source_is_the_last_result(begin: Callable[[Source], Group]) -> None:
    source = Source()
    member = Member(begin(source))
    source.queue.put_nowait(0)
    source.queue.put_nowait(ValueError("inside"))

    found = [result async for _, result in member.results()]

    assert len(found) == 2
    assert b"Something went wrong on our side" in found[1]
    assert b"inside" not in found[1]


def test_the_bounds_fit_together() -> None:
    assert AHEAD < broadcast.MOST_BEHIND <= broadcast.MOST_KEPT
