"""Tells those who listen of each announcement, once, in the order in which they happened.

What a listener makes of it is written in the transaction that removes the announcement: of several postmen on one
database one gets it done, and the others notice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from app.core.errors import Conflict, StorageUnavailable
from app.core.worker import Worker
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.outbox import repository
from app.outbox.models import Announcement
from app.outbox.service import NEWS

log = structlog.get_logger(__name__)

AT_ONCE = 100

#: Reads what it needs and collects writes; the postman commits.
Listener = Callable[[UnitOfWork, Announcement], Awaitable[None]]


class Told(Conflict):
    """Another server told of this announcement meanwhile."""

    code = "ANNOUNCEMENT_TOLD"


class Postman:
    """`start`, then it runs until `close`; what was not told then is told by the next one."""

    def __init__(self, database: Database, listeners: Sequence[Listener]) -> None:
        self.database, self.listeners = database, listeners
        self._worker = Worker("postman", database.news, NEWS, self._tell_all)

    def start(self) -> None:
        """Begins to look for announcements."""
        self._worker.start()

    async def close(self) -> None:
        """Ends."""
        await self._worker.close()

    async def _tell_all(self) -> None:
        while await self.tell() == AT_ONCE:
            pass

    async def tell(self) -> int:
        """Tells of what there is, some of it at a time, and says of how many. One that fails holds up no other."""
        found = await UnitOfWork(self.database, None).all(repository.OLDEST, limit=AT_ONCE)
        try:
            await self._tell(found)
        except StorageUnavailable:
            raise
        except Exception as error:  # another server is at it, or a listener fails: one by one, then
            if len(found) > 1:
                return sum([await self._tell_alone(announcement) for announcement in found])
            self._not_told(found, error)
            return 0
        return len(found)

    async def _tell_alone(self, announcement: Announcement) -> int:
        try:
            await self._tell([announcement])
        except StorageUnavailable:
            raise
        except Exception as error:
            self._not_told([announcement], error)
            return 0
        return 1

    async def _tell(self, announcements: Sequence[Announcement]) -> None:
        work = UnitOfWork(self.database, None)
        for announcement in announcements:
            for listener in self.listeners:
                await listener(work, announcement)
            work.write(repository.REMOVE, id=announcement.id, expect=1, otherwise=Told())
        await work.commit()

    def _not_told(self, announcements: Sequence[Announcement], error: Exception) -> None:
        if not isinstance(error, Told):
            ids = [announcement.id for announcement in announcements]
            log.error("outbox.not_told", announcements=ids, exc_info=error)
