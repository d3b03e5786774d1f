"""All queries about workspaces and sessions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Integer, bindparam

from app.database.statements import (
    adding,
    adding_or_leaving,
    change,
    changing,
    counted,
    everywhere,
    readable,
    removing,
    statement,
    table,
)
from app.workspaces.models import Session, SessionTable, Workspace, WorkspaceTable

_workspace, _session = table(WorkspaceTable).c, table(SessionTable).c
_LIMIT = bindparam("limit", type_=Integer)
_BEFORE: BindParameter[str] = bindparam("before")

WORKSPACE = statement(readable(WorkspaceTable).where(_workspace.id == bindparam("id")), Workspace)
WORKSPACES_BEFORE = statement(
    readable(WorkspaceTable).where(_workspace.id < _BEFORE).order_by(_workspace.id.desc()).limit(_LIMIT), Workspace
)
ADD_WORKSPACE = change(adding(WorkspaceTable))
#: Guarded by the version that was read.
CHANGE_WORKSPACE = change(
    changing(WorkspaceTable)
    .where(_workspace.id == bindparam("id"), _workspace.version == bindparam("seen"))
    .values(
        {
            name: bindparam(name)
            for name in ("name", "description", "default_branch", "settings", "updated_at", "version")
        }
    )
)
REMOVE_WORKSPACE = change(removing(WorkspaceTable).where(_workspace.id == bindparam("id")))

SESSION = statement(readable(SessionTable).where(_session.id == bindparam("id")), Session)
SESSIONS_BEFORE = statement(
    readable(SessionTable).where(_session.id < _BEFORE).order_by(_session.id.desc()).limit(_LIMIT), Session
)
SESSIONS_OF_WORKSPACE_BEFORE = statement(
    readable(SessionTable)
    .where(_session.workspace_id == bindparam("workspace_id"), _session.id < _BEFORE)
    .order_by(_session.id.desc())
    .limit(_LIMIT),
    Session,
)
DEFAULT_SESSION = statement(
    readable(SessionTable).where(_session.workspace_id == bindparam("workspace_id"), _session.is_default), Session
)
SESSION_OF_BRANCH = statement(
    readable(SessionTable).where(
        _session.workspace_id == bindparam("workspace_id"), _session.branch == bindparam("branch")
    ),
    Session,
)
SESSIONS_COUNT = statement(
    counted(readable(SessionTable).where(_session.workspace_id == bindparam("workspace_id"))),
    dict[str, Any],
)
SESSIONS_OF_WORKSPACE = statement(
    readable(SessionTable).where(_session.workspace_id == bindparam("workspace_id")), Session
)
HOLD_SESSION = change(
    changing(SessionTable).where(_session.id == bindparam("id")).values({"version": _session.version})
)
ADD_SESSION = change(adding(SessionTable))
ADD_DEFAULT_SESSION = change(adding_or_leaving(SessionTable))
REMOVE_SESSION = change(removing(SessionTable).where(_session.id == bindparam("id")))

# What the sweeper compares with the folders.
EVERY_WORKSPACE = statement(everywhere(WorkspaceTable), Workspace)
EVERY_SESSION = statement(everywhere(SessionTable), Session)
