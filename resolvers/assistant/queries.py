"""Reading chats, models, and what they used."""

from __future__ import annotations

import enum
from datetime import date
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.assistant import models
from app.assistant.catalogue import used
from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from resolvers.access import Access, query
from resolvers.assistant.types import (
    Chat,
    ChatAttachment,
    ChatModel,
    ModelUse,
    attachment,
    chat,
    chat_models,
    model_use,
)
from resolvers.context import Context
from resolvers.node import After, Connection, First, Id, connection

READ = Access(scope=Scope.ASSISTANT, kind=Kind.READ)
ChatId = Annotated[strawberry.ID, strawberry.argument(description="The chat's id, or what its client calls it.")]


class ModelUseGroup(enum.StrEnum):
    """What use is summed up by."""

    DAY = "day"
    MODEL = "model"
    ACTOR = "actor"


strawberry.enum(ModelUseGroup, name="ModelUseGroup", description="What the use of models is summed up by.")


@strawberry.type
class AssistantQueries:
    @query("The language models that you can use, the default one first; empty where none is configured.", READ)
    async def models(self, info: Info[Context, None]) -> list[ChatModel]:
        return chat_models(await info.context.chats.catalogue.models())

    @query("One of your own chats; null where you have none with this id.", READ)
    async def chat(self, info: Info[Context, None], id: ChatId) -> Chat | None:
        found = await info.context.chats.find(id)
        return chat(found) if found else None

    @query("Your own chats, newest first.", READ)
    async def chats(
        self,
        info: Info[Context, None],
        workspace_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only those about this workspace.")
        ] = None,
        session_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only those about this session.")
        ] = None,
        first: First = None,
        after: After = None,
    ) -> Connection[Chat]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.chats.page(
            limit, decode_cursor(after), workspace_id=workspace_id or "", session_id=session_id or ""
        )
        return connection(page, _id, chat, after)

    @query("A file that was added to one of your own chats; null where there is none with this id.", READ)
    async def chat_attachment(self, info: Info[Context, None], id: Id) -> ChatAttachment | None:
        found = await info.context.chats.attachment(id)
        return attachment(found) if found else None

    @query(
        "What your organization used of language models, day by day, model by model, member by member. At most 366 "
        "days "
        "and 10,000 rows.",
        READ,
    )
    async def llm_usage(
        self,
        info: Info[Context, None],
        from_: Annotated[
            date | None,
            strawberry.argument(name="from", description="The first day, in UTC; 29 days before the last by default."),
        ] = None,
        to: Annotated[date | None, strawberry.argument(description="The last day, in UTC; today by default.")] = None,
        group_by: Annotated[
            list[ModelUseGroup] | None,
            strawberry.argument(description="What to sum up by; day and model by default."),
        ] = None,
    ) -> list[ModelUse]:
        groups = [ModelUseGroup.DAY, ModelUseGroup.MODEL] if group_by is None else group_by
        return [model_use(row) for row in await used(info.context.work, from_, to, [str(each) for each in groups])]


def _id(record: models.Chat) -> str:
    return record.id
