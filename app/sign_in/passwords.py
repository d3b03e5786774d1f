"""Passwords: Argon2id (RFC 9106) with the library's parameters, outside the event loop, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import TypeVar
from weakref import WeakKeyDictionary

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.sign_in.errors import WeakPassword

SHORTEST, LONGEST = 10, 256
#: Each takes 64 MiB and a core for some 50 ms.
AT_ONCE = 2

T = TypeVar("T")

_hasher = PasswordHasher()
_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def check(password: str, email: str) -> None:
    """Raises `WeakPassword` for a password that is easily guessed (NIST SP 800-63B, section 3.1.1.2)."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"A password has {SHORTEST} to {LONGEST} characters.")
    lowered = password.lower()
    if lowered in (email, email.partition("@")[0]) or len(set(lowered)) < 5:
        raise WeakPassword("This password is too easily guessed. Take a longer sentence.")


async def hashed(password: str) -> str:
    """The hash in PHC form."""
    return await _in_a_thread(lambda: _hasher.hash(password))


async def matches(password: str, kept: str) -> bool:
    """Whether a password is the one of the hash; takes as long when there is none to compare with."""

    def verify() -> bool:
        try:
            return _hasher.verify(kept or _nobodys(), password) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False

    return len(password) <= LONGEST and await _in_a_thread(verify)


def outdated(kept: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(kept)


@cache
def _nobodys() -> str:
    return _hasher.hash("the password of nobody at all")


async def _in_a_thread(work: Callable[[], T]) -> T:
    loop = asyncio.get_running_loop()
    async with _places.setdefault(loop, asyncio.Semaphore(AT_ONCE)):
        return await asyncio.to_thread(work)
