"""Terminals of the process engine: the runner owns them, and their output is read here, straight from its files."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator

from app.engines.base import (
    TerminalEnd,
    TerminalGap,
    TerminalOrder,
    TerminalOutput,
    TerminalState,
    TerminalUnknown,
)
from app.engines.runner_client import RunnerClient
from app.runner.folders import DataFolder
from app.runner.output_ring import RingReader
from app.runner.terminal_model import state_from

#: Seconds after which a reader looks for itself: the runner's wake-ups may be lost together with the runner.
_LOOK_AGAIN = 5.0


class ProcessTerminals:
    """The terminals of one data directory."""

    def __init__(self, runner: RunnerClient, data: DataFolder) -> None:
        self._runner, self._data = runner, data

    async def open(self, order: TerminalOrder) -> TerminalState:
        return state_from(await self._runner.call("open_terminal", order=order))

    async def states(self) -> list[TerminalState]:
        return [state_from(data) for data in await self._runner.call("terminals")]

    async def write(self, terminal_id: str, data: bytes) -> None:
        # Once: input that is sent twice is worse than input that is told to be lost.
        await self._runner.call_once("write_terminal", terminal_id=terminal_id, data=b64encode(data).decode())

    async def resize(self, terminal_id: str, columns: int, rows: int) -> None:
        await self._runner.call("resize_terminal", terminal_id=terminal_id, columns=columns, rows=rows)

    async def signal(self, terminal_id: str, name: str) -> None:
        await self._runner.call_once("signal_terminal", terminal_id=terminal_id, name=name)

    async def close(self, terminal_id: str) -> TerminalState:
        return state_from(await self._runner.call("close_terminal", terminal_id=terminal_id))

    async def output(
        self, terminal_id: str, after: int = 0, *, most: int = 64 * 1024
    ) -> AsyncIterator[TerminalOutput | TerminalGap | TerminalEnd]:
        await self._runner.ready()
        try:
            ring = RingReader(self._data.terminal_output(terminal_id))
        except FileNotFoundError:
            raise TerminalUnknown() from None
        try:
            async for item in self._follow(ring, terminal_id, after, most):
                yield item
        finally:
            ring.close()

    async def _follow(
        self, ring: RingReader, terminal_id: str, after: int, most: int
    ) -> AsyncIterator[TerminalOutput | TerminalGap | TerminalEnd]:
        news = self._runner.written
        while True:
            waiter = news.waiter(terminal_id)
            try:
                piece = ring.read(after, most)
                if piece.start > after:
                    yield TerminalGap(after, piece.start)
                if piece.data:
                    yield TerminalOutput(piece.start, piece.data)
                after = piece.end
                if piece.ended:
                    yield TerminalEnd(await self._state(terminal_id))
                    return
                if self._runner.is_closed:
                    return
                if not piece.data:
                    await asyncio.wait([waiter], timeout=_LOOK_AGAIN)
            finally:
                news.forget(terminal_id, waiter)

    async def _state(self, terminal_id: str) -> TerminalState:
        found = next((state for state in await self.states() if state.id == terminal_id), None)
        if found is None:
            raise TerminalUnknown()
        return found

    async def endings(self) -> AsyncIterator[str]:
        await self._runner.ready()
        async for terminal_id in self._runner.endings.listen():
            yield terminal_id
