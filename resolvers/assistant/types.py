"""What chats, models and their use look like in GraphQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.assistant import models
from app.assistant.attachments import url
from app.assistant.completing import Completion, Suggestions
from app.core.streams import End, Gap
from app.organization.models import EnabledModel
from resolvers.context import Context
from resolvers.environments.types import StreamEnd, StreamGap
from resolvers.node import Node

ChatKind = models.ChatKind
strawberry.enum(
    ChatKind,
    name="ChatKind",
    description="CHAT talks and uses tools; WORKFLOW ends in a validated draft and changes nothing.",
)
MessageRole = models.MessageRole
strawberry.enum(MessageRole, name="MessageRole", description="Who said it.")
AnswerStatus = models.AnswerStatus
strawberry.enum(AnswerStatus, name="AnswerStatus", description="Where an answer stands.")


@strawberry.type(description="A language model that the organization lets be used.")
class ChatModel:
    id: strawberry.ID = strawberry.field(description="As the provider calls it; what `model` takes.")
    name: str = strawberry.field(description="As people call it.")
    provider: str = strawberry.field(description="Who offers it.")
    default: bool = strawberry.field(description="Whether it is used where none is asked for.")


@strawberry.type(description="A message of a chat, in the form of the AI SDK's UI messages.")
class ChatMessage:
    id: str = strawberry.field(description="As the client calls it; unique in its chat.")
    role: MessageRole = strawberry.field(description="Who said it.")
    parts: JSON = strawberry.field(
        description="What was said: a list of parts (text, reasoning, file, tool-…, data-…)."
    )
    model: str | None = strawberry.field(description="The model that wrote it; null for a person's.")
    created_at: datetime = strawberry.field(description="When it was said.")


@strawberry.type(description="An answer of the assistant. The server makes it, whoever watches.")
class ChatAnswer:
    id: strawberry.ID = strawberry.field(description="What `chatAnswer` takes.")
    chat_id: strawberry.ID = strawberry.field(description="Its chat.")
    model: str = strawberry.field(description="The model that answers.")
    status: AnswerStatus = strawberry.field(description="Where it stands.")
    created_at: datetime = strawberry.field(description="When it began.")
    ended_at: datetime | None = strawberry.field(description="When it ended; null while it runs.")


@strawberry.type(description="A conversation with the assistant. Nobody but its owner sees it.")
class Chat(Node):
    client_id: str = strawberry.field(
        description="What the client calls it; everything that takes a chat's id takes it."
    )
    kind: ChatKind = strawberry.field(description="What it is for.")
    title: str = strawberry.field(description="By default the beginning of its first question.")
    workspace_id: strawberry.ID | None = strawberry.field(description="The workspace that it is about.")
    session_id: strawberry.ID | None = strawberry.field(description="The session that it is about.")
    model: str | None = strawberry.field(description="The model of its newest answer; null before the first.")
    answering: bool = strawberry.field(description="Whether an answer is under way.")
    created_at: datetime = strawberry.field(description="When it began.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(description="Counts the changes.")

    @strawberry.field(description="What was said, the oldest first: 500 at most.")  # type: ignore[untyped-decorator]
    async def messages(self, info: Info[Context, None]) -> list[ChatMessage]:
        return [_message(each) for each in await info.context.chat_messages.load(self.id)]

    @strawberry.field(description="The answer under way; null for none.")  # type: ignore[untyped-decorator]
    async def running_answer(self, info: Info[Context, None]) -> ChatAnswer | None:
        if not self.answering:
            return None
        chats = info.context.chats
        found = await chats.running(await chats.get(self.id))
        return answer(found) if found else None


@strawberry.type(description="A part of an answer's stream, a gap, or the end.")
class ChatAnswerItem:
    cursor: str = strawberry.field(description="Resume behind this item with `after`.")
    part: JSON | None = strawberry.field(
        description="A part of the AI SDK's UI message stream: `{type: …}`; null on a gap and at the end."
    )
    gap: StreamGap | None = strawberry.field(description="Set on a gap.")
    end: StreamEnd | None = strawberry.field(
        description="Set on the last item: `finished`, `stopped`, `failed`, or `lost` where the server that answered "
        "is gone."
    )


@strawberry.type(description="A file that was added to a chat.")
class ChatAttachment(Node):
    chat_id: strawberry.ID = strawberry.field(description="Its chat.")
    name: str = strawberry.field(description="The file's name.")
    media_type: str = strawberry.field(description="What it is, such as `image/png`.")
    size: int = strawberry.field(description="Its bytes.")
    sha256: str = strawberry.field(description="The hash of its content, in hexadecimal.")
    url: str = strawberry.field(description="Where it is read, and what a message's file part refers to it by.")
    created_at: datetime = strawberry.field(description="When it was added.")


@strawberry.type(description="How code goes on.")
class CodeCompletion:
    text: str = strawberry.field(description="What belongs between prefix and suffix; may be empty.")
    model: str = strawberry.field(description="The model that wrote it.")


@strawberry.type(description="What may be asked next.")
class PromptSuggestions:
    prompts: list[str] = strawberry.field(description="Requests, 4 at most.")
    model: str | None = strawberry.field(
        description="The model that made them; null where they come from what is known: failures, tasks."
    )


@strawberry.type(description="What was used of language models. What it is not grouped by is null.")
class ModelUse:
    day: date | None = strawberry.field(description="The day, in UTC.")
    model: str | None = strawberry.field(description="The model.")
    actor_id: strawberry.ID | None = strawberry.field(description="The member or agent.")
    requests: float = strawberry.field(description="Calls to the model; one answer may take several.")
    tokens_in: float = strawberry.field(description="Tokens that the models read, as their endpoints count them.")
    tokens_out: float = strawberry.field(description="Tokens that the models wrote.")


def chat_models(records: Sequence[EnabledModel]) -> list[ChatModel]:
    """The records as GraphQL shows them to those who use them."""
    return [
        ChatModel(id=strawberry.ID(each.id), name=each.name, provider=each.provider, default=position == 0)
        for position, each in enumerate(records)
    ]


def chat(record: models.Chat) -> Chat:
    """The record as GraphQL shows it."""
    return Chat(
        id=strawberry.ID(record.id),
        client_id=record.client_id,
        kind=record.kind,
        title=record.title,
        workspace_id=_id(record.workspace_id),
        session_id=_id(record.session_id),
        model=record.model or None,
        answering=bool(record.answer_id),
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
    )


def answer(record: models.Answer) -> ChatAnswer:
    """The record as GraphQL shows it."""
    return ChatAnswer(
        id=strawberry.ID(record.id),
        chat_id=strawberry.ID(record.chat_id),
        model=record.model,
        status=record.status,
        created_at=record.created_at,
        ended_at=record.ended_at,
    )


def answer_item(item: tuple[int, dict[str, Any]] | Gap | End, position: int) -> ChatAnswerItem:
    """A stream item as GraphQL shows it; `position` is the last one that was seen."""
    if isinstance(item, tuple):
        return ChatAnswerItem(cursor=str(item[0]), part=item[1], gap=None, end=None)  # type: ignore[arg-type]
    if isinstance(item, Gap):
        gap = StreamGap(start=str(item.start), end=str(item.end))
        return ChatAnswerItem(cursor=str(item.end), part=None, gap=gap, end=None)
    return ChatAnswerItem(cursor=str(position), part=None, gap=None, end=StreamEnd(reason=item.reason))


def attachment(record: models.Attachment) -> ChatAttachment:
    """The record as GraphQL shows it."""
    return ChatAttachment(
        id=strawberry.ID(record.id),
        chat_id=strawberry.ID(record.chat_id),
        name=record.name,
        media_type=record.media_type,
        size=record.size,
        sha256=record.sha256,
        url=url(record),
        created_at=record.created_at,
    )


def completion(found: Completion) -> CodeCompletion:
    """What a model wrote, as GraphQL shows it."""
    return CodeCompletion(text=found.text, model=found.model)


def suggestions(found: Suggestions) -> PromptSuggestions:
    """Suggestions as GraphQL shows them."""
    return PromptSuggestions(prompts=found.prompts, model=found.model or None)


def model_use(record: models.ModelUse) -> ModelUse:
    """A row of the report as GraphQL shows it."""
    return ModelUse(
        day=date.fromisoformat(record.day) if record.day else None,
        model=record.model or None,
        actor_id=_id(record.actor_id),
        requests=float(record.requests),
        tokens_in=float(record.tokens_in),
        tokens_out=float(record.tokens_out),
    )


def _message(record: models.ChatMessage) -> ChatMessage:
    return ChatMessage(
        id=record.id,
        role=record.role,
        parts=record.parts,  # type: ignore[arg-type]
        model=record.model or None,
        created_at=record.created_at,
    )


def _id(text: str) -> strawberry.ID | None:
    return strawberry.ID(text) if text else None
