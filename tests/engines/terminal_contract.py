"""What the terminals of every engine keep. A test class derives from this one and gives the fixture `terminals`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.engines.base import (
    EngineRefused,
    TerminalEnd,
    TerminalGap,
    TerminalOrder,
    TerminalOutput,
    TerminalOver,
    Terminals,
    TerminalUnknown,
)
from app.runner.output_ring import CAPACITY, TAIL
from tests.engines.support import until


def order(name: str = "trm1", *command: str, **fields: Any) -> TerminalOrder:
    return TerminalOrder(name, command or ("cat",), fields.pop("directory", "/tmp"), **fields)


class Reader:
    """Reads a terminal as a viewer does: everything in order, gaps told."""

    def __init__(self, terminals: Terminals, terminal_id: str = "trm1", after: int = 0) -> None:
        self.terminals, self.terminal_id, self.position = terminals, terminal_id, after
        self.data = b""
        self.gaps: list[tuple[int, int]] = []
        self.end: TerminalEnd | None = None

    async def read(self, until: bytes | None = None, seconds: float = 10.0) -> bytes:
        """Everything up to a text, or to the end of the terminal."""
        async with asyncio.timeout(seconds):
            if until is not None and until in self.data:
                return self.data
            async for item in self.terminals.output(self.terminal_id, self.position):
                self.take(item)
                if self.end or (until is not None and until in self.data):
                    break
        assert until is None or until in self.data, self.data
        return self.data

    def take(self, item: TerminalOutput | TerminalGap | TerminalEnd) -> None:
        if isinstance(item, TerminalEnd):
            self.end = item
            return
        assert item.start == self.position, "a hole that was not told, or something twice"
        self.position = item.end
        if isinstance(item, TerminalGap):
            self.gaps.append((item.start, item.end))
        else:
            self.data += item.data


class TerminalContract:
    async def flood(self, terminals: Terminals, size: int) -> None:
        """Let the program of "trm1" write so many bytes, all `x`."""
        raise AssertionError("a derived class says how")

    def flooding(self) -> TerminalOrder:
        return order()

    def exits(self) -> TerminalOrder:
        """A terminal whose program ends with 3 when `exit 3` and Enter are typed."""
        return order()

    async def test_what_is_typed_is_seen(self, terminals: Terminals) -> None:
        await terminals.open(order())

        await terminals.write("trm1", b"hello\r")

        assert b"hello\r\n" in await Reader(terminals).read(b"hello\r\n")

    async def test_opening_twice_is_the_same_as_once(self, terminals: Terminals) -> None:
        first = await terminals.open(order())
        second = await terminals.open(order())

        assert first.started_at == second.started_at
        assert [state.id for state in await terminals.states()] == ["trm1"]

    async def test_reading_resumes_at_any_offset(self, terminals: Terminals) -> None:
        await terminals.open(order())
        await terminals.write("trm1", b"one two three\r")
        whole = await Reader(terminals).read(b"three\r\n")

        for offset in range(len(whole)):
            reader = Reader(terminals, after=offset)
            assert (await reader.read(whole[offset:])).startswith(whole[offset:])
            assert reader.gaps == []

    async def test_any_number_of_readers_see_the_same(self, terminals: Terminals) -> None:
        await terminals.open(order())
        readers = [Reader(terminals) for _ in range(5)]
        reading = asyncio.gather(*(reader.read(b"last\r\n") for reader in readers))

        for word in (b"first\r", b"middle\r", b"last\r"):
            await terminals.write("trm1", word)

        assert len({data[: data.index(b"last\r\n")] for data in await reading}) == 1

    async def test_what_is_gone_is_told_as_a_gap(self, terminals: Terminals) -> None:
        await terminals.open(self.flooding())
        size = CAPACITY + 300_000
        await self.flood(terminals, size)

        reader = Reader(terminals)
        await reader.read(b"x" * TAIL)

        assert reader.gaps
        assert reader.gaps[0][0] == 0
        assert set(reader.data) <= set(b"xdone\r\n")

    async def test_the_end_tells_the_exit_code(self, terminals: Terminals) -> None:
        await terminals.open(self.exits())
        endings = asyncio.create_task(_first(terminals.endings()))
        await asyncio.sleep(0)

        await terminals.write("trm1", b"exit 3\r")
        reader = Reader(terminals)
        await reader.read()

        assert reader.end is not None
        assert (reader.end.state.cause, reader.end.state.exit_code) == ("exit", 3)
        assert reader.end.state.offset == reader.position
        async with asyncio.timeout(5):
            assert await endings == "trm1"
        with pytest.raises(TerminalOver):
            await terminals.write("trm1", b"more")

    async def test_closing_ends_it_and_its_output_stays(self, terminals: Terminals) -> None:
        await terminals.open(order())
        await terminals.write("trm1", b"before\r")
        await Reader(terminals).read(b"before")

        first = await terminals.close("trm1")
        again = await terminals.close("trm1")

        reader = Reader(terminals)
        assert b"before" in await reader.read()
        assert first.cause == again.cause == "closed"
        assert reader.end is not None
        assert reader.end.state.ended_at == first.ended_at

    async def test_a_size_can_change(self, terminals: Terminals) -> None:
        await terminals.open(order(columns=80, rows=24))

        await terminals.resize("trm1", 132, 43)

        [state] = await terminals.states()
        assert (state.columns, state.rows) == (132, 43)
        for columns, rows in ((0, 24), (80, 0), (10_000, 24), (-1, 5)):
            with pytest.raises(EngineRefused):
                await terminals.resize("trm1", columns, rows)

    async def test_an_unknown_terminal_is_not_found(self, terminals: Terminals) -> None:
        for call in (
            terminals.write("trm9", b"x"),
            terminals.resize("trm9", 80, 24),
            terminals.signal("trm9", "SIGINT"),
            terminals.close("trm9"),
            Reader(terminals, "trm9").read(),
        ):
            with pytest.raises(TerminalUnknown):
                await call

    async def test_readers_sleep_while_nothing_happens(self, terminals: Terminals) -> None:
        await terminals.open(order())
        await terminals.write("trm1", b"x")
        reader = Reader(terminals)
        await reader.read(b"x")

        with pytest.raises(TimeoutError):
            await reader.read(b"never", seconds=0.1)

        async def offset() -> bool:
            return (await terminals.states())[0].offset == reader.position

        await until(offset)


async def _first(stream: AsyncIterator[str]) -> str:
    async for name in stream:
        if name:
            return name
    raise AssertionError("it ended")
