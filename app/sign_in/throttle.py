"""Failed attempts are counted, and beyond a number refused for a while: guessing takes years, typing twice does not."""

from __future__ import annotations

import time

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.sign_in.errors import TooManyAttempts

#: Failures: from one address for one account; for one account from anywhere; from one address for any account.
PER_PAIR: RateLimitItem = RateLimitItemPerMinute(5, 15)
PER_ACCOUNT: RateLimitItem = RateLimitItemPerHour(30)
PER_ADDRESS: RateLimitItem = RateLimitItemPerMinute(100, 15)


class Throttle:
    """Counts failures in this process: with n servers an attacker gets n times as many attempts."""

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def admit(self, account: str, address: str) -> None:
        """Raises `TooManyAttempts` after too many failures, whether the account exists or not."""
        for item, identifiers in _counted(account, address):
            if not self._windows.test(item, *identifiers):
                oldest = self._windows.get_window_stats(item, *identifiers).reset_time
                wait = max(1, int(oldest - time.time()) + 1)
                raise TooManyAttempts(f"Too many failed attempts. Wait {wait} s.", retryAfter=wait)

    def failed(self, account: str, address: str) -> None:
        """Counts a failure."""
        for item, identifiers in _counted(account, address):
            self._windows.hit(item, *identifiers)

    def succeeded(self, account: str, address: str) -> None:
        """Forgets the failures of this pair: the person has only mistyped."""
        self._windows.clear(PER_PAIR, "pair", account, address)


def _counted(account: str, address: str) -> list[tuple[RateLimitItem, tuple[str, ...]]]:
    return [
        (PER_PAIR, ("pair", account, address)),
        (PER_ACCOUNT, ("account", account)),
        (PER_ADDRESS, ("address", address)),
    ]
