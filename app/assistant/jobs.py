"""Ends answers whose server is gone, keeping what they said, and forgets the streams of old ones."""

from __future__ import annotations

from datetime import timedelta

from app.assistant import repository
from app.assistant.conversation import Composer
from app.assistant.models import Answer, ChatMessage, MessageRole
from app.core.clock import Clock, now
from app.core.errors import SoundstageError
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork

#: How long the stream of an answer that has ended can be watched again.
STREAMS_KEPT = timedelta(hours=1)
MOST_PARTS = 100_000
_BATCH = 500


async def forget_old(database: Database, clock: Clock = now) -> None:
    """One round of both."""
    work, moment = UnitOfWork(database, None), clock()
    for lost in await work.all(repository.LOST, moment=moment, limit=_BATCH):
        await end_lost(database, lost, clock)
    work.write(repository.FORGET_PARTS, moment=moment - STREAMS_KEPT)
    work.write(repository.FORGET_ANSWERS, moment=moment - STREAMS_KEPT)
    await work.commit()


async def end_lost(database: Database, answer: Answer, clock: Clock = now) -> None:
    """Ends an answer that has lost its server; what it said so far becomes its message."""
    work, moment = UnitOfWork(database, None), clock()
    work.write(repository.END_LOST, expect=1, id=answer.id, moment=moment)
    work.write(repository.FREE_CHAT, id=answer.id, chat_id=answer.chat_id)
    own = {"organization_id": answer.organization_id}
    composer, message_id = Composer(), answer.id
    for row in await work.all(repository.PARTS_AFTER, answer_id=answer.id, after=0, limit=MOST_PARTS, **own):
        composer.take(row.part)
        message_id = str(row.part.get("messageId", message_id))
    if composer.parts:
        position = len(await work.all(repository.MESSAGES_OF, chats=[answer.chat_id], **own))
        message = ChatMessage(
            chat_id=answer.chat_id,
            position=position,
            id=message_id,
            role=MessageRole.ASSISTANT,
            parts=composer.parts,
            model=answer.model,
            created_at=moment,
            **own,
        )
        work.write(repository.ADD_MESSAGE, **message.__dict__)
    try:
        await work.commit()
    except SoundstageError:  # another server was faster, or its own lives after all
        work.discard()
