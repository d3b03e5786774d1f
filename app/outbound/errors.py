"""Why an address that a client chose did not answer. The message is for the record of whoever asked."""

from __future__ import annotations


class Unreachable(Exception):
    """It cannot be reached."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class NameUnknown(Unreachable):
    """Its name cannot be resolved."""


class PrivateAddress(Unreachable):
    """Its address is private, which this installation does not allow."""


class TooSlow(Unreachable):
    """It did not answer in time."""


class TooLarge(Unreachable):
    """Its answer is too large."""
