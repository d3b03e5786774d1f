"""Reading who asks, and the organization's keys."""

from __future__ import annotations

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from app.identity import models
from resolvers.access import Access, query
from resolvers.agents.types import agent
from resolvers.context import Context
from resolvers.identity.types import ApiKey, Viewer, api_key, organization
from resolvers.node import After, Connection, First, OwnOrganizationId, connection

ORGANIZATION = Access(scope=Scope.ORGANIZATION, kind=Kind.READ)
CREDENTIALS = Access(scope=Scope.CREDENTIALS, kind=Kind.READ)


@strawberry.type
class IdentityQueries:
    @query("Who is asking.", ORGANIZATION)
    async def viewer(self, info: Info[Context, None]) -> Viewer:
        actor = info.context.require_actor()
        asking = await info.context.agents.get(actor.agent_id) if actor.agent_id else None
        user = await info.context.identity.user() if asking is None else None
        return Viewer(
            user_id=strawberry.ID(user.id) if user else None,
            name=user.name if user else asking.name if asking else "",
            email=user.email if user else None,
            role=actor.role if user else None,
            agent=agent(asking) if asking else None,
            scopes=sorted(actor.scopes),
            organization=organization(await info.context.identity.organization()),
        )

    @query("The organization's API keys, newest first, revoked ones included.", CREDENTIALS)
    async def api_keys(
        self,
        info: Info[Context, None],
        organization_id: OwnOrganizationId = None,
        first: First = None,
        after: After = None,
    ) -> Connection[ApiKey]:
        info.context.own_organization.check(organization_id)
        limit = page_size(first, info.context.largest_page)
        page = await info.context.identity.keys(limit, decode_cursor(after))
        return connection(page, _id, api_key, after)


def _id(record: models.ApiKey) -> str:
    return record.id
