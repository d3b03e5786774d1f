"""The errors of the product. A class is its own documentation: the docstring is the message."""

from __future__ import annotations

from typing import Any, ClassVar


class SoundstageError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    #: The HTTP status that REST answers with.
    status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        #: JSON-able facts that help the client to act.
        self.details = details
        super().__init__(self.message)

    @property
    def extensions(self) -> dict[str, Any]:
        """What a client gets beside the message: the code and the details."""
        return {"code": self.code, **self.details}


class InvalidRequest(SoundstageError):
    """The request is missing something or is malformed."""

    code, status = "INVALID_REQUEST", 400


class Unauthorized(SoundstageError):
    """Credentials are missing or not valid. Send `Authorization: Bearer <API key>`."""

    code, status = "UNAUTHORIZED", 401


class Forbidden(SoundstageError):
    """The credentials are valid, but do not permit this."""

    code, status = "FORBIDDEN", 403


class NotFound(SoundstageError):
    """Nothing with this id is visible to you."""

    code, status = "NOT_FOUND", 404


class Conflict(SoundstageError):
    """The resource changed or is in a state that does not permit this. Read it again, then retry."""

    code, status = "CONFLICT", 409


class PreconditionFailed(SoundstageError):
    """The resource is no longer at the version in `If-Match`. Read it again, then retry."""

    code, status = "PRECONDITION_FAILED", 412


class PayloadTooLarge(SoundstageError):
    """The request body is larger than the server accepts."""

    code, status = "PAYLOAD_TOO_LARGE", 413


class UnsupportedMediaType(SoundstageError):
    """The body's media type is not accepted here. Send `Content-Type: application/json`."""

    code, status = "UNSUPPORTED_MEDIA_TYPE", 415


class Unprocessable(SoundstageError):
    """The request is well-formed, but its content is not valid."""

    code, status = "UNPROCESSABLE", 422


class RateLimited(SoundstageError):
    """Too many requests. Wait for the seconds in `Retry-After`."""

    code, status = "RATE_LIMITED", 429


class Unavailable(SoundstageError):
    """A needed part is not configured or not running."""

    code, status = "UNAVAILABLE", 503


class StorageUnavailable(Unavailable):
    """The database cannot take the change now: nothing was changed. Check the disk's free space, then retry."""

    code = "STORAGE_UNAVAILABLE"
