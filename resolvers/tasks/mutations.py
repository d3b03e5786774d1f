"""Making tasks, and what is done with them."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.node import IfVersion
from resolvers.tasks.queries import SessionId
from resolvers.tasks.types import Task, TaskAction, task

WRITE = Access(scope=Scope.WORKSPACES, kind=Kind.WRITE)


@strawberry.input(description="A task to make.")
class CreateTaskInput:
    title: str = strawberry.field(description="1 to 200 characters.")
    description: str | None = strawberry.field(default=None, description="At most 10,000 characters.")
    assignee_id: strawberry.ID | None = strawberry.field(default=None, description="A member or an agent.")


@strawberry.input(description="What is done with a task, and what changes beside it.")
class ManageTaskInput:
    task_id: strawberry.ID = strawberry.field(description="The task.")
    action: TaskAction = strawberry.field(description="What is done.")
    title: str | None = strawberry.field(default=None, description="1 to 200 characters.")
    description: str | None = strawberry.field(default=None, description="At most 10,000 characters.")
    assignee_id: strawberry.ID | None = strawberry.field(
        default=None, description="A member or an agent; ASSIGN needs it."
    )
    reason: str | None = strawberry.field(default=None, description="Why it is blocked or cancelled.")


@strawberry.type
class TaskMutations:
    @mutation("Makes a task in a session. It is open.", WRITE, audited="task.create")
    async def create_task(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        input: Annotated[CreateTaskInput, strawberry.argument(description="The task.")],
    ) -> Task:
        made = await info.context.tasks.create(
            session_id, input.title, description=input.description or "", assignee_id=input.assignee_id or ""
        )
        return task(made)

    @mutation(
        "Does one thing with a task: changes, assigns, starts, blocks, completes, cancels, reopens or deletes it.",
        WRITE,
        audited="task.manage",
    )
    async def manage_task(
        self,
        info: Info[Context, None],
        input: Annotated[ManageTaskInput, strawberry.argument(description="What is done.")],
        if_version: IfVersion = None,
    ) -> Task:
        managed = await info.context.tasks.manage(
            input.task_id,
            input.action,
            title=input.title,
            description=input.description,
            assignee_id=input.assignee_id,
            reason=input.reason,
            expected_version=if_version,
        )
        return task(managed)
