"""Making, changing and deleting workspaces and sessions."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.workspaces.service import EMPTY
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.node import Id, IfVersion
from resolvers.scalars import as_given
from resolvers.workspaces.types import Session, Workspace, session, workspace

WRITE = Access(scope=Scope.WORKSPACES, kind=Kind.WRITE)
ADMIN = Access(scope=Scope.WORKSPACES, kind=Kind.ADMIN)


@strawberry.input(description="A workspace to make.")
class CreateWorkspaceInput:
    name: str = strawberry.field(description="1 to 100 characters, unique in the organization.")
    description: str | None = strawberry.field(default=None, description="What it is for.")
    default_branch: str | None = strawberry.field(default=None, description="The first branch; `main` by default.")
    template: str | None = strawberry.field(
        default=None, description="What it begins with: an id of `workspaceTemplates`; `empty` by default."
    )
    settings: JSON | None = strawberry.field(default=None, description="A JSON object of at most 64 KiB.")


@strawberry.input(description="What of a workspace can change. What is left out stays as it is.")
class UpdateWorkspaceInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters, unique in the organization.")
    description: str | None = strawberry.field(default=None, description="What it is for.")
    default_branch: str | None = strawberry.field(default=None, description="A branch that exists.")
    settings: JSON | None = strawberry.field(default=None, description="Takes the place of all settings.")


@strawberry.input(description="A session to make.")
class CreateSessionInput:
    workspace_id: strawberry.ID = strawberry.field(description="The workspace to work in.")
    name: str | None = strawberry.field(default=None, description="Its title: at most 100 characters.")
    branch: str | None = strawberry.field(
        default=None, description="The name of its new branch; `session/…` after its title by default."
    )
    base: str | None = strawberry.field(
        default=None, description="A branch, tag or commit to begin at; the default branch by default."
    )


@strawberry.type
class WorkspaceMutations:
    @mutation("Makes a workspace: a git repository with a first commit.", WRITE, audited="workspace.create")
    async def create_workspace(
        self,
        info: Info[Context, None],
        input: Annotated[CreateWorkspaceInput, strawberry.argument(description="The workspace to make.")],
    ) -> Workspace:
        made = await info.context.workspaces.create(
            input.name,
            description=input.description or "",
            default_branch=input.default_branch or "main",
            template_id=input.template or EMPTY,
            settings=as_given(input.settings),
        )
        return workspace(made)

    @mutation("Changes a workspace's name or settings.", WRITE, audited="workspace.update")
    async def update_workspace(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[UpdateWorkspaceInput, strawberry.argument(description="What to change.")],
        if_version: IfVersion = None,
    ) -> Workspace:
        changed = await info.context.workspaces.update(
            id,
            name=input.name,
            description=input.description,
            default_branch=input.default_branch,
            settings=as_given(input.settings),
            expected_version=if_version,
        )
        return workspace(changed)

    @mutation(
        "Ends a workspace with everything in it: its branches, sessions and files. For owners and admins.",
        ADMIN,
        audited="workspace.delete",
    )
    async def delete_workspace(self, info: Info[Context, None], id: Id) -> Workspace:
        return workspace(await info.context.workspaces.delete(id))

    @mutation("Makes a session: a working copy on a new branch.", WRITE, audited="session.create")
    async def create_session(
        self,
        info: Info[Context, None],
        input: Annotated[CreateSessionInput, strawberry.argument(description="The session to make.")],
    ) -> Session:
        made = await info.context.sessions.create(
            input.workspace_id, name=input.name or "", branch=input.branch, base=input.base
        )
        return session(made)

    @mutation(
        "Ends a session. Its branch and commits stay in the workspace; what was not committed is gone.",
        WRITE,
        audited="session.delete",
    )
    async def delete_session(self, info: Info[Context, None], id: Id) -> Session:
        return session(await info.context.sessions.delete(id))
