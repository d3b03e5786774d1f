"""Environments, the units that run for them, and what happened to them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Json, Moment
from app.engines.base import Isolation, UnitStatus


class EnvironmentStatus(enum.StrEnum):
    """Where an environment is in its life."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    DEGRADED = "degraded"
    STOPPING = "stopping"
    STOPPED = "stopped"
    RESUMING = "resuming"
    FAILED = "failed"
    DELETING = "deleting"
    TERMINATED = "terminated"


class Desired(enum.StrEnum):
    """What an environment is to be: the reconciler makes it so."""

    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


class EventKind(enum.StrEnum):
    """What happened to an environment."""

    REQUESTED = "requested"
    STATUS = "status"
    SERVICE = "service"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the services of a session work: its working copy. Paths are relative to the data directory."""

    session_id: str
    folder: str
    #: What they may read beside it.
    reads: list[str]


class Environment(Record):
    """A set of services from a Blueprint: what is wanted (the user's part) and what is there (the reconciler's)."""

    id: str = Field(primary_key=True)
    organization_id: str
    name: str
    created_by: str
    #: The validated Blueprint, and the text it came from.
    blueprint: dict[str, Any] = Field(sa_type=Json)
    source: str
    #: The values of `${secrets.…}`, encrypted.
    secrets: str
    engine: str
    isolation: Isolation = Field(sa_type=Choice(Isolation))
    #: The session whose services these are; None for an environment of its own.
    session_id: str | None = None
    #: The folder that its services work in and may write to, relative to the data directory; empty for one of its own.
    folder: str = ""
    #: Further paths in the data directory that its services may read.
    reads: list[str] = Field(default_factory=list, sa_type=Json)

    desired: Desired = Field(sa_type=Choice(Desired))
    #: Raised by each change of what is wanted; guards users' changes against each other.
    generation: int = 1
    #: Service -> replicas, where scaled away from the Blueprint.
    replicas: dict[str, int] = Field(sa_type=Json)
    #: Unit id -> attempt, raised by a retry.
    attempts: dict[str, int] = Field(default_factory=dict, sa_type=Json)
    #: Seconds from ready to an automatic stop.
    auto_shutdown: int | None = None
    shutdown_at: datetime | None = Field(default=None, sa_type=Moment)

    status: EnvironmentStatus = Field(sa_type=Choice(EnvironmentStatus))
    observed_generation: int = 0
    #: "service/port/replica" -> number.
    ports: dict[str, int] = Field(default_factory=dict, sa_type=Json)
    #: Why it is not running: a code, a sentence, and the cause as the engine saw it.
    reason: str = ""
    message: str = ""
    #: Failures in a row, and when the next try is due.
    failures: int = 0
    retry_at: datetime | None = Field(default=None, sa_type=Moment)
    ready_at: datetime | None = Field(default=None, sa_type=Moment)

    lease_owner: str = ""
    #: The fencing token: grows with each change of owner.
    lease_epoch: int = 0
    lease_until: datetime | None = Field(default=None, sa_type=Moment)
    #: When the reconciler has to look again; None: when something happens.
    next_at: datetime | None = Field(default=None, sa_type=Moment)

    #: Raised by each visible change; the ETag.
    version: int = 1
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class EnvironmentTable(Environment, table=True):
    __tablename__ = "environments"
    __table_args__ = (
        Index("environments_of_organization", "organization_id", "id"),
        Index("environments_due", "next_at"),
    )


class UnitRecord(Record):
    """What the reconciler last saw of a unit; the handle is stored here before the unit counts as started."""

    id: str = Field(primary_key=True)
    organization_id: str
    environment_id: str
    service: str
    replica: int
    status: UnitStatus = Field(sa_type=Choice(UnitStatus))
    handle: str = ""
    pid: int | None = None
    attempt: int = 0
    restarts: int = 0
    started_at: datetime | None = Field(default=None, sa_type=Moment)
    ready_at: datetime | None = Field(default=None, sa_type=Moment)
    #: {"kind", "message", "exit_code", "signal"}
    cause: dict[str, Any] | None = Field(default=None, sa_type=Json)
    next_restart_at: datetime | None = Field(default=None, sa_type=Moment)
    isolation: Isolation = Field(sa_type=Choice(Isolation))
    enforced: dict[str, str] = Field(sa_type=Json)


class UnitTable(UnitRecord, table=True):
    __tablename__ = "environment_units"
    __table_args__ = (Index("units_of_environment", "organization_id", "environment_id"),)


class EnvironmentEvent(Record):
    """One thing that happened; positions count up by one in each environment."""

    environment_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=BigInteger)
    organization_id: str
    kind: EventKind = Field(sa_type=Choice(EventKind))
    #: The environment's status after it.
    status: EnvironmentStatus = Field(sa_type=Choice(EnvironmentStatus))
    service: str = ""
    message: str = ""
    #: Units that are ready, of how many: for a progress bar.
    ready: int = 0
    total: int = 0
    at: datetime = Field(sa_type=Moment)


class EventTable(EnvironmentEvent, table=True):
    __tablename__ = "environment_events"
