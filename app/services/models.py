"""The services of a session: what a person defined. What runs of them is the session's environment."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Json, Moment


class DatabaseEngine(enum.StrEnum):
    """What a database is of."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


class SessionService(Record):
    """One service of a session."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    session_id: str = Field(foreign_key="workspace_sessions.id", ondelete="CASCADE")
    #: Lower ones come first.
    position: int
    #: Its name in the session's Blueprint.
    name: str
    #: What a Blueprint says of it, with the defaults filled in.
    definition: dict[str, Any] = Field(sa_type=Json)
    #: How its database is reached, without the password; None where it is no database.
    database: dict[str, Any] | None = Field(default=None, sa_type=Json)
    #: The database's password, sealed.
    sealed: str = ""
    #: The names of the secrets that it brings, for all services of the session, and their sealed values.
    secret_names: list[str] = Field(default_factory=list, sa_type=Json)
    secrets: str = ""
    #: Where it was imported from: `github:owner/name@commit`; empty for what was defined here.
    origin: str = ""
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    version: int = 1


class SessionServiceTable(SessionService, table=True):
    __tablename__ = "session_services"
    __table_args__ = (
        UniqueConstraint("session_id", "name", name="session_services_name"),
        Index("session_services_of_session", "organization_id", "session_id", "position"),
    )


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """How a service's database is reached, its password included: for who connects, never for an answer or a log."""

    engine: DatabaseEngine
    #: PostgreSQL only.
    host: str = ""
    port: int = 0
    database: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    #: SQLite only: a file in the session's working copy, relative to its root.
    path: str = ""
