"""What can be wrong with a token, its keys, or its claims."""

from __future__ import annotations

from app.core.errors import Conflict, Unauthorized, Unprocessable


class TokenRefused(Unauthorized):
    """This token is not valid here. Ask its issuer for a new one."""

    def __init__(self, reason: str = "") -> None:
        super().__init__()
        #: Why, for the log alone: a client is not told which check it failed.
        self.reason = reason


class TokenExpired(TokenRefused):
    """This token has expired. Ask its issuer for a new one."""

    code = "TOKEN_EXPIRED"


class UnknownKey(TokenRefused):
    """This token is not valid here. Ask its issuer for a new one."""


class KeyRefused(ValueError):
    """A JSON Web Key is not one that tokens are verified with; the message says why."""


class TokenTooLong(Unprocessable):
    """The token would be longer than a request header may be. Ask for fewer scopes."""

    code = "TOKEN_TOO_LONG"


class ClaimsRefused(Unprocessable):
    """Claims hold texts, whole numbers, truth values, lists and objects, under names in ASCII."""

    code = "CLAIMS_REFUSED"


class KeysChanged(Conflict):
    """The signing keys were changed at the same moment. Read them again, then retry."""
