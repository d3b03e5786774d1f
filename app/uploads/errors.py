"""What can be wrong with uploads."""

from __future__ import annotations

from app.core.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    SoundstageError,
)


class UploadNotFound(NotFound):
    """No upload with this id is visible to you."""


class UploadGone(NotFound):
    """The upload has expired, and what was there of it is gone. Begin anew."""

    code, status = "UPLOAD_GONE", 410


class BadUpload(InvalidRequest):
    """The upload's headers are not as the tus protocol has them."""

    code = "BAD_UPLOAD"


class WrongOffset(Conflict):
    """The upload is not at this offset. Ask for it (`HEAD`), and go on from there."""

    code = "WRONG_OFFSET"


class UploadLocked(SoundstageError):
    """Somebody else writes to this upload just now. Try again when that request has ended."""

    code, status = "UPLOAD_LOCKED", 423


class ChecksumMismatch(SoundstageError):
    """The bytes do not have this checksum: nothing of this request was kept. Send them again."""

    code, status = "CHECKSUM_MISMATCH", 460


class UploadTooLarge(PayloadTooLarge):
    """The upload is larger than this server takes, or than was said at its beginning."""

    code = "UPLOAD_TOO_LARGE"


class UploadBroke(SoundstageError):
    """The request ended or stood still before its body was complete. What came is kept: go on from the offset."""

    code, status = "UPLOAD_BROKE", 408


class TooManyUploads(RateLimited):
    """Your organization has as many open uploads as it may. Finish or delete one."""

    code = "TOO_MANY_UPLOADS"
