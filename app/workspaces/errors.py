"""What can be wrong with workspaces and sessions."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, Unprocessable


class WorkspaceNotFound(NotFound):
    """No workspace with this id is visible to you."""


class SessionNotFound(NotFound):
    """No session with this id is visible to you."""


class WorkspaceNameTaken(Conflict):
    """A workspace of this name exists. Choose another name."""

    code = "WORKSPACE_NAME_TAKEN"


class BadWorkspace(Unprocessable):
    """The name or a setting is not valid."""

    code = "BAD_WORKSPACE"


class UnknownTemplate(Unprocessable):
    """There is no workspace template of this name. `workspaceTemplates` lists them."""

    code = "UNKNOWN_TEMPLATE"


class TooManySessions(Conflict):
    """The workspace has as many sessions as it can have. Delete one that is not needed any more."""

    code = "TOO_MANY_SESSIONS"
