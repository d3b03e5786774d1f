"""Watching an answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.environments.cursors import decode_position
from resolvers.access import Access, subscription
from resolvers.assistant.types import ChatAnswerItem, answer_item
from resolvers.context import Context
from resolvers.environments.subscriptions import Resume
from resolvers.node import Id

READ = Access(scope=Scope.ASSISTANT, kind=Kind.READ)


@strawberry.type
class AssistantSubscriptions:
    @subscription(
        "An answer of the assistant, part by part: what was told since `after`, then what comes, until its end. An "
        "answer "
        "that has ended can be watched again for an hour.",
        READ,
    )
    async def chat_answer(
        self,
        info: Info[Context, None],
        id: Id,
        after: Resume = None,
    ) -> AsyncGenerator[ChatAnswerItem, None]:
        position = decode_position(after)
        async for item in info.context.chats.watch(id, position):
            shown = answer_item(item, position)
            position = int(shown.cursor)
            yield shown
