"""What can be wrong with language servers."""

from __future__ import annotations

from app.core.errors import InvalidRequest, NotFound, RateLimited, SoundstageError, Unauthorized, Unavailable


class LanguageUnknown(NotFound):
    """There is no language server for this language, or none of this name. `languageServers` lists those there are."""

    code = "LANGUAGE_UNKNOWN"


class LanguageServerMissing(Unavailable):
    """The language server is not installed."""

    code = "LANGUAGE_SERVER_MISSING"


class LanguageServerFailed(Unavailable):
    """The language server ended again and again. Connect once more to try it anew."""

    code = "LANGUAGE_SERVER_FAILED"


class TooManyLanguageServers(RateLimited):
    """As many language servers run as the organization may have. Close the connections to one of them."""

    code = "TOO_MANY_LANGUAGE_SERVERS"


class TooManyViewers(RateLimited):
    """As many viewers as there may be use this language server, or watch these files. Close one of them."""

    code = "TOO_MANY_VIEWERS"


class ClientTooSlow(SoundstageError):
    """The client does not read what it is sent. Connect again, and read on."""

    code, status = "CLIENT_TOO_SLOW", 408


class SessionGone(NotFound):
    """The session was deleted."""

    code = "SESSION_GONE"


class OutsideRoot(InvalidRequest):
    """A file is named that is not within the root, or by a path that could lead out of it."""

    code = "OUTSIDE_ROOT"


class SessionTicketInvalid(Unauthorized):
    """The ticket was used, is too old, or is for another session or origin. Get one by `createLanguageServerTicket`."""

    code = "TICKET_INVALID"
