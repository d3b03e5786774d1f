"""Automations of workspaces, their runs, and what the runs tell."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Json, Moment


class TriggerKind(enum.StrEnum):
    """What makes an automation run."""

    CRON = "cron"
    EVENT = "event"
    #: By hand; of runs only.
    MANUAL = "manual"


class ActionKind(enum.StrEnum):
    """What an automation does."""

    CREATE_ENVIRONMENT = "create_environment"
    STOP_ENVIRONMENT = "stop_environment"
    RESUME_ENVIRONMENT = "resume_environment"
    DELETE_ENVIRONMENT = "delete_environment"
    CALL = "call"
    RUN_COMMAND = "run_command"
    CREATE_TASK = "create_task"


class AutomationStatus(enum.StrEnum):
    """Whether an automation runs."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    #: By itself: see its reason.
    STOPPED = "stopped"


class RunStatus(enum.StrEnum):
    """What became of a run."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    #: Its server died, and so did those that took it up.
    LOST = "lost"


class Automation(Record):
    """What is done when."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    workspace_id: str = Field(foreign_key="workspaces.id", ondelete="CASCADE")
    name: str
    description: str
    status: AutomationStatus = Field(sa_type=Choice(AutomationStatus))
    reason: str = ""
    trigger: TriggerKind = Field(sa_type=Choice(TriggerKind))
    cron: str = ""
    time_zone: str = ""
    events: list[str] = Field(default_factory=list, sa_type=Json)
    #: Path in the event's data -> what has to be there: a value, or a list of which one.
    filter: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    action: ActionKind = Field(sa_type=Choice(ActionKind))
    arguments: dict[str, Any] = Field(sa_type=Json)
    #: What calls are signed with; sealed.
    secret: str
    #: In whose rights it runs, and with which scopes: who last chose trigger or action.
    runs_as: str
    scopes: list[str] = Field(sa_type=Json)
    #: When its schedule is due; None without one, and while it is not enabled.
    next_at: datetime | None = Field(default=None, sa_type=Moment)
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    version: int = 1


class AutomationTable(Automation, table=True):
    __tablename__ = "automations"
    __table_args__ = (
        Index("automations_of_workspace", "organization_id", "workspace_id", "id"),
        Index("automations_due", "next_at"),
    )


class Run(Record):
    """One time that it is done."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    automation_id: str = Field(foreign_key="automations.id", ondelete="CASCADE")
    status: RunStatus = Field(sa_type=Choice(RunStatus))
    trigger: TriggerKind = Field(sa_type=Choice(TriggerKind))
    #: The schedule's moment, the event's type, or the member.
    triggered_by: str
    #: {"type", "data"} of the event; empty for none.
    event: dict[str, Any] = Field(sa_type=Json)
    #: As the automation's at that time; by hand: who asked for it.
    runs_as: str
    scopes: list[str] = Field(sa_type=Json)
    attempt: int = 0
    #: When the next attempt is due; None when it is over.
    next_at: datetime | None = Field(default=None, sa_type=Moment)
    lease_owner: str = ""
    lease_epoch: int = 0
    lease_until: datetime | None = Field(default=None, sa_type=Moment)
    #: What it made or changed.
    resource: str = ""
    error: str = ""
    created_at: datetime = Field(sa_type=Moment)
    started_at: datetime | None = Field(default=None, sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)


class RunTable(Run, table=True):
    __tablename__ = "automation_runs"
    __table_args__ = (
        Index("automation_runs_of_automation", "organization_id", "automation_id", "id"),
        Index("automation_runs_due", "next_at"),
        Index("automation_runs_by_age", "created_at"),
    )


class RunLine(Record):
    """A line of a run's log."""

    run_id: str = Field(primary_key=True, foreign_key="automation_runs.id", ondelete="CASCADE")
    position: int = Field(primary_key=True)
    organization_id: str
    at: datetime = Field(sa_type=Moment)
    text: str


class RunLineTable(RunLine, table=True):
    __tablename__ = "automation_run_lines"


class Count(Record):
    """How many there are."""

    count: int
