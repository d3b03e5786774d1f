"""Reading agents."""

from __future__ import annotations

import strawberry
from strawberry.types import Info

from app.agents import models
from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from resolvers.access import Access, query
from resolvers.agents.types import Agent, agent
from resolvers.context import Context
from resolvers.node import After, Connection, First, Id, connection

READ = Access(scope=Scope.AGENTS, kind=Kind.READ)


@strawberry.type
class AgentQueries:
    @query("One agent; null where none with this id is visible to you.", READ)
    async def agent(self, info: Info[Context, None], id: Id) -> Agent | None:
        found = await info.context.agents.find(id)
        return agent(found) if found else None

    @query("The organization's agents, newest first, retired ones included.", READ)
    async def agents(self, info: Info[Context, None], first: First = None, after: After = None) -> Connection[Agent]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.agents.page(limit, decode_cursor(after))
        return connection(page, _id, agent, after)


def _id(record: models.Agent) -> str:
    return record.id
