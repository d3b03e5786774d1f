"""All terminals of one runner. They end with it: a pseudo-terminal whose master is closed cannot be taken over."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.runner.context import Context
from app.runner.folders import check_name, make_private
from app.runner.isolation import number_of
from app.runner.model import EngineRefused, EngineUnavailable
from app.runner.output_ring import RingWriter
from app.runner.terminal import Terminal, check_order, command_of, variables_of
from app.runner.terminal_model import (
    LARGEST_SIZE,
    MOST_TERMINALS,
    TerminalOrder,
    TerminalOver,
    TerminalState,
    TerminalUnknown,
    TooManyTerminals,
)

#: Seconds for which the last output of an ended terminal is kept.
KEPT = 3600.0
_INTERVAL = 1.0


class Terminals:
    """Opens terminals, and closes those that nobody uses."""

    def __init__(self, context: Context, tell: Callable[[str, str], None]) -> None:
        self._context, self._tell = context, tell
        self._open: dict[str, Terminal] = {}
        self._ended: dict[str, TerminalState] = {}
        self._closing = False

    def load(self) -> None:
        """What a former runner left: of its open terminals nothing is left but their output."""
        for state in self._context.records.terminals():
            if state.ended_at is None:
                state = replace(state, ended_at=time.time(), cause="lost", message="The runner ended, and it with it.")
                self._context.records.save_terminal(state)
                with contextlib.suppress(OSError):
                    self._finish_ring(state.id)
            self._ended[state.id] = state

    async def keep(self) -> None:
        """Closes idle terminals and forgets ended ones, until it is cancelled."""
        while True:
            now = time.time()
            for terminal in [found for found in self._open.values() if not found.is_open]:
                self._ended[terminal.order.id] = terminal.state
                del self._open[terminal.order.id]
                await asyncio.to_thread(shutil.rmtree, self._temporary(terminal.order.id), ignore_errors=True)
            idle = [found for found in self._open.values() if _is_idle(found, now)]
            await asyncio.gather(*(terminal.close("idle") for terminal in idle))
            for state in list(self._ended.values()):
                if now - (state.ended_at or now) > KEPT:
                    self._forget(state.id)
            await asyncio.sleep(_INTERVAL)

    async def close_all(self, cause: str = "closed") -> None:
        """Ends every terminal."""
        self._closing = True
        await asyncio.gather(*(terminal.close(cause) for terminal in list(self._open.values())))

    # --- the verbs

    async def open(self, order: TerminalOrder) -> TerminalState:
        """A terminal, once; the same id again gives the same terminal."""
        check_name("terminal id", order.id)
        check_size(order.columns, order.rows)
        await self._context.isolator.require(order.isolation)
        if known := self._known(order.id):
            return known
        if self._closing:
            raise EngineUnavailable("The runner is shutting down.")
        check_count(order, [terminal.order for terminal in self._open.values() if terminal.is_open])
        return self._start(order)

    def states(self) -> list[TerminalState]:
        """Those that are open, and those that ended of late."""
        states = {**self._ended, **{name: terminal.state for name, terminal in self._open.items()}}
        return list(states.values())

    def write(self, terminal_id: str, data: bytes) -> None:
        """Input for its program."""
        self._terminal(terminal_id).write(data)

    def resize(self, terminal_id: str, columns: int, rows: int) -> None:
        """Another size."""
        check_size(columns, rows)
        self._terminal(terminal_id).resize(columns, rows)

    def signal(self, terminal_id: str, name: str) -> None:
        """A signal to what runs in its foreground."""
        self._terminal(terminal_id).signal(number_of(name))

    async def close(self, terminal_id: str) -> TerminalState:
        """Ends its program with all its children; one that has ended stays as it is."""
        terminal = self._open.get(terminal_id)
        if terminal is not None:
            await terminal.close()
            return terminal.state
        if terminal_id not in self._ended:
            raise TerminalUnknown()
        return self._ended[terminal_id]

    # --- inside

    def _start(self, order: TerminalOrder) -> TerminalState:
        context = self._context
        variables = variables_of(order, context.runner_id)
        check_order(order, variables)
        folder = Path(order.directory)
        program = command_of(order, variables)
        writable = [folder, *(Path(path) for path in order.writable)]
        temporary = make_private(self._temporary(order.id))
        command = context.isolator.command_in(order.isolation, program, writable, temporary, folder)
        try:
            ring = RingWriter(context.data.terminal_output(order.id))
        except OSError as error:
            raise EngineUnavailable(f"There is no room for the terminal's output: {error.strerror}.") from error
        terminal = Terminal(context, order, ring, self._tell)
        try:
            context.records.save_terminal(terminal.state)
            terminal.start(variables, command, order.directory)
        except OSError as error:
            ring.close()
            self._forget(order.id)
            raise EngineRefused(f"The terminal could not be opened: {error.strerror or error}.") from error
        self._open[order.id] = terminal
        return terminal.state

    def _temporary(self, terminal_id: str) -> Path:
        """What its program sees as /tmp in a namespace of its own."""
        return self._context.data.terminals / f"{terminal_id}.tmp"

    def _known(self, terminal_id: str) -> TerminalState | None:
        terminal = self._open.get(terminal_id)
        return terminal.state if terminal is not None else self._ended.get(terminal_id)

    def _terminal(self, terminal_id: str) -> Terminal:
        terminal = self._open.get(terminal_id)
        if terminal is not None:
            return terminal
        raise TerminalOver() if terminal_id in self._ended else TerminalUnknown()

    def _forget(self, terminal_id: str) -> None:
        self._ended.pop(terminal_id, None)
        self._context.data.terminal_output(terminal_id).unlink(missing_ok=True)
        self._context.records.remove_terminal(terminal_id)

    def _finish_ring(self, terminal_id: str) -> None:
        ring = RingWriter(self._context.data.terminal_output(terminal_id))
        ring.finish()
        ring.close()


def _is_idle(terminal: Terminal, now: float) -> bool:
    limit = terminal.order.idle_seconds
    return limit > 0 and now - terminal.state.active_at > limit


def check_count(order: TerminalOrder, opened: list[TerminalOrder]) -> None:
    """Raises `TooManyTerminals` where no more may be open."""
    if len(opened) >= MOST_TERMINALS:
        raise TooManyTerminals(f"{MOST_TERMINALS:,} terminals are open on this machine, as many as there may be.")
    if order.most and sum(other.owner == order.owner for other in opened) >= order.most:
        raise TooManyTerminals(
            f"{order.most:,} terminals are open, as many as your organization may have. "
            "Close one that is not needed any more (`closeTerminal`).",
            limit=order.most,
        )


def check_size(columns: int, rows: int) -> None:
    """Raises `EngineRefused` for a size that no terminal has."""
    if not (1 <= columns <= LARGEST_SIZE and 1 <= rows <= LARGEST_SIZE):
        raise EngineRefused(f"A terminal has 1 to {LARGEST_SIZE:,} columns and rows.")
