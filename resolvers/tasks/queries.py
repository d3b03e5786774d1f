"""Reading tasks."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from app.tasks import models
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.node import After, Connection, First, Id, connection
from resolvers.tasks.types import Task, TaskState, task

READ = Access(scope=Scope.WORKSPACES, kind=Kind.READ)
SessionId = Annotated[strawberry.ID, strawberry.argument(description="The session's id.")]


@strawberry.type
class TaskQueries:
    @query("One task; null where none with this id is visible to you.", READ)
    async def task(self, info: Info[Context, None], id: Id) -> Task | None:
        found = await info.context.tasks.find(id)
        return task(found) if found else None

    @query("The tasks of a session, newest first.", READ)
    async def tasks(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        state: Annotated[TaskState | None, strawberry.argument(description="Only those in this state.")] = None,
        first: First = None,
        after: After = None,
    ) -> Connection[Task]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.tasks.page(session_id, limit, decode_cursor(after), state)
        return connection(page, _id, task, after)


def _id(record: models.Task) -> str:
    return record.id
