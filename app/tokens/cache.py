"""Tokens that were verified a moment ago, by SHA-256: the second request with a token costs microseconds."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import datetime, timedelta

from app.tokens.hybrid import Verified

KEPT = timedelta(seconds=60)
MOST = 4_096


class VerifiedTokens:
    """Bounded: the token that was asked for longest ago makes room. Holds no token, only its hash."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._found: OrderedDict[bytes, tuple[datetime, Verified]] = OrderedDict()

    def get(self, token: str, now: datetime) -> Verified | None:
        """What was verified, until a minute later or the token's end."""
        key = _key(token)
        found = self._found.get(key)
        if found is None:
            return None
        until, verified = found
        if now >= until:
            del self._found[key]
            return None
        self._found.move_to_end(key)
        return verified

    def keep(self, token: str, verified: Verified, now: datetime) -> None:
        """Remembers a token."""
        self._found[_key(token)] = min(now + KEPT, verified.expires_at), verified
        if len(self._found) > self.most:
            self._found.popitem(last=False)

    def clear(self) -> None:
        """Forgets all: a key was withdrawn."""
        self._found.clear()

    def __len__(self) -> int:
        return len(self._found)


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
