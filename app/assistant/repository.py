"""All queries about chats, their answers, and what models used."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, BindParameter, Boolean, Integer, bindparam, case, cast, func, or_, select

from app.assistant.models import (
    Answer,
    AnswerPart,
    AnswerPartTable,
    AnswerStatus,
    AnswerTable,
    Attachment,
    AttachmentTable,
    Chat,
    ChatMessage,
    ChatMessageTable,
    ChatTable,
    ModelUse,
    ModelUseTable,
)
from app.database.statements import (
    adding,
    adding_or_changing,
    change,
    changing,
    changing_everywhere,
    everywhere,
    readable,
    removing,
    removing_everywhere,
    statement,
    table,
)
from app.database.types import Moment, among

_chats, _messages, _answers = table(ChatTable).c, table(ChatMessageTable).c, table(AnswerTable).c
_parts, _attachments, _use = table(AnswerPartTable).c, table(AttachmentTable).c, table(ModelUseTable).c
_LIMIT = bindparam("limit", type_=Integer)
_OWNER: BindParameter[str] = bindparam("owner_id")
_NOW = bindparam("moment", type_=Moment())

# Chats. Each is its owner's alone.
OWN = _chats.owner_id == _OWNER
CHAT = statement(
    readable(ChatTable).where(OWN, or_(_chats.id == bindparam("id"), _chats.client_id == bindparam("id"))), Chat
)
PAGE_BEFORE = statement(
    readable(ChatTable)
    .where(
        OWN,
        _chats.id < bindparam("before"),
        or_(bindparam("session_id") == "", _chats.session_id == bindparam("session_id")),
        or_(bindparam("workspace_id") == "", _chats.workspace_id == bindparam("workspace_id")),
    )
    .order_by(_chats.id.desc())
    .limit(_LIMIT),
    Chat,
)
ADD = change(adding(ChatTable))
#: Guarded by the answer that was seen: of two that ask at once, one begins.
CHANGE = change(
    changing(ChatTable)
    .where(_chats.id == bindparam("id"), _chats.answer_id == bindparam("seen"), _chats.version == bindparam("known"))
    .values(
        {
            name: bindparam(name)
            for name in ("title", "model", "answer_id", "workspace_id", "session_id", "updated_at", "version")
        }
    )
)
ANSWERED = change(
    changing(ChatTable)
    .where(_chats.id == bindparam("id"), _chats.answer_id == bindparam("seen"))
    .values(answer_id="", updated_at=bindparam("updated_at"), version=_chats.version + 1)
)
REMOVE = change(removing(ChatTable).where(_chats.id == bindparam("id"), _chats.answer_id == bindparam("seen")))

# Messages.
MESSAGES_OF = statement(
    readable(ChatMessageTable).where(among(_messages.chat_id, "chats")).order_by(_messages.chat_id, _messages.position),
    ChatMessage,
)
ADD_MESSAGE = change(adding(ChatMessageTable))
REMOVE_MESSAGES = change(
    removing(ChatMessageTable).where(
        _messages.chat_id == bindparam("chat_id"), _messages.position >= bindparam("first", type_=Integer)
    )
)

# Answers.
ADD_ANSWER = change(adding(AnswerTable))
ANSWER = statement(readable(AnswerTable).where(_answers.id == bindparam("id"), _answers.owner_id == _OWNER), Answer)
#: The task's own: it goes on as long as nobody stops it.
KEEP = change(
    changing(AnswerTable)
    .where(
        _answers.id == bindparam("id"),
        _answers.status == AnswerStatus.RUNNING,
        _answers.stop_wanted.is_(False),
    )
    .values(lease_until=bindparam("until", type_=Moment()))
)
END = change(
    changing(AnswerTable)
    .where(_answers.id == bindparam("id"), _answers.status == AnswerStatus.RUNNING)
    .values(status=bindparam("new_status"), ended_at=_NOW)
)
WANT_STOPPED = change(
    changing(AnswerTable)
    .where(_answers.id == bindparam("id"), _answers.status == AnswerStatus.RUNNING)
    .values(stop_wanted=True)
)
RUNNING = statement(
    readable(AnswerTable)
    .with_only_columns(func.count().label("count"))
    .where(_answers.status == AnswerStatus.RUNNING, _answers.lease_until > _NOW),
    dict[str, int],
)
ADD_PART = change(adding(AnswerPartTable))
PARTS_AFTER = statement(
    readable(AnswerPartTable)
    .where(_parts.answer_id == bindparam("answer_id"), _parts.position > bindparam("after", type_=Integer))
    .order_by(_parts.position)
    .limit(_LIMIT),
    AnswerPart,
)
REMOVE_PARTS_OF_CHAT = change(
    removing(AnswerPartTable).where(
        _parts.answer_id.in_(select(_answers.id).where(_answers.chat_id == bindparam("chat_id")))
    )
)
REMOVE_ANSWERS_OF_CHAT = change(removing(AnswerTable).where(_answers.chat_id == bindparam("chat_id")))

# Attachments.
ADD_ATTACHMENT = change(adding(AttachmentTable))
ATTACHMENT = statement(
    readable(AttachmentTable).where(_attachments.id == bindparam("id"), _attachments.owner_id == _OWNER), Attachment
)
ATTACHMENTS = statement(
    readable(AttachmentTable).where(_attachments.owner_id == _OWNER, among(_attachments.id, "ids")), Attachment
)
ATTACHED = statement(
    readable(AttachmentTable)
    .with_only_columns(func.count().label("count"), func.coalesce(func.sum(_attachments.size), 0).label("bytes"))
    .where(_attachments.chat_id == bindparam("chat_id")),
    dict[str, int],
)
REMOVE_ATTACHMENTS_OF_CHAT = change(removing(AttachmentTable).where(_attachments.chat_id == bindparam("chat_id")))

# What models used.
USE = change(
    adding_or_changing(
        ModelUseTable,
        lambda kept, given: {name: kept.c[name] + given[name] for name in ("requests", "tokens_in", "tokens_out")},
    )
)
_BY = {name: bindparam(f"by_{name}", type_=Boolean) for name in ("day", "model", "actor")}
_rows = (
    readable(ModelUseTable)
    .with_only_columns(
        case((_BY["day"], _use.day), else_="").label("day"),
        case((_BY["model"], _use.model), else_="").label("model"),
        case((_BY["actor"], _use.actor_id), else_="").label("actor_id"),
        _use.requests,
        _use.tokens_in,
        _use.tokens_out,
    )
    .where(_use.day >= bindparam("since"), _use.day <= bindparam("until"))
    .subquery()
)
#: Summed up by what is asked for; the rest is empty.
USED = statement(
    select(
        _rows.c.day,
        _rows.c.model,
        _rows.c.actor_id,
        *(cast(func.sum(_rows.c[name]), BigInteger).label(name) for name in ("requests", "tokens_in", "tokens_out")),
    )
    .group_by(_rows.c.day, _rows.c.model, _rows.c.actor_id)
    .order_by(_rows.c.day.desc(), _rows.c.model, _rows.c.actor_id)
    .limit(_LIMIT),
    ModelUse,
)

# The system's own.
LOST = statement(
    everywhere(AnswerTable).where(_answers.status == AnswerStatus.RUNNING, _answers.lease_until < _NOW).limit(_LIMIT),
    Answer,
)
END_LOST = change(
    changing_everywhere(AnswerTable)
    .where(_answers.id == bindparam("id"), _answers.status == AnswerStatus.RUNNING, _answers.lease_until < _NOW)
    .values(status=AnswerStatus.FAILED, ended_at=_NOW)
)
FREE_CHAT = change(
    changing_everywhere(ChatTable)
    .where(_chats.id == bindparam("chat_id"), _chats.answer_id == bindparam("id"))
    .values(answer_id="", version=_chats.version + 1)
)
_OLD = select(_answers.id).where(_answers.status != AnswerStatus.RUNNING, _answers.ended_at < _NOW)
FORGET_PARTS = change(removing_everywhere(AnswerPartTable).where(_parts.answer_id.in_(_OLD)))
FORGET_ANSWERS = change(
    removing_everywhere(AnswerTable).where(_answers.status != AnswerStatus.RUNNING, _answers.ended_at < _NOW)
)
CONTENTS = statement(
    everywhere(AttachmentTable)
    .with_only_columns(_attachments.sha256)
    .where(among(_attachments.sha256, "hashes"))
    .distinct(),
    dict[str, Any],
)
