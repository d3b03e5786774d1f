"""Budgets shared by many servers: each leases blocks from a row in the database and gives them out in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.clock import Clock, now
from app.core.errors import Conflict
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.limits import repository
from app.limits.quotas import WINDOW_SECONDS, Admission, Quota

#: A block is this part of the budget: so many trips to the database a minute and server, at most.
BLOCKS = 20
KEPT = timedelta(hours=1)


@dataclass
class _Window:
    """One budget in one minute, as far as this server knows it."""

    started_at: datetime
    #: At most so much is left in the database: it only falls.
    free: int
    #: Leased and not given out yet.
    left: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class LeasedLimiter:
    """All servers together never give out more than the budget; DESIGN.md says how much less it can be."""

    def __init__(self, database: Database, clock: Clock = now) -> None:
        self.database, self.clock = database, clock
        self._started_at = datetime.min.replace(tzinfo=UTC)
        self._windows: dict[tuple[str, str], _Window] = {}

    async def take(self, owner: str, quota: Quota, cost: int = 1) -> Admission:
        """Takes `cost`, or nothing where less is left. Raises `StorageUnavailable`."""
        window = self._window(owner, quota)
        if window.left < cost <= window.left + window.free:
            async with window.lock:
                while window.left < cost and await self._lease(window, owner, quota, cost - window.left):
                    pass
        admitted = window.left >= cost
        if admitted:
            window.left -= cost
        resets_at = int(window.started_at.timestamp()) + WINDOW_SECONDS
        seconds = max(1, int(resets_at - self.clock().timestamp()) + 1)
        return Admission(quota, cost, admitted, window.left + window.free, resets_at, seconds)

    def _window(self, owner: str, quota: Quota) -> _Window:
        present = self.clock()
        started_at = present.replace(second=0, microsecond=0)
        if started_at != self._started_at:
            self._started_at, self._windows = started_at, {}
        found = self._windows.get((owner, quota.name))
        if found is None:
            found = self._windows[owner, quota.name] = _Window(started_at, quota.limit)
        return found

    async def _lease(self, window: _Window, owner: str, quota: Quota, need: int) -> bool:
        """Leases a block that covers `need`; False where the database has less than that."""
        work = UnitOfWork(self.database, owner)
        key: dict[str, Any] = {"name": quota.name, "started_at": window.started_at}
        row = await work.one(repository.WINDOW, **key)
        window.free = max(0, quota.limit - (row.taken if row else 0))
        if window.free < need:
            return False
        grant = min(max(need, quota.limit // BLOCKS), window.free)
        if row is None:
            work.write(repository.ADD_WINDOW, **key, taken=0)
        work.write(repository.LEASE, expect=1, **key, grant=grant, limit=quota.limit)
        try:
            await work.commit()
        except Conflict:
            return True  # another server was faster: look again
        window.left += grant
        window.free -= grant
        return True


async def forget_old_windows(database: Database, clock: Clock = now) -> None:
    """Removes the windows of minutes that are long over."""
    work = UnitOfWork(database, None)
    work.write(repository.FORGET_WINDOWS_BEFORE, moment=clock() - KEPT)
    await work.commit()
