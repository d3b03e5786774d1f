"""The canonical form of JSON (RFC 8785, JCS), and hashes over it."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785

from app.core.errors import InvalidRequest


def canonical(value: Any) -> bytes:
    """The canonical form; raises `InvalidRequest` for numbers that JSON's readers do not agree on."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidRequest(f"The value has no canonical JSON form: {error}. Send large numbers as text.") from error


def canonical_hash(value: Any) -> str:
    """SHA-256 over the canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()
