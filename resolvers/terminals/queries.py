"""Reading terminals."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from app.terminals import models
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.node import After, Connection, First, Id, connection
from resolvers.terminals.types import Terminal, terminal

READ = Access(scope=Scope.WORKSPACES, kind=Kind.READ)
SessionId = Annotated[strawberry.ID, strawberry.argument(description="The session's id.")]


@strawberry.type
class TerminalQueries:
    @query("One terminal, ended ones included; null where none with this id is visible to you.", READ)
    async def terminal(self, info: Info[Context, None], id: Id) -> Terminal | None:
        found = await info.context.terminals.find(id)
        return shown(info.context, found) if found else None

    @query("The terminals of a session, newest first, ended ones included.", READ)
    async def terminals(
        self, info: Info[Context, None], session_id: SessionId, first: First = None, after: After = None
    ) -> Connection[Terminal]:
        context = info.context
        limit = page_size(first, context.largest_page)
        page = await context.terminals.page(session_id, limit, decode_cursor(after))
        return connection(page, _id, lambda record: shown(context, record), after)


def shown(context: Context, record: models.Terminal) -> Terminal:
    """A record with who watches it now."""
    return terminal(record, context.product.terminals.seats)


def _id(record: models.Terminal) -> str:
    return record.id
