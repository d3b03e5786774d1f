"""Terminals without processes, for tests: what is written comes back, `exit 3` and Enter end one with code 3."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field, replace

from app.core.streams import Wakeups
from app.engines.base import (
    Isolation,
    IsolationUnavailable,
    TerminalEnd,
    TerminalGap,
    TerminalOrder,
    TerminalOutput,
    TerminalOver,
    TerminalState,
    TerminalUnknown,
)
from app.engines.hints import Hints
from app.runner.output_ring import CAPACITY, TAIL
from app.runner.terminals import check_count, check_size

_EXIT = re.compile(rb"exit (\d+)\r")


@dataclass(slots=True)
class _Terminal:
    order: TerminalOrder
    state: TerminalState
    #: The output from `start` on.
    start: int = 0
    kept: bytearray = field(default_factory=bytearray)
    typed: bytearray = field(default_factory=bytearray)

    @property
    def end(self) -> int:
        return self.start + len(self.kept)


class MemoryTerminals:
    """`orders` holds what was asked for; `print` lets a program write."""

    def __init__(self, isolation: Collection[Isolation]) -> None:
        self.orders: list[TerminalOrder] = []
        self._isolation = isolation
        self._terminals: dict[str, _Terminal] = {}
        self._written = Wakeups()
        self._endings = Hints()
        self._closed = False

    # --- the interface

    async def open(self, order: TerminalOrder) -> TerminalState:
        if order.isolation not in self._isolation:
            raise IsolationUnavailable(demanded=order.isolation.value)
        check_size(order.columns, order.rows)
        if order.id not in self._terminals:
            check_count(order, [known.order for known in self._terminals.values() if known.state.ended_at is None])
            now = time.time()
            state = TerminalState(order.id, order.columns, order.rows, now, now, isolation=order.isolation)
            self._terminals[order.id] = _Terminal(order, state)
            self.orders.append(order)
        return self._terminals[order.id].state

    async def states(self) -> list[TerminalState]:
        return [terminal.state for terminal in self._terminals.values()]

    async def write(self, terminal_id: str, data: bytes) -> None:
        terminal = self._running(terminal_id)
        terminal.typed += data
        self.print(terminal_id, data.replace(b"\r", b"\r\n"))
        if found := _EXIT.search(terminal.typed):
            code = int(found[1])
            self._end(terminal, "exit", f"Exited with code {code}.", code)

    async def resize(self, terminal_id: str, columns: int, rows: int) -> None:
        check_size(columns, rows)
        terminal = self._running(terminal_id)
        terminal.state = replace(terminal.state, columns=columns, rows=rows)
        self._written.notify(terminal_id)

    async def signal(self, terminal_id: str, name: str) -> None:
        self._end(self._running(terminal_id), "signal", f"Ended by {name}.", None)

    async def close(self, terminal_id: str) -> TerminalState:
        terminal = self._known(terminal_id)
        if terminal.state.ended_at is None:
            self._end(terminal, "closed", "It was closed.", None)
        return terminal.state

    async def output(
        self, terminal_id: str, after: int = 0, *, most: int = 64 * 1024
    ) -> AsyncIterator[TerminalOutput | TerminalGap | TerminalEnd]:
        terminal = self._known(terminal_id)
        while not self._closed:
            waiter = self._written.waiter(terminal_id)
            try:
                if after < terminal.start:
                    kept_from = terminal.end - TAIL
                    yield TerminalGap(after, kept_from)
                    after = kept_from
                after = min(after, terminal.end)
                data = bytes(terminal.kept[after - terminal.start :][:most])
                if data:
                    yield TerminalOutput(after, data)
                    after += len(data)
                elif terminal.state.ended_at is not None:
                    yield TerminalEnd(terminal.state)
                    return
                else:
                    await asyncio.wait([waiter])
            finally:
                self._written.forget(terminal_id, waiter)

    async def endings(self) -> AsyncIterator[str]:
        async for terminal_id in self._endings.listen():
            yield terminal_id

    def stop(self) -> None:
        """The engine is closed: readers end."""
        self._closed = True
        self._endings.close()
        self._written.notify_all()

    # --- what tests do to it

    def print(self, terminal_id: str, data: bytes) -> None:
        """Output of a terminal's program."""
        terminal = self._running(terminal_id)
        terminal.kept += data
        gone = max(0, len(terminal.kept) - CAPACITY)
        del terminal.kept[:gone]
        terminal.start += gone
        terminal.state = replace(terminal.state, active_at=time.time(), offset=terminal.end)
        self._written.notify(terminal_id)

    # --- inside

    def _known(self, terminal_id: str) -> _Terminal:
        terminal = self._terminals.get(terminal_id)
        if terminal is None:
            raise TerminalUnknown()
        return terminal

    def _running(self, terminal_id: str) -> _Terminal:
        terminal = self._known(terminal_id)
        if terminal.state.ended_at is not None:
            raise TerminalOver()
        return terminal

    def _end(self, terminal: _Terminal, cause: str, message: str, code: int | None) -> None:
        terminal.state = replace(
            terminal.state, ended_at=time.time(), cause=cause, message=message, exit_code=code, offset=terminal.end
        )
        self._written.notify(terminal.order.id)
        self._endings.publish(terminal.order.id)
