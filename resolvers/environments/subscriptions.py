"""Watching environments."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.environments.cursors import decode_offsets, decode_position
from resolvers.access import Access, subscription
from resolvers.context import Context
from resolvers.environments.types import EnvironmentLogs, EnvironmentProgress, logs, progress
from resolvers.node import Id

READ = Access(scope=Scope.ENVIRONMENTS, kind=Kind.READ)
Resume = Annotated[
    str | None,
    strawberry.argument(description="Resume behind the item with this cursor; from the beginning without one."),
]


@strawberry.type
class EnvironmentSubscriptions:
    @subscription(
        "The life of an environment, step by step: what happened since `after`, then what happens, until it is "
        "terminated.",
        READ,
        shared=True,
    )
    async def environment_progress(
        self, info: Info[Context, None], id: Id, after: Resume = None
    ) -> AsyncGenerator[EnvironmentProgress, None]:
        position = decode_position(after)
        async for item in info.context.environments.progress(id, position):
            shown = progress(item, position)
            position = int(shown.cursor)
            yield shown

    @subscription(
        "What an environment's services write: everything since `after`, then what comes, until it is terminated. "
        "Lines that follow each other come together in one item.",
        READ,
    )
    async def environment_logs(
        self,
        info: Info[Context, None],
        id: Id,
        service: Annotated[str | None, strawberry.argument(description="Only this service.")] = None,
        after: Resume = None,
    ) -> AsyncGenerator[EnvironmentLogs, None]:
        offsets = decode_offsets(after, id)
        async for item in info.context.environments.logs(id, service or "", dict(offsets)):
            yield logs(item, offsets)
