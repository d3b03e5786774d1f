"""What of workspaces and sessions is announced to webhooks and automations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.database.unit_of_work import UnitOfWork
from app.outbox.service import announce
from app.workspaces.models import Session, Workspace


def tell_workspace(work: UnitOfWork, verb: str, workspace: Workspace) -> None:
    """Announces what was done to a workspace: `created`, `updated` or `deleted`."""
    data = {
        "id": workspace.id,
        "name": workspace.name,
        "description": workspace.description,
        "defaultBranch": workspace.default_branch,
        "createdBy": workspace.created_by,
    }
    announce(work, f"workspace.{verb}", data)


def tell_session(work: UnitOfWork, verb: str, session: Session) -> None:
    """Announces what was done to a session: `created` or `deleted`."""
    data = {
        "id": session.id,
        "workspaceId": session.workspace_id,
        "name": session.name,
        "branch": session.branch,
        "baseBranch": session.base_branch,
        "createdBy": session.created_by,
    }
    announce(work, f"session.{verb}", data)


def tell_pushed(work: UnitOfWork, workspace_id: str, branches: Sequence[Mapping[str, Any]], pushed_by: str) -> None:
    """Announces that branches were moved by a push: `{"name", "old", "new"}` each, null where there is none."""
    if branches:
        data = {"id": workspace_id, "workspaceId": workspace_id, "branches": list(branches), "pushedBy": pushed_by}
        announce(work, "repository.pushed", data)
