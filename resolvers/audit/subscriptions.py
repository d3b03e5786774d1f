"""Following the audit log."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.environments.cursors import decode_position
from resolvers.access import subscription
from resolvers.audit.queries import AUDIT
from resolvers.audit.types import AuditLogItem, log_item
from resolvers.context import Context


@strawberry.type
class AuditSubscriptions:
    @subscription(
        "The audit log as it grows: every event since `after`, oldest first, then what comes.", AUDIT, shared=True
    )
    async def audit_log(
        self,
        info: Info[Context, None],
        after: Annotated[
            str | None,
            strawberry.argument(description="Resume behind the item with this cursor; from the beginning without one."),
        ] = None,
        follow: Annotated[
            bool, strawberry.argument(description="Wait for new events; else it ends with the newest.")
        ] = True,
    ) -> AsyncGenerator[AuditLogItem, None]:
        position = decode_position(after)
        async for item in info.context.audit.follow(position, waits=follow):
            shown = log_item(item, position)
            position = int(shown.cursor)
            yield shown
