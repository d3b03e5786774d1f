"""API keys: `sk_live_` + 30 random base62 characters + 6 of checksum, so that a mistyped key is refused unread."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX = "sk_live_"
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{36}}")


def new_key() -> str:
    """A new key with 178 bits of randomness."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(30))
    return PREFIX + body + _checksum(body)


def well_formed(key: str) -> bool:
    """Whether form and checksum are right."""
    return _FORM.fullmatch(key) is not None and key[-6:] == _checksum(key[len(PREFIX) : -6])


def fingerprint(key: str) -> str:
    """What is stored. A key is random, so a plain SHA-256 cannot be searched."""
    return hashlib.sha256(key.encode()).hexdigest()


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits
