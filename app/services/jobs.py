"""Upkeep: an environment whose session is gone is ended."""

from __future__ import annotations

from app.core.clock import now
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.services import repository


async def sweep(database: Database) -> None:
    """Sessions end theirs themselves; this is for one that was made while its workspace was being deleted."""
    work = UnitOfWork(database, None)
    work.write(repository.END_OF_GONE_SESSIONS, now=now())
    await work.commit()
