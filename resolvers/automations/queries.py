"""Reading automations and their runs."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.automations import models
from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from resolvers.access import Access, query
from resolvers.automations.types import Automation, AutomationRun, automation, automation_run
from resolvers.context import Context
from resolvers.node import After, Connection, First, Id, connection

READ = Access(scope=Scope.WORKSPACES, kind=Kind.READ)
WorkspaceId = Annotated[strawberry.ID, strawberry.argument(description="The workspace's id.")]


@strawberry.type
class AutomationQueries:
    @query("One automation; null where none with this id is visible to you.", READ)
    async def automation(self, info: Info[Context, None], id: Id) -> Automation | None:
        found = await info.context.automations.find(id)
        return automation(found) if found else None

    @query("A workspace's automations, newest first.", READ)
    async def automations(
        self, info: Info[Context, None], workspace_id: WorkspaceId, first: First = None, after: After = None
    ) -> Connection[Automation]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.automations.page(workspace_id, limit, decode_cursor(after))
        return connection(page, _id, automation, after)

    @query("One run of an automation, with its log; null where none with this id is visible to you.", READ)
    async def automation_run(self, info: Info[Context, None], id: Id) -> AutomationRun | None:
        found = await info.context.automations.run(id)
        return automation_run(found) if found else None

    @query("The runs of an automation, newest first.", READ)
    async def automation_runs(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, strawberry.argument(description="The automation's id.")],
        first: First = None,
        after: After = None,
    ) -> Connection[AutomationRun]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.automations.runs(id, limit, decode_cursor(after))
        return connection(page, _id, automation_run, after)


def _id(record: models.Automation | models.Run) -> str:
    return record.id
