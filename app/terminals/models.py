"""Terminals: programs on pseudo-terminals in the working copy of a session."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Json, Moment
from app.engines.base import Isolation


class TerminalStatus(enum.StrEnum):
    """Whether a terminal's program runs."""

    OPEN = "open"
    ENDED = "ended"


class Terminal(Record):
    """A terminal. Its output is not here but with the engine, for an hour after its end."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    #: The session that it works in. Without a foreign key: the row stays when the session goes, for the audit.
    session_id: str
    #: The server whose engine runs it.
    node: str
    #: What runs in it; the shell when empty.
    command: list[str] = Field(sa_type=Json)
    columns: int
    rows: int
    isolation: Isolation = Field(sa_type=Choice(Isolation))
    status: TerminalStatus = Field(sa_type=Choice(TerminalStatus))
    #: Whether its output is recorded, for who may read the audit log.
    recorded: bool
    #: Why it ended: exit, signal, closed, idle or lost. Empty while it runs.
    cause: str = ""
    message: str = ""
    exit_code: int | None = None
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    version: int = 1


class TerminalTable(Terminal, table=True):
    __tablename__ = "terminals"
    __table_args__ = (
        Index("terminals_of_session", "organization_id", "session_id", "id"),
        Index("terminals_of_node", "node", "status"),
    )
