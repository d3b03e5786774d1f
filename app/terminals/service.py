"""The verbs of terminals. The engine owns them; what is here is whose they are, and what came of them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.unit_of_work import UnitOfWork
from app.engines.base import (
    Engine,
    Isolation,
    TerminalEnd,
    TerminalGap,
    TerminalOrder,
    TerminalOutput,
    TerminalState,
    TerminalUnknown,
)
from app.engines.base import Terminals as EngineTerminals
from app.terminals import repository
from app.terminals.errors import (
    BadTerminal,
    RecordingNotFound,
    TerminalElsewhere,
    TerminalNotFound,
    TerminalsUnavailable,
)
from app.terminals.frames import LARGEST_INPUT
from app.terminals.models import Terminal, TerminalStatus
from app.terminals.seats import Seats
from app.terminals.tickets import Tickets
from app.workspaces.authors import author
from app.workspaces.service import WorkspaceParts
from app.workspaces.sessions import Sessions, WorkingCopy

LARGEST_COMMAND, LARGEST_VARIABLES = 16 * 1024, 64 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
Output = TerminalOutput | TerminalGap | TerminalEnd


@dataclass
class TerminalParts:
    """What the verbs need besides the unit of work."""

    engine: Engine
    workspaces: WorkspaceParts
    #: This server's name: a terminal is where its engine is.
    node: str
    recordings: Path
    #: The isolation of terminals; None: the strongest that the machine offers.
    isolation: Isolation | None = None
    most_open: int = 100
    idle_seconds: float = 4 * 3600.0
    #: Days that a recording is kept; 0: for ever.
    recording_days: int = 0
    seats: Seats = field(default_factory=Seats)
    tickets: Tickets = field(default_factory=Tickets)
    clock: Clock = now

    @property
    def terminals(self) -> EngineTerminals:
        """The engine's terminals; raises `TerminalsUnavailable`."""
        found = self.engine.terminals
        if found is None:
            raise TerminalsUnavailable()
        return found

    def recording(self, terminal: Terminal) -> Path:
        """Where its recording is, or would be."""
        return self.recordings / terminal.organization_id / f"{terminal.id}.cast"


