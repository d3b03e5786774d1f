"""Reading the organization's federated providers."""

from __future__ import annotations

from functools import partial

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from app.federation import models
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.federation.types import FederationProvider, provider
from resolvers.node import After, Connection, First, connection

READ = Access(scope=Scope.FEDERATION, kind=Kind.READ)


@strawberry.type
class FederationQueries:
    @query("The organization's federated providers, newest first.", READ)
    async def federation_providers(
        self, info: Info[Context, None], first: First = None, after: After = None
    ) -> Connection[FederationProvider]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.federation.providers(limit, decode_cursor(after))
        return connection(page, _id, partial(provider, parts=info.context.product.federation), after)


def _id(record: models.Provider) -> str:
    return record.id
