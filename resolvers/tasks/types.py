"""What tasks look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.tasks import models
from resolvers.node import Node

TaskState = models.TaskState
strawberry.enum(TaskState, name="TaskState", description="Where a task stands; DONE and CANCELLED are closed.")
TaskAction = models.TaskAction
strawberry.enum(
    TaskAction,
    name="TaskAction",
    description="What is done with a task. UPDATE changes what is given and nothing else; REOPEN takes one that is "
    "closed; "
    "BLOCK and CANCEL take a reason; COMPLETE, CANCEL, BLOCK and START take one that is not closed.",
)


@strawberry.type(description="Something to do in a session.")
class Task(Node):
    session_id: strawberry.ID = strawberry.field(description="The session.")
    title: str = strawberry.field(description="What is to be done.")
    description: str = strawberry.field(description="More of it.")
    state: TaskState = strawberry.field(description="Where it stands.")
    reason: str = strawberry.field(description="Why it is blocked or was cancelled; empty otherwise.")
    assignee_id: strawberry.ID | None = strawberry.field(
        description="The member or agent whose it is; null for nobody."
    )
    created_by: strawberry.ID = strawberry.field(description="The member or agent who made it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    closed_at: datetime | None = strawberry.field(description="When it was done or cancelled; null while it is open.")
    version: int = strawberry.field(description="Counts the changes; the ETag of REST.")


def task(record: models.Task) -> Task:
    """The record as GraphQL shows it."""
    return Task(
        id=strawberry.ID(record.id),
        session_id=strawberry.ID(record.session_id),
        title=record.title,
        description=record.description,
        state=record.state,
        reason=record.reason,
        assignee_id=strawberry.ID(record.assignee_id) if record.assignee_id else None,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        updated_at=record.updated_at,
        closed_at=record.closed_at,
        version=record.version,
    )
