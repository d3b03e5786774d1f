"""What can go wrong with members."""

from __future__ import annotations

from app.core.errors import Conflict, Unprocessable


class LastOwner(Conflict):
    """An organization keeps at least one owner. Make somebody else an owner first."""

    code = "LAST_OWNER"


class RoleInUse(Conflict):
    """Members or open invitations have this role. Give them another one first."""

    code = "ROLE_IN_USE"


class InvitationInvalid(Unprocessable):
    """This invitation is not valid: it was used, revoked, or has expired. Ask for a new one."""

    code = "INVITATION_INVALID"
