"""Making and revoking keys."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.identity.types import ApiKey, CreatedApiKey, api_key
from resolvers.node import Id

ADMIN = Access(scope=Scope.CREDENTIALS, kind=Kind.ADMIN)


@strawberry.input(description="A key to make.")
class CreateApiKeyInput:
    name: str = strawberry.field(description="What it is for.")
    scopes: list[str] = strawberry.field(
        default_factory=lambda: ["*"],
        description="What it is limited to: `*`, or for example `environments:read`, `environments:write`.",
    )


@strawberry.type
class IdentityMutations:
    @mutation("Makes an API key in your own role. The key is shown once.", ADMIN, audited="api_key.create")
    async def create_api_key(
        self,
        info: Info[Context, None],
        input: Annotated[CreateApiKeyInput, strawberry.argument(description="The key to make.")],
    ) -> CreatedApiKey:
        record, key = info.context.identity.create_key(input.name, input.scopes)
        return CreatedApiKey(id=strawberry.ID(record.id), key=key, api_key=api_key(record))

    @mutation("Revokes an API key, at once and for good.", ADMIN, audited="api_key.revoke")
    async def revoke_api_key(self, info: Info[Context, None], id: Id) -> ApiKey:
        return api_key(await info.context.identity.revoke_key(id))
