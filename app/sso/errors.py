"""What can go wrong with single sign-on. None of it tells who has an account."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthorized, Unavailable, Unprocessable


class SsoFailed(Unauthorized):
    """The identity provider did not vouch for you. Sign in again; if that fails, tell your administrator."""

    code = "SSO_FAILED"

    def __init__(self, reason: str = "") -> None:
        #: For the audit log of the organization: a word, nothing secret.
        self.reason = reason
        super().__init__()


class SsoStateMismatch(InvalidRequest):
    """This sign-in was not begun in this browser, was finished already, or took too long. Begin anew."""

    code = "SSO_STATE_MISMATCH"


class SsoRefused(Forbidden):
    """The identity provider vouched for you, but you may not sign in here. Ask your administrator."""

    code = "SSO_REFUSED"

    def __init__(self, reason: str = "", message: str | None = None) -> None:
        self.reason = reason
        super().__init__(message)


class SsoUnavailable(NotFound):
    """There is no single sign-on for this address. Sign in with a password, or ask your administrator."""

    code = "SSO_UNAVAILABLE"


class SsoProviderUnavailable(Unavailable):
    """The identity provider does not answer as it should. Try again later; owners sign in with their passwords."""

    code = "SSO_PROVIDER_UNAVAILABLE"


class SsoIssuerRefused(Unprocessable):
    """An issuer is an `https://` address without user, query or fragment."""

    code = "SSO_ISSUER_REFUSED"


class SsoNotReady(Conflict):
    """Single sign-on can be required once the connection is enabled and one of its domains is verified."""

    code = "SSO_NOT_READY"


class DomainUnverified(Unprocessable):
    """The domain has no such TXT record yet. Publish `record` as it stands; DNS can take hours."""

    code = "DOMAIN_UNVERIFIED"


class DomainTaken(Conflict):
    """Another organization has verified this domain."""

    code = "DOMAIN_TAKEN"
