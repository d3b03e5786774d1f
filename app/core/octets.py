"""Bytes as clients send them in JSON: as text, or in base64 (RFC 4648, section 4)."""

from __future__ import annotations

import base64

from app.core.errors import InvalidRequest


def from_base64(encoded: str, name: str) -> bytes:
    """The bytes; raises `InvalidRequest`, which names the field."""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:  # also what is no ASCII
        raise InvalidRequest(f"`{name}` is not base64.") from None


def text_or_base64(text: str | None, encoded: str | None, name: str) -> bytes:
    """The bytes of one of two fields, `text` and the one that is named; raises `InvalidRequest`."""
    if (text is None) == (encoded is None):
        raise InvalidRequest(f"Give either `text` or `{name}`.")
    if text is None:
        return from_base64(encoded or "", name)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("`text` holds half of a surrogate pair, which is no character.") from None
