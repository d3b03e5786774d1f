"""Requests a minute, by organization and API: fixed windows, exact on one node."""

from __future__ import annotations

import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app.core.actor import Actor
from app.core.errors import RateLimited
from rest_compat.dialects import Dialect

#: The enterprise quota of an organization that has set none.
ENTERPRISE = 100_000


class RateLimits:
    """Counts requests; tells the headers that every authenticated answer carries."""

    def __init__(self) -> None:
        self._windows = FixedWindowRateLimiter(MemoryStorage())
        self._items: dict[int, RateLimitItem] = {}

    def count(self, dialect: Dialect, actor: Actor) -> tuple[dict[str, str], RateLimited | None]:
        """Counts one request: the headers, and the error when it is one too many."""
        allowed = dialect.limits[actor.plan] or actor.requests_per_minute or ENTERPRISE
        item = self._items.setdefault(allowed, RateLimitItemPerMinute(allowed))
        admitted = self._windows.hit(item, dialect.name, actor.organization_id)
        window = self._windows.get_window_stats(item, dialect.name, actor.organization_id)
        headers = {
            "X-RateLimit-Limit": str(allowed),
            "X-RateLimit-Remaining": str(max(0, window.remaining)),
            "X-RateLimit-Reset": str(int(window.reset_time)),
        }
        if admitted:
            return headers, None
        wait = max(1, int(window.reset_time - time.time()) + 1)
        return headers, RateLimited(f"More than {allowed:,} requests in a minute. Wait {wait} s.", retryAfter=wait)
