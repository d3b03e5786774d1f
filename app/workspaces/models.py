"""Workspaces (a git repository that people and agents share) and sessions (one working copy of it)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Json, Moment


class Workspace(Record):
    """A bare repository with settings. Its folder exists as long as its row does."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    name: str
    description: str = ""
    #: What pull requests merge into and sessions begin at, unless they say otherwise.
    default_branch: str
    #: The template that it was made from; empty for none.
    template: str = ""
    #: What clients keep with it: any JSON object, at most 64 KiB.
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    version: int = 1


class WorkspaceTable(Workspace, table=True):
    __tablename__ = "workspaces"
    __table_args__ = (
        UniqueConstraint("organization_id", "name", name="workspaces_name"),
        Index("workspaces_of_organization", "organization_id", "id"),
    )


class Session(Record):
    """A working copy on a branch of its own. Its folder exists as long as its row does."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    workspace_id: str = Field(foreign_key="workspaces.id", ondelete="CASCADE")
    name: str
    branch: str
    #: The branch that it began at, which its pull requests merge into by default.
    base_branch: str
    #: Whether it is what the workspace opens with.
    is_default: bool = False
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    version: int = 1


class SessionTable(Session, table=True):
    __tablename__ = "workspace_sessions"
    __table_args__ = (
        UniqueConstraint("workspace_id", "branch", name="workspace_sessions_branch"),
        Index("workspace_sessions_of_workspace", "organization_id", "workspace_id", "id"),
        Index("workspace_sessions_of_organization", "organization_id", "id"),
    )
