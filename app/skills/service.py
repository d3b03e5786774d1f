"""Keeping skills, and reading one by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.errors import Conflict, PreconditionFailed
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.unit_of_work import UnitOfWork
from app.skills import repository
from app.skills.errors import BadSkill, SkillNameTaken, SkillNotFound, TooManySkills
from app.skills.models import Skill
from app.workspaces import repository as workspaces
from app.workspaces.errors import WorkspaceNotFound

MOST_SKILLS = 200
LONGEST_DESCRIPTION = 1_000
LONGEST_INSTRUCTIONS = 64 * 1024
MOST_FILES = 20
LARGEST_FILES = 256 * 1024
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*")


class Skills:
    """The skills of an actor's workspaces."""

    def __init__(self, work: UnitOfWork, actor: Actor, clock: Clock = now) -> None:
        self.work, self.actor, self.clock = work, actor, clock

    async def find(self, skill_id: str) -> Skill | None:
        """One skill, or None where none is visible."""
        return await self.work.one(repository.SKILL, id=skill_id)

    async def get(self, skill_id: str) -> Skill:
        """The same; raises `SkillNotFound`."""
        found = await self.find(skill_id)
        if found is None:
            raise SkillNotFound()
        return found

    async def named(self, workspace_id: str, name: str) -> Skill:
        """One skill of a workspace by its name; raises `SkillNotFound`."""
        found = await self.work.one(repository.BY_NAME, workspace_id=workspace_id, name=name)
        if found is None:
            raise SkillNotFound("The workspace has no skill of this name.")
        return found

    async def page(self, workspace_id: str, limit: int, before: str | None) -> Page[Skill]:
        """The skills of a workspace from the newest on; raises `WorkspaceNotFound`."""
        await self._check_workspace(workspace_id)
        found = await self.work.all(
            repository.OF_WORKSPACE_BEFORE, workspace_id=workspace_id, before=before or NEWEST, limit=limit + 1
        )
        return Page(found[:limit], len(found) > limit)

    async def create(
        self,
        workspace_id: str,
        name: str,
        *,
        description: str,
        instructions: str,
        files: Sequence[Mapping[str, str]] = (),
    ) -> Skill:
        """A new skill; raises `SkillNameTaken`, `BadSkill` and `TooManySkills`."""
        await self._check_workspace(workspace_id)
        [held] = await self.work.all(repository.COUNT, workspace_id=workspace_id)
        if held["count"] >= MOST_SKILLS:
            raise TooManySkills(f"A workspace has at most {MOST_SKILLS} skills.")
        moment = self.clock()
        skill = Skill(
            id=new_id("skl"),
            organization_id=self.actor.organization_id,
            workspace_id=workspace_id,
            name=_name(name),
            description=_text("description", description, LONGEST_DESCRIPTION),
            instructions=_text("instructions", instructions, LONGEST_INSTRUCTIONS),
            files=_files(files),
            created_by=self.actor.user_id or self.actor.agent_id,
            created_at=moment,
            updated_at=moment,
        )
        self.work.write(repository.ADD, otherwise=SkillNameTaken(), **skill.__dict__)
        return skill

    async def update(
        self,
        skill_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        instructions: str | None = None,
        files: Sequence[Mapping[str, str]] | None = None,
        expected_version: int | None = None,
    ) -> Skill:
        """Changes what is given; raises `PreconditionFailed` at another version."""
        found = await self.get(skill_id)
        if expected_version is not None and found.version != expected_version:
            raise PreconditionFailed()
        given: dict[str, Any] = {
            "name": None if name is None else _name(name),
            "description": None if description is None else _text("description", description, LONGEST_DESCRIPTION),
            "instructions": None if instructions is None else _text("instructions", instructions, LONGEST_INSTRUCTIONS),
            "files": None if files is None else _files(files),
        }
        changes = {key: value for key, value in given.items() if value is not None}
        changed = found.changed(**changes, updated_at=self.clock(), version=found.version + 1)
        wrong = SkillNameTaken() if changed.name != found.name else Conflict()
        self.work.write(repository.CHANGE, expect=1, otherwise=wrong, seen=found.version, **changed.__dict__)
        return changed

    async def delete(self, skill_id: str) -> Skill:
        """Removes a skill."""
        found = await self.get(skill_id)
        self.work.write(repository.REMOVE, expect=1, otherwise=SkillNotFound(), id=found.id)
        return found

    async def _check_workspace(self, workspace_id: str) -> None:
        if await self.work.one(workspaces.WORKSPACE, id=workspace_id) is None:
            raise WorkspaceNotFound()


def _name(name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > 64:
        raise BadSkill("A skill's name has 1 to 64 lower-case letters, digits and single hyphens: `release-notes`.")
    return name


def _text(what: str, text: str, longest: int) -> str:
    text = text.strip()
    if not 1 <= len(text) <= longest:
        raise BadSkill(f"The {what} of a skill has 1 to {longest:,} characters.")
    return text


def _files(given: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    files = [{"path": each["path"], "content": each["content"]} for each in given]
    paths = [file["path"] for file in files]
    if len(files) > MOST_FILES or len(set(paths)) < len(paths):
        raise BadSkill(f"A skill has at most {MOST_FILES} files, each path once.")
    for path in paths:
        if len(path) > 200 or not _PATH.fullmatch(path) or ".." in path.split("/") or "." in path.split("/"):
            raise BadSkill(f"{path[:80]!r} is no relative path of letters, digits, '.', '_' and '-'.")
    if sum(len(file["content"].encode()) for file in files) > LARGEST_FILES:
        raise BadSkill(f"The files of a skill are larger than {LARGEST_FILES // 1024} KiB together.")
    return files
