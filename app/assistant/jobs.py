"""Ends answers whose server is gone, and forgets the streams of old ones: their messages stay."""

from __future__ import annotations

from datetime import timedelta

from app.assistant import repository
from app.core.clock import Clock, now
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork

#: How long the stream of an answer that has ended can be watched again.
STREAMS_KEPT = timedelta(hours=1)
_BATCH = 500


async def forget_old(database: Database, clock: Clock = now) -> None:
    """One round of both."""
    work, moment = UnitOfWork(database, None), clock()
    for lost in await work.all(repository.LOST, moment=moment, limit=_BATCH):
        work.write(repository.END_LOST, id=lost.id, moment=moment)
        work.write(repository.FREE_CHAT, id=lost.id, chat_id=lost.chat_id)
    work.write(repository.FORGET_PARTS, moment=moment - STREAMS_KEPT)
    work.write(repository.FORGET_ANSWERS, moment=moment - STREAMS_KEPT)
    await work.commit()
