"""Making and revoking keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.identity.types import ApiKey, CreatedApiKey, api_key
from resolvers.node import Id, OwnOrganizationId
from resolvers.scalars import Duration

ADMIN = Access(scope=Scope.CREDENTIALS, kind=Kind.ADMIN)


@strawberry.input(description="A key to make.")
class CreateApiKeyInput:
    name: str = strawberry.field(description="What it is for.")
    scopes: list[str] = strawberry.field(
        default_factory=lambda: ["*"],
        description="What it is limited to: `*`, or for example `environments:read`, `environments:write`.",
    )
    expires_at: datetime | None = strawberry.field(default=None, description="When it ends by itself; never without.")


@strawberry.type
class IdentityMutations:
    @mutation("Makes an API key in your own role. The key is shown once.", ADMIN, audited="api_key.create")
    async def create_api_key(
        self,
        info: Info[Context, None],
        input: Annotated[CreateApiKeyInput, strawberry.argument(description="The key to make.")],
        organization_id: OwnOrganizationId = None,
    ) -> CreatedApiKey:
        info.context.own_organization.check(organization_id)
        record, key = info.context.identity.create_key(input.name, input.scopes, input.expires_at)
        return CreatedApiKey(id=strawberry.ID(record.id), key=key, api_key=api_key(record))

    @mutation(
        "Gives an API key a successor with the same name and scopes, shown once. The old one works on for a while.",
        ADMIN,
        audited="api_key.rotate",
    )
    async def rotate_api_key(
        self,
        info: Info[Context, None],
        id: Id,
        overlap: Annotated[
            Duration,
            strawberry.argument(description="How long the old key works on: at most 7 days; an hour by default"),
        ] = Duration(3600),
    ) -> CreatedApiKey:
        record, key = await info.context.identity.rotate_key(id, timedelta(seconds=overlap))
        return CreatedApiKey(id=strawberry.ID(record.id), key=key, api_key=api_key(record))

    @mutation("Revokes an API key, at once and for good.", ADMIN, audited="api_key.revoke")
    async def revoke_api_key(self, info: Info[Context, None], id: Id) -> ApiKey:
        return api_key(await info.context.identity.revoke_key(id))
