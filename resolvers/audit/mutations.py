"""Erasing what the audit log knows of a person."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.errors import InvalidRequest
from app.core.ids import is_id
from resolvers.access import Access, mutation
from resolvers.audit.types import AuditErasure
from resolvers.context import Context

ADMIN = Access(scope=Scope.AUDIT, kind=Kind.ADMIN)


@strawberry.type
class AuditMutations:
    @mutation(
        "Erases the personal data about a user from the audit log: addresses and the like. What was done, and every "
        "proof, stays.",
        ADMIN,
        audited="audit.erase",
    )
    async def erase_audit_personal_data(
        self,
        info: Info[Context, None],
        user_id: Annotated[strawberry.ID, strawberry.argument(description="The user whom the data is about.")],
    ) -> AuditErasure:
        if not is_id(user_id, "usr"):
            raise InvalidRequest("This is no id of a user: `usr_` and 26 characters.")
        return AuditErasure(id=user_id, events=await info.context.audit.erase(user_id))
