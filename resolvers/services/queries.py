"""Reading the services of sessions."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.node import Id
from resolvers.services.types import SessionService, session_service

READ = Access(scope=Scope.WORKSPACES, kind=Kind.READ)
SessionId = Annotated[strawberry.ID, strawberry.argument(description="The session's id.")]


@strawberry.type
class ServiceQueries:
    @query("One service of a session; null where none with this id is visible to you.", READ)
    async def service(self, info: Info[Context, None], id: Id) -> SessionService | None:
        found = await info.context.services.find(id)
        return session_service(found) if found else None

    @query("The services of a session in their order: at most 100.", READ)
    async def services(self, info: Info[Context, None], session_id: SessionId) -> list[SessionService]:
        return [session_service(each) for each in await info.context.services.all(session_id)]
