"""Making, changing and removing skills."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.node import Id, IfVersion
from resolvers.skills.types import Skill, skill
from resolvers.workspaces.queries import WorkspaceId

WRITE = Access(scope=Scope.ASSISTANT, kind=Kind.WRITE)


@strawberry.input(description="A file of a skill.")
class SkillFileInput:
    path: str = strawberry.field(description="A relative path of letters, digits, '.', '_' and '-'.")
    content: str = strawberry.field(description="Its text; all files together have 256 KiB at most.")


@strawberry.input(description="A skill to make.")
class CreateSkillInput:
    name: str = strawberry.field(description="1 to 64 lower-case letters, digits and hyphens; unique in the workspace.")
    description: str = strawberry.field(description="When to use it: what a model chooses by.")
    instructions: str = strawberry.field(description="How it is done: 64 KiB at most.")
    files: list[SkillFileInput] | None = strawberry.field(default=None, description="20 at most.")


@strawberry.input(description="What of a skill can change. What is left out stays as it is.")
class UpdateSkillInput:
    name: str | None = strawberry.field(default=None, description="1 to 64 lower-case letters, digits and hyphens.")
    description: str | None = strawberry.field(default=None, description="When to use it.")
    instructions: str | None = strawberry.field(default=None, description="How it is done.")
    files: list[SkillFileInput] | None = strawberry.field(default=None, description="Takes the place of all files.")


@strawberry.type
class SkillMutations:
    @mutation("Makes a skill in a workspace.", WRITE, audited="skill.create")
    async def create_skill(
        self,
        info: Info[Context, None],
        workspace_id: WorkspaceId,
        input: Annotated[CreateSkillInput, strawberry.argument(description="The skill.")],
    ) -> Skill:
        made = await info.context.skills.create(
            workspace_id,
            input.name,
            description=input.description,
            instructions=input.instructions,
            files=_files(input.files or []),
        )
        return skill(made)

    @mutation("Changes a skill.", WRITE, audited="skill.update")
    async def update_skill(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[UpdateSkillInput, strawberry.argument(description="What to change.")],
        if_version: IfVersion = None,
    ) -> Skill:
        changed = await info.context.skills.update(
            id,
            name=input.name,
            description=input.description,
            instructions=input.instructions,
            files=None if input.files is None else _files(input.files),
            expected_version=if_version,
        )
        return skill(changed)

    @mutation("Removes a skill.", WRITE, audited="skill.delete")
    async def delete_skill(self, info: Info[Context, None], id: Id) -> Skill:
        return skill(await info.context.skills.delete(id))


def _files(given: list[SkillFileInput]) -> list[dict[str, str]]:
    return [{"path": each.path, "content": each.content} for each in given]
