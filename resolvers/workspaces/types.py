"""What workspaces and sessions look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from app.workspaces import models, templates
from resolvers.node import Node


@strawberry.type(description="A git repository that people and agents work in, with its settings.")
class Workspace(Node):
    name: str = strawberry.field(description="Unique in the organization.")
    description: str = strawberry.field(description="What it is for.")
    default_branch: str = strawberry.field(
        description="What sessions begin at and pull requests merge into, unless they say otherwise."
    )
    template: str = strawberry.field(description="The template that it was made from.")
    settings: JSON = strawberry.field(description="What clients keep with it: a JSON object.")
    created_by: strawberry.ID = strawberry.field(description="The member or agent who made it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When its settings last changed.")
    version: int = strawberry.field(description="Counts the changes; the ETag of REST.")


@strawberry.type(description="A working copy of a workspace, on a branch of its own.")
class Session(Node):
    workspace_id: strawberry.ID = strawberry.field(description="The workspace that it is a copy of.")
    name: str = strawberry.field(description="Its title.")
    branch: str = strawberry.field(description="The branch that is checked out in it, and nowhere else.")
    base_branch: str = strawberry.field(description="What the branch began at.")
    is_default: bool = strawberry.field(description="Whether it is what the workspace opens with.")
    created_by: strawberry.ID = strawberry.field(description="The member or agent who made it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(description="Counts the changes; the ETag of REST.")


@strawberry.type(description="A branch of a workspace's repository.")
class Branch:
    name: str = strawberry.field(description="Its name, without `refs/heads/`.")
    commit: str = strawberry.field(description="The hash of the commit at its head.")


@strawberry.type(description="Files that a new workspace can begin with.")
class WorkspaceTemplate:
    id: strawberry.ID = strawberry.field(description="Its name in `createWorkspace`: `python-service`.")
    name: str = strawberry.field(description="Its title.")
    description: str = strawberry.field(description="What it holds.")
    files: list[str] = strawberry.field(description="The paths of its files.")


def workspace(record: models.Workspace) -> Workspace:
    """The record as GraphQL shows it."""
    return Workspace(
        id=strawberry.ID(record.id),
        name=record.name,
        description=record.description,
        default_branch=record.default_branch,
        template=record.template,
        settings=record.settings,  # type: ignore[arg-type]
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
    )


def session(record: models.Session) -> Session:
    """The record as GraphQL shows it."""
    return Session(
        id=strawberry.ID(record.id),
        workspace_id=strawberry.ID(record.workspace_id),
        name=record.name,
        branch=record.branch,
        base_branch=record.base_branch,
        is_default=record.is_default,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
    )


def template(found: templates.Template) -> WorkspaceTemplate:
    """A bundled template as GraphQL shows it."""
    return WorkspaceTemplate(
        id=strawberry.ID(found.id), name=found.name, description=found.description, files=list(found.files)
    )
