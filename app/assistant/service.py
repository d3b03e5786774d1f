"""Chats: asking, watching the answer, stopping it, and what was said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.assistant import attachments, repository
from app.assistant.answering import Answering
from app.assistant.catalogue import Catalogue, counter
from app.assistant.conversation import (
    LONGEST_ID,
    checked,
    for_model,
    merge,
    title_of,
)
from app.assistant.endpoints import Model
from app.assistant.errors import (
    AnswerRunning,
    MessagesInvalid,
    TooManyAnswers,
)
from app.assistant.jobs import end_lost
from app.assistant.metering import Meter
from app.assistant.models import (
    Answer,
    AnswerStatus,
    Attachment,
    Chat,
    ChatKind,
    ChatMessage,
    MessageRole,
    owner_of,
)
from app.assistant.parts import AssistantParts
from app.assistant.prompts import system_prompt
from app.assistant.recording import LEASE, Recorder
from app.assistant.tools import Toolbox, ToolContext
from app.core.actor import Actor
from app.core.errors import Conflict, InvalidRequest, NotFound
from app.core.ids import is_id, new_id
from app.core.paging import NEWEST, Page
from app.core.streams import End, Gap, Items, follow
from app.database.unit_of_work import UnitOfWork
from app.skills.models import Skill
from app.skills.service import Skills
from app.workspaces import repository as workspaces
from app.workspaces.errors import SessionNotFound, WorkspaceNotFound

#: Answers of one organization at once.
MOST_OF_ORGANIZATION = 20
PARTS_AT_ONCE = 500
LONGEST_TITLE = 200
#: Skills that a model is told of.
SKILLS_TOLD = 50
#: What was not on the page when the server that made an answer ended.
LOST = "lost"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the assistant."""

    chat_id: str
    #: UI messages: they continue the chat from where the first of them stands in it, or at its end.
    messages: Any
    kind: ChatKind = ChatKind.CHAT
    model: str = ""
    workspace_id: str = ""
    session_id: str = ""


