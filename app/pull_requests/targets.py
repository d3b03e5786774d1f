"""Moving a branch that may be checked out in a session: its working copy goes along, or nothing happens."""

from __future__ import annotations

from app.database.unit_of_work import UnitOfWork
from app.git import worktrees
from app.workspaces import repository
from app.workspaces.folders import Folders
from app.workspaces.models import Workspace


async def move_branch(
    work: UnitOfWork, folders: Folders, workspace: Workspace, branch: str, new: str, old: str
) -> None:
    """Compare and swap of a branch's head. Raises `RefMoved`, or `UncommittedChanges` where files are in the way."""
    bare = folders.repository(workspace.id)
    session = await work.one(repository.SESSION_OF_BRANCH, workspace_id=workspace.id, branch=branch)
    if session is None:
        await bare.move(branch, new, old)
        return
    folder = folders.session(workspace.id, session.id)
    async with folders.turns.of(session.id):
        await worktrees.become(folder, old, new)
        try:
            await bare.move(branch, new, old)
        except BaseException:
            await worktrees.become(folder, new, old)
            raise
