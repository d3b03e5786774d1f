"""Watching a run."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import strawberry
from strawberry.types import Info

from app.environments.cursors import decode_position
from resolvers.access import subscription
from resolvers.automations.queries import READ
from resolvers.automations.types import AutomationRunItem, run_item
from resolvers.context import Context
from resolvers.environments.subscriptions import Resume
from resolvers.node import Id


@strawberry.type
class AutomationSubscriptions:
    @subscription(
        "A run's log: what was written since `after`, then what is written, until it is over. The end's reason is what "
        "became of it.",
        READ,
        shared=True,
    )
    async def automation_run_log(
        self, info: Info[Context, None], id: Id, after: Resume = None
    ) -> AsyncGenerator[AutomationRunItem, None]:
        position = decode_position(after)
        async for item in info.context.automations.log(id, position):
            shown = run_item(item, position)
            position = int(shown.cursor)
            yield shown
