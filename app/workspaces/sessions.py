"""The verbs of sessions: working copies of a workspace, each on a branch of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from app.core.actor import Actor
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.unit_of_work import UnitOfWork
from app.environments import repository as environments
from app.git.errors import BranchExists
from app.git.repository import Repository, check_branch
from app.workspaces import repository
from app.workspaces.announcing import tell_session
from app.workspaces.errors import BadWorkspace, SessionNotFound, TooManySessions, WorkspaceNotFound
from app.workspaces.models import Session, Workspace
from app.workspaces.service import LONGEST_NAME, WorkspaceParts

#: Working copies of one workspace.
MOST_SESSIONS = 200
_NOT_IN_BRANCHES = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """A session with its place on the disk: what files, version control, terminals and services work in."""

    session: Session
    folder: Path
    repository: Repository


class Sessions:
    """An actor's sessions."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: WorkspaceParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    async def find(self, session_id: str) -> Session | None:
        """One session, or None where none is visible."""
        return await self.work.one(repository.SESSION, id=session_id)

    async def get(self, session_id: str) -> Session:
        """One session; raises `SessionNotFound`."""
        found = await self.find(session_id)
        if found is None:
            raise SessionNotFound()
        return found

    async def working_copy(self, session_id: str) -> WorkingCopy:
        """The session's folder and repository; raises `SessionNotFound`."""
        session = await self.get(session_id)
        folders = self.parts.folders
        folder = folders.session(session.workspace_id, session.id)
        return WorkingCopy(session, folder, folders.repository(session.workspace_id))

    async def page(self, limit: int, before: str | None, workspace_id: str | None = None) -> Page[Session]:
        """Sessions from the newest on; of one workspace, where one is named. Raises `WorkspaceNotFound`."""
        before = before or NEWEST
        if workspace_id is None:
            found = await self.work.all(repository.SESSIONS_BEFORE, before=before, limit=limit + 1)
        else:
            await self._workspace(workspace_id)
            of_workspace = {"workspace_id": workspace_id, "before": before, "limit": limit + 1}
            found = await self.work.all(repository.SESSIONS_OF_WORKSPACE_BEFORE, **of_workspace)
        return Page(found[:limit], len(found) > limit)

    async def create(
        self, workspace_id: str, *, name: str = "", branch: str | None = None, base: str | None = None
    ) -> Session:
        """A new working copy, on a new branch that begins at `base`: a branch, tag or commit.

        Raises `WorkspaceNotFound`, `RevisionNotFound`, `BranchExists`, `BadBranchName` or `TooManySessions`.
        """
        workspace = await self._workspace(workspace_id)
        [counted] = await self.work.all(repository.SESSIONS_COUNT, workspace_id=workspace_id)
        if counted["count"] >= MOST_SESSIONS:
            raise TooManySessions(f"The workspace has {MOST_SESSIONS} sessions, as many as it can have.")
        session = self._new(workspace, new_id("ses"), name, branch, base)
        await self._check_out(session, base or workspace.default_branch)
        self.work.write(repository.ADD_SESSION, otherwise=BranchExists(), **session.__dict__)
        tell_session(self.work, "created", session)
        return session

    async def default(self, workspace_id: str, *, may_create: bool = True) -> Session:
        """The session that the workspace opens with, made at the first call; the caller commits.

        Its id follows from the workspace's, so two first calls at once make one and the same. Raises
        `SessionNotFound` where it would have to be made and may not.
        """
        found = await self.work.one(repository.DEFAULT_SESSION, workspace_id=workspace_id)
        if found is not None:
            return found
        workspace = await self._workspace(workspace_id)
        if not may_create:
            raise SessionNotFound("The workspace has no default session yet: somebody who may write has to open it.")
        session = self._new(workspace, f"ses_{workspace_id[4:]}", "Default", None, None).changed(is_default=True)
        async with self.parts.folders.turns.of(f"{workspace_id}/default"):
            if not self.parts.folders.session(workspace_id, session.id).exists():
                await self._check_out(session, workspace.default_branch)
        self.work.write(repository.ADD_DEFAULT_SESSION, **session.__dict__)
        tell_session(self.work, "created", session)  # of two first calls at once both may tell it
        return session

    def hold(self, session: Session) -> None:
        """Makes the change under way fail where the session is deleted meanwhile."""
        self.work.write(repository.HOLD_SESSION, id=session.id, expect=1, otherwise=SessionNotFound())

    async def delete(self, session_id: str) -> Session:
        """Ends a session and what runs in it. Its branch stays: commits are not lost, uncommitted changes are."""
        copy = await self.working_copy(session_id)
        self.work.write(repository.REMOVE_SESSION, id=session_id, expect=1, otherwise=SessionNotFound())
        tell_session(self.work, "deleted", copy.session)
        # Behind the removal: whoever begins an environment for the session at the same time holds its row.
        self.work.write(environments.END_OF_SESSIONS, sessions=[session_id], now=self.parts.clock())
        self.work.after_commit(lambda: self.parts.remove(copy.folder))
        return copy.session

    def _new(self, workspace: Workspace, session_id: str, name: str, branch: str | None, base: str | None) -> Session:
        moment = self.parts.clock()
        return Session(
            id=session_id,
            organization_id=self.actor.organization_id,
            workspace_id=workspace.id,
            name=_name(name) or f"Session {session_id[-6:]}",
            branch=check_branch(branch or _branch(name, session_id)),
            base_branch=base or workspace.default_branch,
            created_by=self.actor.user_id or self.actor.agent_id,
            created_at=moment,
            updated_at=moment,
        )

    async def _check_out(self, session: Session, base: str) -> None:
        folders = self.parts.folders
        bare, folder = folders.repository(session.workspace_id), folders.session(session.workspace_id, session.id)
        async with folders.turns.of(f"{session.workspace_id}/worktrees"):
            try:
                await bare.add_worktree(folder, session.branch, await bare.resolve(base))
            except BaseException:
                if folder.exists():
                    self.parts.remove(folder)
                raise

    async def _workspace(self, workspace_id: str) -> Workspace:
        found = await self.work.one(repository.WORKSPACE, id=workspace_id)
        if found is None:
            raise WorkspaceNotFound()
        return found


def _name(name: str) -> str:
    name = name.strip()
    if len(name) > LONGEST_NAME:
        raise BadWorkspace(f"A name has at most {LONGEST_NAME} characters.")
    return name


def _branch(name: str, session_id: str) -> str:
    """`session/fix-the-cart-7k2m9q`: readable, and not taken."""
    words = _NOT_IN_BRANCHES.sub("-", name.lower()).strip("-")[:40].strip("-")
    return f"session/{words}-{session_id[-6:]}" if words else f"session/{session_id[-6:]}"
