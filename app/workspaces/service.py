"""The verbs of workspaces. A row is committed after its folder was made, so there is no row without a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.errors import Conflict, PreconditionFailed
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.unit_of_work import UnitOfWork
from app.environments import repository as environments
from app.git.errors import RevisionNotFound
from app.git.repository import Repository, check_branch
from app.workspaces import repository
from app.workspaces.announcing import tell_workspace
from app.workspaces.authors import author
from app.workspaces.errors import BadWorkspace, WorkspaceNameTaken, WorkspaceNotFound
from app.workspaces.folders import Folders
from app.workspaces.models import Workspace
from app.workspaces.templates import template

LONGEST_NAME, LONGEST_DESCRIPTION = 100, 2_000
LARGEST_SETTINGS = 64 * 1024
EMPTY = "empty"


@dataclass
class WorkspaceParts:
    """What the verbs need besides the unit of work."""

    folders: Folders
    clock: Clock = now
    #: Folders on their way out: held, so that they are not collected while they run.
    removals: set[asyncio.Task[None]] = field(default_factory=set)

    def remove(self, folder: Path) -> None:
        """Takes a folder away in the background; what a crash leaves is swept later."""
        task = asyncio.get_running_loop().create_task(self.folders.remove(folder))
        self.removals.add(task)
        task.add_done_callback(self.removals.discard)

    async def close(self) -> None:
        """Waits for the removals under way."""
        await asyncio.gather(*self.removals, return_exceptions=True)


class Workspaces:
    """An actor's workspaces."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: WorkspaceParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    async def find(self, workspace_id: str) -> Workspace | None:
        """One workspace, or None where none is visible."""
        return await self.work.one(repository.WORKSPACE, id=workspace_id)

    async def get(self, workspace_id: str) -> Workspace:
        """One workspace; raises `WorkspaceNotFound`."""
        found = await self.find(workspace_id)
        if found is None:
            raise WorkspaceNotFound()
        return found

    async def page(self, limit: int, before: str | None) -> Page[Workspace]:
        """Workspaces from the newest on."""
        found = await self.work.all(repository.WORKSPACES_BEFORE, before=before or NEWEST, limit=limit + 1)
        return Page(found[:limit], len(found) > limit)

    async def create(
        self,
        name: str,
        *,
        description: str = "",
        default_branch: str = "main",
        template_id: str = EMPTY,
        settings: Mapping[str, Any] | None = None,
    ) -> Workspace:
        """A new workspace with a first commit: the template's files. Raises `WorkspaceNameTaken`, `BadBranchName`."""
        moment = self.parts.clock()
        workspace = Workspace(
            id=new_id("wsp"),
            organization_id=self.actor.organization_id,
            name=_name(name),
            description=_description(description),
            default_branch=check_branch(default_branch),
            template=template(template_id).id,
            settings=_settings(settings),
            created_by=self.actor.user_id or self.actor.agent_id,
            created_at=moment,
            updated_at=moment,
        )
        files = template(template_id).files
        writer = await author(self.work, self.actor)
        try:
            await self.parts.folders.repository(workspace.id).create(
                default_branch, files, writer, f"Begin with the template {template_id}"
            )
        except BaseException:
            self.parts.remove(self.parts.folders.workspace(workspace.id))
            raise
        self.work.write(repository.ADD_WORKSPACE, otherwise=WorkspaceNameTaken(), **workspace.__dict__)
        tell_workspace(self.work, "created", workspace)
        return workspace

    async def update(
        self,
        workspace_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        default_branch: str | None = None,
        settings: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
    ) -> Workspace:
        """Changes what is given; raises `PreconditionFailed` at another version."""
        found = await self.get(workspace_id)
        if expected_version is not None and found.version != expected_version:
            raise PreconditionFailed()
        if default_branch is not None and await self._repository(found).branch(default_branch) is None:
            raise RevisionNotFound(f"There is no branch {default_branch[:80]!r}.")
        given: dict[str, Any] = {
            "name": None if name is None else _name(name),
            "description": None if description is None else _description(description),
            "default_branch": default_branch,
            "settings": None if settings is None else _settings(settings),
        }
        changes = {key: value for key, value in given.items() if value is not None}
        changed = found.changed(**changes, updated_at=self.parts.clock(), version=found.version + 1)
        wrong = WorkspaceNameTaken() if changed.name != found.name else Conflict()
        self.work.write(repository.CHANGE_WORKSPACE, expect=1, otherwise=wrong, seen=found.version, **changed.__dict__)
        tell_workspace(self.work, "updated", changed)
        return changed

    async def delete(self, workspace_id: str) -> Workspace:
        """Ends a workspace with all its sessions and what runs in them, its branches and files."""
        found = await self.get(workspace_id)
        sessions = await self.work.all(repository.SESSIONS_OF_WORKSPACE, workspace_id=found.id)
        self.work.write(repository.REMOVE_WORKSPACE, id=found.id, expect=1, otherwise=WorkspaceNotFound())
        tell_workspace(self.work, "deleted", found)
        ended = [session.id for session in sessions]
        self.work.write(environments.END_OF_SESSIONS, sessions=ended, now=self.parts.clock())
        self.work.after_commit(lambda: self.parts.remove(self.parts.folders.workspace(found.id)))
        return found

    async def branches(self, workspace_id: str) -> dict[str, str]:
        """The branches of a workspace, with the commits at their heads."""
        return await self._repository(await self.get(workspace_id)).branches()

    def _repository(self, workspace: Workspace) -> Repository:
        return self.parts.folders.repository(workspace.id)


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise BadWorkspace(f"A name has 1 to {LONGEST_NAME} characters.")
    return name


def _description(text: str) -> str:
    if len(text) > LONGEST_DESCRIPTION:
        raise BadWorkspace(f"A description has at most {LONGEST_DESCRIPTION:,} characters.")
    return text


def _settings(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    if settings is not None and not isinstance(settings, Mapping):
        raise BadWorkspace("The settings have to be a JSON object.")
    made = dict(settings or {})
    if len(orjson.dumps(made)) > LARGEST_SETTINGS:
        raise BadWorkspace(f"The settings are larger than {LARGEST_SETTINGS // 1024} KiB.")
    return made
