"""Takes away folders that have no row: what a crash left between a folder and its commit, or after a deletion."""

from __future__ import annotations

import time

import structlog

from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.workspaces import repository
from app.workspaces.folders import Folders

log = structlog.get_logger(__name__)


async def sweep(database: Database, folders: Folders) -> int:
    """One round; the number of folders that were taken away."""
    work = UnitOfWork(database, None)
    workspaces = [found.id for found in await work.all(repository.EVERY_WORKSPACE)]
    sessions = [found.id for found in await work.all(repository.EVERY_SESSION)]
    left = folders.left_over(workspaces, sessions, now=time.time())
    for folder in left:
        await folders.remove(folder)
    if left:
        log.info("workspaces.swept", folders=len(left))
    return len(left)
