"""Tasks: what is to be done in a session, and by whom."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Moment


class TaskState(enum.StrEnum):
    """Where a task stands."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    BLOCKED = "blocked"
    DONE = "done"
    CANCELLED = "cancelled"


class TaskAction(enum.StrEnum):
    """What is done with a task."""

    #: Changes title, description or assignee, and nothing else.
    UPDATE = "update"
    ASSIGN = "assign"
    UNASSIGN = "unassign"
    START = "start"
    BLOCK = "block"
    COMPLETE = "complete"
    CANCEL = "cancel"
    REOPEN = "reopen"
    DELETE = "delete"


#: Action -> the states that it begins at, and the one that it ends in.
STEPS: dict[TaskAction, tuple[frozenset[TaskState], TaskState]] = {
    TaskAction.START: (frozenset({TaskState.OPEN, TaskState.BLOCKED}), TaskState.IN_PROGRESS),
    TaskAction.BLOCK: (frozenset({TaskState.OPEN, TaskState.IN_PROGRESS}), TaskState.BLOCKED),
    TaskAction.COMPLETE: (
        frozenset({TaskState.OPEN, TaskState.IN_PROGRESS, TaskState.BLOCKED}),
        TaskState.DONE,
    ),
    TaskAction.CANCEL: (
        frozenset({TaskState.OPEN, TaskState.IN_PROGRESS, TaskState.BLOCKED}),
        TaskState.CANCELLED,
    ),
    TaskAction.REOPEN: (frozenset({TaskState.DONE, TaskState.CANCELLED}), TaskState.OPEN),
}
CLOSED = frozenset({TaskState.DONE, TaskState.CANCELLED})


class Task(Record):
    """Something to do in a session."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    session_id: str = Field(foreign_key="workspace_sessions.id", ondelete="CASCADE")
    title: str
    description: str = ""
    state: TaskState = Field(sa_type=Choice(TaskState))
    #: Why it is blocked, or was cancelled.
    reason: str = ""
    #: A member or an agent; empty for nobody.
    assignee_id: str = ""
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    closed_at: datetime | None = Field(default=None, sa_type=Moment)
    version: int = 1


class TaskTable(Task, table=True):
    __tablename__ = "session_tasks"
    __table_args__ = (Index("session_tasks_of_session", "organization_id", "session_id", "id"),)
