"""Reading skills."""

from __future__ import annotations

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from app.skills import models
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.node import After, Connection, First, Id, connection
from resolvers.skills.types import Skill, skill
from resolvers.workspaces.queries import WorkspaceId

READ = Access(scope=Scope.ASSISTANT, kind=Kind.READ)


@strawberry.type
class SkillQueries:
    @query("One skill; null where none with this id is visible to you.", READ)
    async def skill(self, info: Info[Context, None], id: Id) -> Skill | None:
        found = await info.context.skills.find(id)
        return skill(found) if found else None

    @query("The skills of a workspace, newest first.", READ)
    async def skills(
        self, info: Info[Context, None], workspace_id: WorkspaceId, first: First = None, after: After = None
    ) -> Connection[Skill]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.skills.page(workspace_id, limit, decode_cursor(after))
        return connection(page, _id, skill, after)


def _id(record: models.Skill) -> str:
    return record.id
