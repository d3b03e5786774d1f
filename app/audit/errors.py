"""What can go wrong with the audit log."""

from __future__ import annotations

from app.core.errors import Conflict, InvalidRequest


class CursorInvalid(InvalidRequest):
    """The cursor is not one that this API gave out. Leave it away to start anew."""


class NotSealed(Conflict):
    """There is no checkpoint of this size or above yet. Events are sealed within a second or two: retry then."""

    code = "AUDIT_NOT_SEALED"
