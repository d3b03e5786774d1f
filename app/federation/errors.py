"""What can go wrong between installations."""

from __future__ import annotations

from app.core.errors import Conflict, Unprocessable


class ProviderExists(Conflict):
    """A provider with this issuer is registered already. Remove it first, or sync it."""

    code = "PROVIDER_EXISTS"


class ProviderRefused(Unprocessable):
    """A provider is described by addresses that begin with http:// or https:// and hold no user, query or fragment."""

    code = "PROVIDER_REFUSED"


class SyncFailed(Exception):
    """A provider's keys could not be fetched; the message is for the provider's record."""
