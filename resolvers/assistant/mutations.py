"""Asking the assistant."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.assistant.service import Question
from app.core.actor import Kind, Scope
from resolvers.access import Access, mutation
from resolvers.assistant.queries import ChatId
from resolvers.assistant.types import (
    Chat,
    ChatAnswer,
    ChatAttachment,
    ChatKind,
    CodeCompletion,
    PromptSuggestions,
    answer,
    attachment,
    chat,
    completion,
    suggestions,
)
from resolvers.context import Context

WRITE = Access(scope=Scope.ASSISTANT, kind=Kind.WRITE)
_MESSAGES = (
    "UI messages as the AI SDK sends them: a list of `{id, role, parts}`, the last one a user's. They continue the "
    "chat "
    "from where the first of them stands in it, in the place of what follows there, or at its end."
)


@strawberry.input(description="A question to the assistant.")
class SendChatMessageInput:
    chat_id: str = strawberry.field(
        description="The chat's id, or what the client calls it: then it is made if missing."
    )
    messages: JSON = strawberry.field(description=_MESSAGES)
    kind: ChatKind | None = strawberry.field(default=None, description="What a new chat is for; CHAT by default.")
    model: str | None = strawberry.field(default=None, description="The model to answer; the default one otherwise.")
    workspace_id: strawberry.ID | None = strawberry.field(default=None, description="The workspace that it is about.")
    session_id: strawberry.ID | None = strawberry.field(default=None, description="The session that it is about.")


@strawberry.input(description="A chat to keep. What is left out stays as it is.")
class SaveChatInput:
    chat_id: str = strawberry.field(
        description="The chat's id, or what the client calls it: then it is made if missing."
    )
    title: str | None = strawberry.field(default=None, description="1 to 200 characters.")
    messages: JSON | None = strawberry.field(
        default=None, description="All UI messages of the chat. What the assistant said stays as it was said."
    )
    workspace_id: strawberry.ID | None = strawberry.field(default=None, description="The workspace that it is about.")
    session_id: strawberry.ID | None = strawberry.field(default=None, description="The session that it is about.")


@strawberry.input(description="A file for a chat.")
class AddChatAttachmentInput:
    chat_id: str = strawberry.field(
        description="The chat's id, or what the client calls it: then it is made if missing."
    )
    name: str = strawberry.field(description="The file's name, without a folder.")
    media_type: str = strawberry.field(
        description="What it is. Models are sent images, text and JSON; of others they are told the name."
    )
    data: str = strawberry.field(description="The bytes in base64: 2 MiB at most.")


@strawberry.input(description="A place in code.")
class CompleteCodeInput:
    prefix: str = strawberry.field(
        description="What stands before the place; of a long text the last 20,000 characters."
    )
    suffix: str | None = strawberry.field(default=None, description="What stands behind it.")
    language: str | None = strawberry.field(default=None, description="The language, such as `python`.")
    path: str | None = strawberry.field(default=None, description="The file's path.")
    model: str | None = strawberry.field(default=None, description="The model to ask; the default one otherwise.")


@strawberry.input(description="What suggestions are to be about.")
class SuggestPromptsInput:
    session_id: strawberry.ID | None = strawberry.field(default=None, description="The session that is open.")
    chat_id: str | None = strawberry.field(default=None, description="The chat that is open.")


@strawberry.type
class AssistantMutations:
    @mutation(
        "Asks the assistant. The answer is made by the server, whoever watches: follow it with `chatAnswer`. A chat "
        "has "
        "one answer at a time. `NO_MODEL` where no model is configured.",
        WRITE,
        audited="chat.send",
    )
    async def send_chat_message(
        self,
        info: Info[Context, None],
        input: Annotated[SendChatMessageInput, strawberry.argument(description="What to ask.")],
    ) -> ChatAnswer:
        question = Question(
            chat_id=input.chat_id,
            messages=input.messages,
            kind=input.kind or ChatKind.CHAT,
            model=input.model or "",
            workspace_id=input.workspace_id or "",
            session_id=input.session_id or "",
        )
        return answer(await info.context.chats.ask(question))

    @mutation("Stops the answer under way, if there is one; what was said so far stays.", WRITE, audited="chat.stop")
    async def stop_chat(self, info: Info[Context, None], id: ChatId) -> Chat:
        return chat(await info.context.chats.stop(id))

    @mutation("Keeps a chat: its title, its place, all its messages.", WRITE, audited="chat.save")
    async def save_chat(
        self,
        info: Info[Context, None],
        input: Annotated[SaveChatInput, strawberry.argument(description="The chat.")],
    ) -> Chat:
        saved = await info.context.chats.save(
            input.chat_id,
            title=input.title,
            messages=input.messages,
            workspace_id=input.workspace_id or "",
            session_id=input.session_id or "",
        )
        return chat(saved)

    @mutation("Removes one of your chats with its messages and attachments.", WRITE, audited="chat.delete")
    async def delete_chat(self, info: Info[Context, None], id: ChatId) -> Chat:
        context = info.context
        found = await context.chats.get(id)
        await context.chat_messages.load(found.id)  # told for the last time
        return chat(await context.chats.delete(id))

    @mutation(
        'Adds a file to a chat. Refer to it in a message by a part `{type: "file", mediaType, url}`. A chat holds 100 '
        "of 50 MiB together.",
        WRITE,
        audited="chat.attach",
    )
    async def add_chat_attachment(
        self,
        info: Info[Context, None],
        input: Annotated[AddChatAttachmentInput, strawberry.argument(description="The file.")],
    ) -> ChatAttachment:
        made = await info.context.chats.attach(input.chat_id, input.name, input.media_type, input.data)
        return attachment(made)

    @mutation(
        "How code goes on at a place, by a model. `MODEL_FAILED` where it has not answered within 8 seconds.",
        WRITE,
        audited="chat.complete_code",
    )
    async def complete_code(
        self,
        info: Info[Context, None],
        input: Annotated[CompleteCodeInput, strawberry.argument(description="The place.")],
    ) -> CodeCompletion:
        found = await info.context.completing.complete(
            input.prefix,
            input.suffix or "",
            language=input.language or "",
            path=input.path or "",
            model=input.model or "",
        )
        return completion(found)

    @mutation(
        "What you may want to ask next: by the default model where it answers within 8 seconds, else from what is "
        "known.",
        WRITE,
        audited="chat.suggest",
    )
    async def suggest_prompts(
        self,
        info: Info[Context, None],
        input: Annotated[
            SuggestPromptsInput | None, strawberry.argument(description="What they are to be about.")
        ] = None,
    ) -> PromptSuggestions:
        given = input or SuggestPromptsInput()
        return suggestions(await info.context.completing.suggest(given.session_id or "", given.chat_id or ""))
