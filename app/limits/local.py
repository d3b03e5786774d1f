"""Budgets counted in this process: exact where there is one server."""

from __future__ import annotations

import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app.limits.quotas import WINDOW_SECONDS, Admission, Quota


class LocalLimiter:
    """A window begins with the first request in it. Nothing is awaited between the look and the taking."""

    def __init__(self) -> None:
        self._windows = FixedWindowRateLimiter(MemoryStorage())
        self._items: dict[int, RateLimitItem] = {}

    async def take(self, owner: str, quota: Quota, cost: int = 1) -> Admission:
        """Takes `cost`, or nothing where less is left."""
        item = self._items.setdefault(quota.limit, RateLimitItemPerMinute(quota.limit))
        admitted = self._windows.test(item, quota.name, owner, cost=cost)
        if admitted and cost:
            self._windows.hit(item, quota.name, owner, cost=cost)
        window, present = self._windows.get_window_stats(item, quota.name, owner), time.time()
        resets_at = window.reset_time if window.reset_time > present else present + WINDOW_SECONDS
        return Admission(
            quota, cost, admitted, max(0, window.remaining), int(resets_at), max(1, int(resets_at - present) + 1)
        )
