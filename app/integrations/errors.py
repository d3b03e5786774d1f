"""What can go wrong with code hosts and image registries."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RateLimited, Unavailable, Unprocessable


class HostConnected(Conflict):
    """The organization is connected to this code host already. Change its token, or disconnect it first."""

    code = "HOST_CONNECTED"


class HostNotConnected(NotFound):
    """The organization is not connected to this code host. Connect it first (`connectCodeHost`)."""

    code = "HOST_NOT_CONNECTED"


class HostAddressRefused(Unprocessable):
    """A code host's API is at an address that begins with https:// and holds no user, query or fragment."""

    code = "HOST_ADDRESS_REFUSED"


class HostTokenRefused(Unprocessable):
    """The code host does not accept the token, or the token does not permit this."""

    code = "HOST_TOKEN_REFUSED"


class HostHasNone(NotFound):
    """The code host has nothing under this name, or the token does not show it."""

    code = "HOST_HAS_NONE"


class HostNotVerified(Unprocessable):
    """The token could not be checked, since the code host did not answer as it should. Nothing was kept."""

    code = "HOST_NOT_VERIFIED"


class HostRateLimited(RateLimited):
    """The code host takes no more requests with this token for now. Wait for the seconds in `retryAfter`."""

    code = "HOST_RATE_LIMITED"


class HostUnreachable(Unavailable):
    """The code host does not answer."""

    code = "HOST_UNREACHABLE"


class HostAnswerUnknown(Unavailable):
    """The code host answers in a way that its API does not document. Is the base address that of its API?"""

    code = "HOST_ANSWER_UNKNOWN"
