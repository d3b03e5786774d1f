"""Reading workspaces and sessions."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.audit import service as audit
from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from app.workspaces import models, templates
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.node import After, Connection, First, Id, connection
from resolvers.workspaces.types import Branch, Session, Workspace, WorkspaceTemplate, session, template, workspace

READ = Access(scope=Scope.WORKSPACES, kind=Kind.READ)

WorkspaceId = Annotated[strawberry.ID, strawberry.argument(description="The workspace's id.")]


@strawberry.type
class WorkspaceQueries:
    @query("One workspace; null where none with this id is visible to you.", READ)
    async def workspace(self, info: Info[Context, None], id: Id) -> Workspace | None:
        found = await info.context.workspaces.find(id)
        return workspace(found) if found else None

    @query("The organization's workspaces, newest first.", READ)
    async def workspaces(
        self, info: Info[Context, None], first: First = None, after: After = None
    ) -> Connection[Workspace]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.workspaces.page(limit, decode_cursor(after))
        return connection(page, _workspace_id, workspace, after)

    @query("The branches of a workspace's repository, by name.", READ)
    async def workspace_branches(self, info: Info[Context, None], workspace_id: WorkspaceId) -> list[Branch]:
        found = await info.context.workspaces.branches(workspace_id)
        return [Branch(name=name, commit=commit) for name, commit in sorted(found.items())]

    @query("What a new workspace can begin with.", READ)
    async def workspace_templates(self) -> list[WorkspaceTemplate]:
        return [template(found) for found in templates.templates()]

    @query("One session; null where none with this id is visible to you.", READ)
    async def session(self, info: Info[Context, None], id: Id) -> Session | None:
        found = await info.context.sessions.find(id)
        return session(found) if found else None

    @query("The sessions of one workspace or of all, newest first.", READ)
    async def sessions(
        self,
        info: Info[Context, None],
        workspace_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only those of this workspace.")
        ] = None,
        first: First = None,
        after: After = None,
    ) -> Connection[Session]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.sessions.page(limit, decode_cursor(after), workspace_id)
        return connection(page, _session_id, session, after)

    @query(
        "The session that a workspace opens with. The first call of somebody who may write makes it; for others it is "
        "`NOT_FOUND` until then.",
        READ,
    )
    async def default_session(self, info: Info[Context, None], workspace_id: WorkspaceId) -> Session:
        context = info.context
        found = await context.sessions.default(workspace_id, may_create=_may_write(context))
        if context.work.has_changes:
            audit.record(
                context.work,
                context.require_actor(),
                action="session.create",
                resource=found.id,
                request_id=context.request_id,
            )
            await context.work.commit()
        return session(found)


def _may_write(context: Context) -> bool:
    return context.require_actor().may(Scope.WORKSPACES, Kind.WRITE)


def _workspace_id(record: models.Workspace) -> str:
    return record.id


def _session_id(record: models.Session) -> str:
    return record.id
