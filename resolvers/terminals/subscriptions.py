"""Watching terminals."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.environments.cursors import decode_position
from resolvers.access import subscription
from resolvers.context import Context
from resolvers.node import Id
from resolvers.terminals.queries import READ
from resolvers.terminals.types import TerminalOutputItem, output


@strawberry.type
class TerminalSubscriptions:
    @subscription(
        "What a terminal's program writes: the newest mebibyte of what was written since `after`, then what comes, "
        "until it ends. For a whole screen at speed there is the WebSocket `/api/v1/ws/terminal`.",
        READ,
    )
    async def terminal_output(
        self,
        info: Info[Context, None],
        id: Id,
        after: Annotated[
            str | None,
            strawberry.argument(description="Resume behind the item with this cursor; from the beginning without one."),
        ] = None,
    ) -> AsyncGenerator[TerminalOutputItem, None]:
        async for item in info.context.terminals.output(id, decode_position(after)):
            yield output(item)