class Terminals:
    """An actor's terminals."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: TerminalParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    @property
    def who(self) -> str:
        """The member or agent, as a writer is named."""
        return self.actor.user_id or self.actor.agent_id

    async def find(self, terminal_id: str) -> Terminal | None:
        """One terminal, ended ones included; None where none is visible."""
        return await self.work.one(repository.TERMINAL, id=terminal_id)

    async def get(self, terminal_id: str) -> Terminal:
        """The same; raises `TerminalNotFound`."""
        found = await self.find(terminal_id)
        if found is None:
            raise TerminalNotFound()
        return found

    async def page(self, session_id: str, limit: int, before: str | None) -> Page[Terminal]:
        """The terminals of a session, from the newest on; raises `SessionNotFound`."""
        await self._sessions.get(session_id)
        asked = {"session_id": session_id, "before": before or NEWEST, "limit": limit + 1}
        found = await self.work.all(repository.PAGE_BEFORE, **asked)
        return Page(found[:limit], len(found) > limit)

    async def open(
        self,
        session_id: str,
        *,
        command: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        columns: int = 80,
        rows: int = 24,
        record: bool = False,
        terminal_id: str = "",
    ) -> Terminal:
        """A program on a terminal in the session's working copy; the shell without a command.

        The engine opens one `terminal_id` once, whoever asks again.

        Raises `SessionNotFound`, `BadTerminal`, and what the engine does: `TooManyTerminals`, `EngineRefused`.
        """
        copy = await self._sessions.working_copy(session_id)
        own = {**_variables(variables), **(await author(self.work, self.actor)).variables()}
        terminal = await self._new(session_id, _command(command), columns, rows, record)
        if terminal_id:
            terminal = terminal.changed(id=terminal_id)
        await self.parts.terminals.open(self._order(terminal, copy, own))
        self.work.write(repository.ADD, **terminal.__dict__)
        return terminal

    async def _new(self, session_id: str, command: list[str], columns: int, rows: int, record: bool) -> Terminal:
        return Terminal(
            id=new_id("trm"),
            organization_id=self.actor.organization_id,
            session_id=session_id,
            node=self.parts.node,
            command=command,
            columns=columns,
            rows=rows,
            isolation=await self._isolation(),
            status=TerminalStatus.OPEN,
            recorded=record,
            created_by=self.who,
            created_at=self.parts.clock(),
        )

    def _order(self, terminal: Terminal, copy: WorkingCopy, variables: Mapping[str, str]) -> TerminalOrder:
        return TerminalOrder(
            id=terminal.id,
            command=tuple(terminal.command),
            directory=str(copy.folder),
            variables=variables,
            columns=terminal.columns,
            rows=terminal.rows,
            isolation=terminal.isolation,
            writable=(str(copy.repository.folder),),
            idle_seconds=self.parts.idle_seconds,
            recording=str(self.parts.recording(terminal)) if terminal.recorded else "",
            owner=terminal.organization_id,
            most=self.parts.most_open,
        )

    async def write(self, terminal_id: str, data: bytes, *, take_over: bool = False) -> Terminal:
        """Input for its program; raises `TerminalHasWriter`, `TerminalOver`, `InputBlocked`."""
        if len(data) > LARGEST_INPUT:
            raise BadTerminal(f"At most {LARGEST_INPUT:,} bytes can be written at once.")
        terminal = await self._here(terminal_id)
        self.parts.seats.check(terminal_id, self.who, take_over=take_over)
        await self.parts.terminals.write(terminal_id, data)
        return terminal

    async def resize(self, terminal_id: str, columns: int, rows: int, *, take_over: bool = False) -> Terminal:
        """Another size, which the writer chooses; raises `TerminalHasWriter`."""
        terminal = await self._here(terminal_id)
        self.parts.seats.check(terminal_id, self.who, take_over=take_over)
        await self.parts.terminals.resize(terminal_id, columns, rows)
        self.parts.seats.resized(terminal_id, columns, rows)
        self.work.write(repository.RESIZE, id=terminal_id, columns=columns, rows=rows)
        return terminal.changed(columns=columns, rows=rows, version=terminal.version + 1)

    async def close(self, terminal_id: str) -> Terminal:
        """Ends its program with all its children. One that has ended stays as it is."""
        terminal = await self._here(terminal_id)
        if terminal.status is TerminalStatus.ENDED:
            return terminal
        try:
            end = ending(await self.parts.terminals.close(terminal_id))
        except TerminalUnknown:
            end = lost(self.parts.clock())
        self.work.write(repository.END, id=terminal_id, **end)
        return terminal.changed(status=TerminalStatus.ENDED, **end, version=terminal.version + 1)

    async def ticket(self, terminal_id: str, origin: str) -> str:
        """What opens its WebSocket once, within half a minute, from a page of this origin."""
        await self._here(terminal_id)
        return self.parts.tickets.issue(terminal_id, self.actor, origin)

    async def output(self, terminal_id: str, after: int, *, most: int = 64 * 1024) -> AsyncIterator[Output]:
        """Its output from an offset, then what comes, until it ends."""
        await self._here(terminal_id)
        try:
            async for item in self.parts.terminals.output(terminal_id, after, most=most):
                yield item
        except TerminalUnknown:
            yield TerminalEnd(_state(await self.get(terminal_id), after))

    async def attachable(self, terminal_id: str) -> Terminal:
        """A terminal of this server's engine, for a viewer; raises `TerminalNotFound`, `TerminalElsewhere`."""
        return await self._here(terminal_id)

    async def recording(self, terminal_id: str) -> Path:
        """The file of its recording; raises `RecordingNotFound`."""
        terminal = await self.get(terminal_id)
        path = self.parts.recording(terminal)
        if not terminal.recorded or not path.is_file():
            raise RecordingNotFound()
        return path

    @property
    def _sessions(self) -> Sessions:
        return Sessions(self.work, self.actor, self.parts.workspaces)

    async def _here(self, terminal_id: str) -> Terminal:
        terminal = await self.get(terminal_id)
        if terminal.node != self.parts.node:
            raise TerminalElsewhere()
        return terminal

    async def _isolation(self) -> Isolation:
        return self.parts.isolation or (await self.parts.engine.capabilities()).isolation[0]


def ending(state: TerminalState) -> dict[str, Any]:
    """How a terminal ended, as its row tells it."""
    moment = datetime.fromtimestamp(state.ended_at or 0.0, UTC)
    return {"cause": state.cause, "message": state.message, "exit_code": state.exit_code, "ended_at": moment}


def lost(moment: datetime) -> dict[str, Any]:
    """The same of one that the engine does not know any more."""
    message = "The runner ended, and it with it."
    return {"cause": "lost", "message": message, "exit_code": None, "ended_at": moment}


def _state(terminal: Terminal, offset: int) -> TerminalState:
    ended = terminal.ended_at.timestamp() if terminal.ended_at else None
    began = terminal.created_at.timestamp()
    return TerminalState(
        terminal.id,
        terminal.columns,
        terminal.rows,
        began,
        ended or began,
        offset,
        terminal.isolation,
        ended,
        terminal.cause or "lost",
        terminal.exit_code,
        terminal.message,
    )


def _command(command: Sequence[str]) -> list[str]:
    if any("\0" in word for word in command) or (command and not command[0]):
        raise BadTerminal("The command's first word is a program, and no word holds a NUL character.")
    if sum(map(len, command)) > LARGEST_COMMAND:
        raise BadTerminal(f"A command has at most {LARGEST_COMMAND:,} characters.")
    return list(command)


def _variables(variables: Mapping[str, str] | None) -> dict[str, str]:
    given = dict(variables or {})
    for name, value in given.items():
        if not _VARIABLE.fullmatch(name) or name.startswith("SOUNDSTAGE_") or "\0" in value:
            raise BadTerminal(f"The variable {name[:80]!r} cannot be set.")
    if sum(len(name) + len(value) for name, value in given.items()) > LARGEST_VARIABLES:
        raise BadTerminal(f"The variables have at most {LARGEST_VARIABLES:,} characters.")
    return given
