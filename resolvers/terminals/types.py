"""What terminals look like in GraphQL."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime

import strawberry

from app.engines.base import TerminalEnd, TerminalGap, TerminalOutput
from app.terminals import models
from app.terminals.seats import Seats
from resolvers.environments.types import IsolationLevel, StreamGap
from resolvers.node import Node

TerminalStatus = models.TerminalStatus
strawberry.enum(TerminalStatus, name="TerminalStatus", description="Whether a terminal's program runs.")


@strawberry.type(description="A program on a pseudo-terminal in the working copy of a session.")
class Terminal(Node):
    session_id: strawberry.ID = strawberry.field(description="The session that it works in.")
    command: list[str] = strawberry.field(description="What runs in it; the shell when empty.")
    columns: int = strawberry.field(description="Its width, as it was some seconds ago.")
    rows: int = strawberry.field(description="Its height, as it was some seconds ago.")
    status: TerminalStatus = strawberry.field(description="Whether its program runs.")
    isolation: IsolationLevel = strawberry.field(
        description="How far its program is kept from the machine: the installation's level, else the strongest that "
        "the machine offers. It may write to the working copy and to the workspace's repository."
    )
    recorded: bool = strawberry.field(
        description="Whether its output is recorded: `/v1/terminals/{id}/recording`, for who may read the audit log."
    )
    writer: strawberry.ID | None = strawberry.field(
        description="The member or agent whose viewer writes to it; null for nobody."
    )
    viewers: int = strawberry.field(description="How many watch it over a WebSocket.")
    cause: str | None = strawberry.field(
        description="Why it ended: `exit`, `signal`, `closed`, `idle`, or `lost` when it ended with the runner."
    )
    message: str | None = strawberry.field(description="The same in a sentence.")
    exit_code: int | None = strawberry.field(description="The program's exit code, where it ended by itself.")
    created_by: strawberry.ID = strawberry.field(description="The member or agent who opened it.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    ended_at: datetime | None = strawberry.field(description="When it ended.")
    version: int = strawberry.field(description="Counts the changes.")


@strawberry.type(description="What opens a terminal's WebSocket once.")
class TerminalTicket:
    id: strawberry.ID = strawberry.field(description="The terminal's id.")
    ticket: str = strawberry.field(
        description="Send it as the subprotocol `ticket.<ticket>`, beside `soundstage.pty.v1`. It is good once."
    )
    expires_in: int = strawberry.field(description="Seconds in which it can be used.")
    path: str = strawberry.field(description="Where the WebSocket is.")


@strawberry.type(description="Why a terminal's output ends.")
class TerminalOutputEnd:
    reason: str = strawberry.field(description="`exit`, `signal`, `closed`, `idle` or `lost`.")
    message: str = strawberry.field(description="The same in a sentence.")
    exit_code: int | None = strawberry.field(description="The program's exit code, where it ended by itself.")


@strawberry.type(description="Output of a terminal, a gap in it, or the end.")
class TerminalOutputItem:
    cursor: str = strawberry.field(description="Resume behind this item with `after`: an offset in bytes.")
    data: str = strawberry.field(
        description="The bytes in base64, at most 64 KiB: they need be no text, and may end within a character."
    )
    gap: StreamGap | None = strawberry.field(
        description="Set when bytes are gone: `start` is the first, `end` the one behind the last; `data` is empty."
    )
    end: TerminalOutputEnd | None = strawberry.field(description="Set on the last item.")


def terminal(record: models.Terminal, seats: Seats) -> Terminal:
    """The record as GraphQL shows it."""
    writer = seats.writer(record.id)
    return Terminal(
        id=strawberry.ID(record.id),
        session_id=strawberry.ID(record.session_id),
        command=record.command,
        columns=record.columns,
        rows=record.rows,
        status=record.status,
        isolation=record.isolation,
        recorded=record.recorded,
        writer=strawberry.ID(writer) if writer else None,
        viewers=seats.viewers(record.id),
        cause=record.cause or None,
        message=record.message or None,
        exit_code=record.exit_code,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        ended_at=record.ended_at,
        version=record.version,
    )


def output(item: TerminalOutput | TerminalGap | TerminalEnd) -> TerminalOutputItem:
    """A piece of output as GraphQL shows it."""
    if isinstance(item, TerminalEnd):
        state = item.state
        end = TerminalOutputEnd(reason=state.cause, message=state.message, exit_code=state.exit_code)
        return TerminalOutputItem(cursor=str(state.offset), data="", gap=None, end=end)
    if isinstance(item, TerminalGap):
        gap = StreamGap(start=str(item.start), end=str(item.end))
        return TerminalOutputItem(cursor=str(item.end), data="", gap=gap, end=None)
    return TerminalOutputItem(cursor=str(item.end), data=b64encode(item.data).decode(), gap=None, end=None)
