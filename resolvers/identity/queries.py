"""Reading who asks, and the organization's keys."""

from __future__ import annotations

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from app.identity import models
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.identity.types import ApiKey, Viewer, api_key, organization
from resolvers.node import After, Connection, First, connection

ORGANIZATION = Access(scope=Scope.ORGANIZATION, kind=Kind.READ)
CREDENTIALS = Access(scope=Scope.CREDENTIALS, kind=Kind.READ)


@strawberry.type
class IdentityQueries:
    @query("Who is asking.", ORGANIZATION)
    async def viewer(self, info: Info[Context, None]) -> Viewer:
        actor = info.context.require_actor()
        user = await info.context.identity.user()
        return Viewer(
            user_id=strawberry.ID(user.id),
            name=user.name,
            email=user.email,
            role=actor.role,
            scopes=sorted(actor.scopes),
            organization=organization(await info.context.identity.organization()),
        )

    @query("The organization's API keys, newest first, revoked ones included.", CREDENTIALS)
    async def api_keys(self, info: Info[Context, None], first: First = None, after: After = None) -> Connection[ApiKey]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.identity.keys(limit, decode_cursor(after))
        return connection(page, _id, api_key, after)


def _id(record: models.ApiKey) -> str:
    return record.id
