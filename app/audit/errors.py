"""What can go wrong with the audit log."""

from __future__ import annotations

from app.core.errors import InvalidRequest, NotFound


class CursorInvalid(InvalidRequest):
    """The cursor is not one that this API gave out. Leave it away to start anew."""


class NotSealed(NotFound):
    """No checkpoint covers this event yet. Events are sealed within a second or two, where checkpoints are signed."""

    code = "AUDIT_NOT_SEALED"