class Chats:
    """The actor's own chats."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: AssistantParts, request_id: str = "") -> None:
        self.work, self.actor, self.parts, self.request_id = work, actor, parts, request_id
        self.owner_id = owner_of(actor)
        self.catalogue = Catalogue(work, parts.vault, allow_private=parts.allow_private_models)

    # Reading.

    async def find(self, chat_id: str) -> Chat | None:
        """One chat, by its id or by what its client calls it."""
        return await self.work.one(repository.CHAT, id=chat_id, owner_id=self.owner_id)

    async def get(self, chat_id: str) -> Chat:
        """The same; raises `NotFound`."""
        found = await self.find(chat_id)
        if found is None:
            raise NotFound()
        return found

    async def page(self, limit: int, before: str | None, *, workspace_id: str = "", session_id: str = "") -> Page[Chat]:
        """Chats from the newest on."""
        await self._check_place(workspace_id, session_id)
        found = await self.work.all(
            repository.PAGE_BEFORE,
            owner_id=self.owner_id,
            before=before or NEWEST,
            workspace_id=workspace_id,
            session_id=session_id,
            limit=limit + 1,
        )
        return Page(found[:limit], len(found) > limit)

    async def messages(self, chat_ids: Sequence[str]) -> list[list[ChatMessage]]:
        """The messages of each of these chats, with one statement."""
        found: dict[str, list[ChatMessage]] = {chat_id: [] for chat_id in chat_ids}
        for message in await self.work.all(repository.MESSAGES_OF, chats=list(found)):
            found[message.chat_id].append(message)
        return [found[chat_id] for chat_id in chat_ids]

    async def answer(self, answer_id: str) -> Answer:
        """One answer; raises `NotFound`."""
        found = await self.work.one(repository.ANSWER, id=answer_id, owner_id=self.owner_id)
        if found is None:
            raise NotFound()
        return found

    async def running(self, chat: Chat) -> Answer | None:
        """The answer under way in a chat."""
        if not chat.answer_id:
            return None
        found = await self.answer(chat.answer_id)
        return None if found.status is not AnswerStatus.RUNNING or self._is_lost(found) else found

    async def watch(self, answer_id: str, after: int) -> AsyncIterator[tuple[int, dict[str, Any]] | Gap | End]:
        """The parts of an answer behind a position, then those to come, until its end."""

        async def load(position: int) -> Items[dict[str, Any]]:
            answer = await self.answer(answer_id)
            found = await self.work.all(
                repository.PARTS_AFTER, answer_id=answer_id, after=position, limit=PARTS_AT_ONCE
            )
            items = [(row.position, row.part) for row in found]
            if found and len(found) == PARTS_AT_ONCE:
                return Items(items)
            if answer.status is not AnswerStatus.RUNNING:
                return Items(items, End(str(answer.status)))
            return Items(items, End(LOST) if not found and self._is_lost(answer) else None)

        await self.answer(answer_id)
        async for item in follow(load, self.parts.wakeups, answer_id, after):
            yield item

    # Asking.

    async def ask(self, question: Question) -> Answer:
        """Begins an answer, once the transaction is committed."""
        model = await self.catalogue.choose(question.model)
        given = checked(question.messages)
        if given[-1]["role"] is not MessageRole.USER:
            raise MessagesInvalid("The last message has to be a user's.")
        await self._check_room()
        chat = await self._chat(question.chat_id, question.kind, title_of(given))
        chat = await self._let_go(chat)
        stored = await self._stored(chat)
        messages = merge(chat, stored, given, self.parts.clock())
        moment = self.parts.clock()
        answer = Answer(
            id=new_id("ans"),
            organization_id=chat.organization_id,
            chat_id=chat.id,
            owner_id=self.owner_id,
            model=model.id,
            status=AnswerStatus.RUNNING,
            lease_until=moment + LEASE,
            created_at=moment,
        )
        place = await self._place(chat, question.workspace_id, question.session_id)
        changed = chat.changed(
            **place, model=model.id, answer_id=answer.id, updated_at=moment, version=chat.version + 1
        )
        self._write(chat, changed, stored, messages)
        self.work.write(repository.ADD_ANSWER, **answer.__dict__)
        begin = await self._prepare(changed, answer, model, messages)
        self.work.after_commit(lambda: self.parts.answers.begin(begin))
        return answer

    async def stop(self, chat_id: str) -> Chat:
        """Stops the answer under way, if there is one."""
        chat = await self.get(chat_id)
        if chat.answer_id:
            self.work.write(repository.WANT_STOPPED, id=chat.answer_id)
            self.work.after_commit(lambda: self.parts.answers.look(chat.answer_id))
        return chat

    async def save(
        self,
        chat_id: str,
        *,
        title: str | None = None,
        messages: Any = None,
        workspace_id: str = "",
        session_id: str = "",
    ) -> Chat:
        """Makes or changes a chat; `messages` take the place of all that it has."""
        given = [] if messages is None or messages == [] else checked(messages)
        if title is not None and not 0 < len(title.strip()) <= LONGEST_TITLE:
            raise InvalidRequest(f"A title has 1 to {LONGEST_TITLE} characters.")
        chat = await self._chat(chat_id, ChatKind.CHAT, title_of(given))
        chat = await self._let_go(chat)
        stored = await self._stored(chat)
        kept = stored if messages is None else merge(chat, stored, given, self.parts.clock(), whole=True)
        place = await self._place(chat, workspace_id, session_id)
        changed = chat.changed(
            **place,
            title=chat.title if title is None else title.strip(),
            answer_id="",
            updated_at=self.parts.clock(),
            version=chat.version + 1,
        )
        self._write(chat, changed, stored, kept)
        return changed

    async def delete(self, chat_id: str) -> Chat:
        """Removes a chat with all that belongs to it; raises `AnswerRunning` while it answers."""
        chat = await self.get(chat_id)
        chat = await self._let_go(chat)
        for statement in (
            repository.REMOVE_PARTS_OF_CHAT,
            repository.REMOVE_ANSWERS_OF_CHAT,
            repository.REMOVE_ATTACHMENTS_OF_CHAT,
        ):
            self.work.write(statement, chat_id=chat.id)
        self.work.write(repository.REMOVE_MESSAGES, chat_id=chat.id, first=0)
        self.work.write(repository.REMOVE, expect=1, otherwise=AnswerRunning(), id=chat.id, seen=chat.answer_id)
        return chat

    # Attachments.

    async def attach(self, chat_id: str, name: str, media_type: str, data: str) -> Attachment:
        """Keeps a file for a chat, which is made where it is not there yet."""
        content = attachments.read(name, media_type, data)
        chat = await self._chat(chat_id, ChatKind.CHAT, "New chat")
        await attachments.check_room(self.work, chat.id, len(content))
        if not chat.version:
            self._write(chat, chat.changed(version=1), [], [])
        attachment = Attachment(
            id=new_id("att"),
            organization_id=chat.organization_id,
            owner_id=self.owner_id,
            chat_id=chat.id,
            name=name,
            media_type=media_type,
            size=len(content),
            sha256=await self.parts.files.put(content),
            created_at=self.parts.clock(),
        )
        self.work.write(repository.ADD_ATTACHMENT, **attachment.__dict__)
        return attachment

    async def attachment(self, attachment_id: str) -> Attachment | None:
        """One attachment of the actor's own chats."""
        return await self.work.one(repository.ATTACHMENT, id=attachment_id, owner_id=self.owner_id)

    # Within.

    def _is_lost(self, answer: Answer) -> bool:
        return answer.status is AnswerStatus.RUNNING and answer.lease_until < self.parts.clock()

    async def _check_room(self) -> None:
        self.parts.answers.check_room()
        [running] = await self.work.all(repository.RUNNING, moment=self.parts.clock())
        if running["count"] >= MOST_OF_ORGANIZATION:
            raise TooManyAnswers(f"Your organization has {MOST_OF_ORGANIZATION} answers under way, which is the most.")

    async def _chat(self, chat_id: str, kind: ChatKind, title: str) -> Chat:
        """The chat of this id; a new one, with version 0, where the client calls none so."""
        if not 0 < len(chat_id) <= LONGEST_ID:
            raise InvalidRequest(f"A chat's id has 1 to {LONGEST_ID} characters.")
        found = await self.find(chat_id)
        if found is not None:
            return found
        if is_id(chat_id, "cht"):
            raise NotFound()  # one of ours: no client calls a new chat so
        moment = self.parts.clock()
        return Chat(
            id=new_id("cht"),
            organization_id=self.actor.organization_id,
            owner_id=self.owner_id,
            client_id=chat_id,
            kind=kind,
            title=title,
            created_at=moment,
            updated_at=moment,
            version=0,
        )

    async def _let_go(self, chat: Chat) -> Chat:
        """The chat without an answer; raises `AnswerRunning`. One whose server is gone is ended first."""
        if not chat.answer_id:
            return chat
        if await self.running(chat) is not None:
            raise AnswerRunning()
        await end_lost(self.work.database, await self.answer(chat.answer_id), self.parts.clock)
        return await self.get(chat.id)

    async def _stored(self, chat: Chat) -> list[ChatMessage]:
        return (await self.messages([chat.id]))[0] if chat.version else []

    def _write(self, chat: Chat, changed: Chat, stored: Sequence[ChatMessage], messages: Sequence[ChatMessage]) -> None:
        same = next((at for at, (a, b) in enumerate(zip(stored, messages, strict=False)) if a != b), None)
        first = min(len(stored), len(messages)) if same is None else same
        if chat.version:
            self.work.write(
                repository.CHANGE,
                expect=1,
                otherwise=AnswerRunning(),
                seen=chat.answer_id,
                known=chat.version,
                **changed.__dict__,
            )
            if first < len(stored):
                self.work.write(repository.REMOVE_MESSAGES, chat_id=chat.id, first=first)
        else:
            self.work.write(repository.ADD, otherwise=Conflict(), **changed.__dict__)
        for message in messages[first:]:
            self.work.write(repository.ADD_MESSAGE, otherwise=Conflict(), **message.__dict__)

    async def _prepare(self, chat: Chat, answer: Answer, model: Model, messages: Sequence[ChatMessage]) -> Answering:
        parts, workflow = self.parts, chat.kind is ChatKind.WORKFLOW
        registry = parts.drafts if workflow else parts.tools
        database = self.work.database
        toolbox = Toolbox(
            registry,
            lambda work: ToolContext(
                work, self.actor, parts.environments, parts.workspaces, chat.workspace_id, chat.session_id
            ),
            self.actor,
            parts.policies,
            self.request_id,
        )
        tools = registry.permitted(self.actor)
        skills = await self._skills(chat) if not workflow else []
        attached = await attachments.for_model(self.work, self.owner_id, parts.files, messages)
        told = system_prompt(chat, tools, skills, parts.clock())
        return Answering(
            answer=answer,
            model=model,
            messages=for_model(told, messages, attached),
            message_id=new_id("msg"),
            position=len(messages),
            recorder=Recorder(database, answer, parts.wakeups, parts.clock),
            toolbox=toolbox,
            tools=tools,
            meter=Meter(database, self.actor, parts.policies, model.id, self.request_id),
            count=counter(database, self.actor, model.id, parts.usage, parts.clock),
            drafts=workflow,
        )

    async def _skills(self, chat: Chat) -> Sequence[Skill]:
        """Those of the chat's workspace, the newest first."""
        if not chat.workspace_id:
            return []
        with suppress(WorkspaceNotFound):
            return (await Skills(self.work, self.actor).page(chat.workspace_id, SKILLS_TOLD, None)).items
        return []

    async def _place(self, chat: Chat, workspace_id: str, session_id: str) -> dict[str, str]:
        """The workspace and the session that a chat is about; raises `NotFound` for what is not visible.

        What it was about stays, even when that is gone: the chat goes on.
        """
        if not workspace_id and not session_id:
            return {"workspace_id": chat.workspace_id, "session_id": chat.session_id}
        return {"workspace_id": await self._check_place(workspace_id, session_id), "session_id": session_id}

    async def _check_place(self, workspace_id: str, session_id: str) -> str:
        """The workspace of a place, which is visible; raises `NotFound`."""
        if session_id:
            session = await self.work.one(workspaces.SESSION, id=session_id)
            if session is None or workspace_id not in ("", session.workspace_id):
                raise SessionNotFound()
            return session.workspace_id
        if workspace_id and await self.work.one(workspaces.WORKSPACE, id=workspace_id) is None:
            raise WorkspaceNotFound()
        return workspace_id
