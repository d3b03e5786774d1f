"""Chats: what was said, the answers that are under way, and what models used for them."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from app.core.actor import Actor
from app.database.statements import Record
from app.database.types import Choice, Json, Moment


def owner_of(actor: Actor) -> str:
    """Whose chats an actor's are: the member's, the agent's, or those of whom a federated token names."""
    return actor.user_id or actor.agent_id or f"{actor.credential_id}/{actor.subject}"


class ChatKind(enum.StrEnum):
    """What a chat is for."""

    #: Talks, and uses tools.
    CHAT = "chat"
    #: Ends in a validated draft of a Blueprint or an automation, and uses nothing else.
    WORKFLOW = "workflow"


class MessageRole(enum.StrEnum):
    """Who said it."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class AnswerStatus(enum.StrEnum):
    """Where an answer stands."""

    RUNNING = "running"
    FINISHED = "finished"
    #: Somebody stopped it.
    STOPPED = "stopped"
    FAILED = "failed"


class Chat(Record):
    """A conversation: its owner's alone."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    #: The member or agent whose it is.
    owner_id: str
    #: What the client calls it: the AI SDK makes such ids before the first message is sent.
    client_id: str
    kind: ChatKind = Field(sa_type=Choice(ChatKind))
    title: str
    #: Empty where it is about none.
    workspace_id: str = ""
    session_id: str = ""
    #: The model of its newest answer.
    model: str = ""
    #: The answer under way; empty for none.
    answer_id: str = ""
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    version: int = 1


class ChatTable(Chat, table=True):
    __tablename__ = "chats"
    __table_args__ = (
        UniqueConstraint("organization_id", "owner_id", "client_id", name="chats_of_client"),
        Index("chats_of_owner", "organization_id", "owner_id", "id"),
    )


class ChatMessage(Record):
    """A message, in the form of the AI SDK's UI messages."""

    chat_id: str = Field(primary_key=True, foreign_key="chats.id")
    position: int = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    #: What the client calls it.
    id: str
    role: MessageRole = Field(sa_type=Choice(MessageRole))
    parts: list[dict[str, Any]] = Field(sa_type=Json)
    #: The model that wrote it; empty for a person's.
    model: str = ""
    created_at: datetime = Field(sa_type=Moment)


class ChatMessageTable(ChatMessage, table=True):
    __tablename__ = "chat_messages"
    __table_args__ = (UniqueConstraint("chat_id", "id", name="chat_messages_id"),)


class Answer(Record):
    """An answer: the server's own task, whoever watches."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    chat_id: str = Field(foreign_key="chats.id")
    owner_id: str
    model: str
    status: AnswerStatus = Field(sa_type=Choice(AnswerStatus))
    #: Set by who wants it stopped; the task looks at it whenever it writes.
    stop_wanted: bool = False
    #: The task writes before this; what is later has lost its task.
    lease_until: datetime = Field(sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)


class AnswerTable(Answer, table=True):
    __tablename__ = "chat_answers"
    __table_args__ = (
        Index("chat_answers_of_chat", "chat_id"),
        Index("chat_answers_of_organization", "organization_id", "status"),
    )


class AnswerPart(Record):
    """A part of an answer's stream, as the UI message stream protocol has it."""

    answer_id: str = Field(primary_key=True, foreign_key="chat_answers.id")
    #: From 1.
    position: int = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    part: dict[str, Any] = Field(sa_type=Json)


class AnswerPartTable(AnswerPart, table=True):
    __tablename__ = "chat_answer_parts"


class Attachment(Record):
    """A file that was added to a chat; its bytes lie in the data directory under their hash."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    owner_id: str
    chat_id: str = Field(foreign_key="chats.id")
    name: str
    media_type: str
    size: int
    sha256: str
    created_at: datetime = Field(sa_type=Moment)


class AttachmentTable(Attachment, table=True):
    __tablename__ = "chat_attachments"
    __table_args__ = (
        Index("chat_attachments_of_chat", "chat_id"),
        Index("chat_attachments_of_content", "sha256"),
    )


class ModelUse(Record):
    """What one member or agent used of one model on one day."""

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    #: `2026-11-25`, in UTC.
    day: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    actor_id: str = Field(primary_key=True)
    requests: int
    tokens_in: int = Field(sa_type=BigInteger)
    tokens_out: int = Field(sa_type=BigInteger)


class ModelUseTable(ModelUse, table=True):
    __tablename__ = "model_use"
