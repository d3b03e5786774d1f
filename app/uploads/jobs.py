"""Takes away uploads that have expired, and files that no upload has any more."""

from __future__ import annotations

import asyncio

import structlog

from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.uploads import repository
from app.uploads.service import UploadParts

log = structlog.get_logger(__name__)


async def sweep(database: Database, parts: UploadParts) -> int:
    """One round; the number of uploads whose bytes were taken away. What somebody writes to waits for the next."""
    work = UnitOfWork(database, None)
    expired = await work.all(repository.EXPIRED, now=parts.clock())
    gone = [upload.id for upload in expired if not parts.store.is_held(upload.id)]
    for upload_id in gone:
        work.write(repository.REMOVE_EXPIRED, id=upload_id)
    if gone:
        await work.commit()
    still_open = {upload.id for upload in await work.all(repository.EVERY_OPEN)}
    left = await asyncio.to_thread(parts.store.left_over, still_open)
    for upload_id in (removed := sorted({*gone, *left})):
        await parts.store.remove(upload_id)
    if removed:
        log.info("uploads.swept", uploads=len(removed))
    return len(removed)
