"""Keys that are shown once: a prefix, 30 random base62 characters and 6 of checksum.

The prefix says what it is: `sk_live_` an API key, `cred_` an agent's credential. A mistyped key is refused unread.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX = "sk_live_"
AGENT_PREFIX = "cred_"
_BODY = re.compile(r"[0-9A-Za-z]{36}")


def new_key(prefix: str = PREFIX) -> str:
    """A new key with 178 bits of randomness."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(30))
    return prefix + body + _checksum(body)


def well_formed(key: str, prefix: str = PREFIX) -> bool:
    """Whether prefix, form and checksum are right."""
    body = key.removeprefix(prefix)
    return body != key and _BODY.fullmatch(body) is not None and body[-6:] == _checksum(body[:-6])


def shown(key: str) -> str:
    """The first characters, by which a person recognizes a key."""
    return key[:12]


def fingerprint(key: str) -> str:
    """What is stored. A key is random, so a plain SHA-256 cannot be searched."""
    return hashlib.sha256(key.encode()).hexdigest()


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits
