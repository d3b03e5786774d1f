"""Upkeep: folders that have no row are taken away, repositories stay packed and fast to read."""

from __future__ import annotations

import time

import structlog

from app.core.errors import SoundstageError
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.git import history
from app.workspaces import repository
from app.workspaces.folders import Folders

log = structlog.get_logger(__name__)


async def sweep(database: Database, folders: Folders) -> int:
    """Takes away what a crash left between a folder and its commit, or after a deletion; returns how much."""
    work = UnitOfWork(database, None)
    workspaces = [found.id for found in await work.all(repository.EVERY_WORKSPACE)]
    sessions = [found.id for found in await work.all(repository.EVERY_SESSION)]
    left = folders.left_over(workspaces, sessions, now=time.time())
    for folder in left:
        await folders.remove(folder)
    if left:
        log.info("workspaces.swept", folders=len(left))
    return len(left)


async def maintain(database: Database, folders: Folders) -> None:
    """Every repository, one after the other. One that fails holds up no other."""
    for workspace in await UnitOfWork(database, None).all(repository.EVERY_WORKSPACE):
        try:
            await history.maintain(folders.repository(workspace.id).folder)
        except SoundstageError as error:
            log.warning("workspaces.not_maintained", workspace=workspace.id, error=error.message)
