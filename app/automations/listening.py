"""Which automations an announcement makes run."""

from __future__ import annotations

from datetime import timedelta

from app.automations import repository
from app.automations.models import Automation, TriggerKind
from app.automations.service import NEWS, new_run
from app.automations.triggers import meets
from app.core.clock import Clock, now
from app.database.unit_of_work import UnitOfWork
from app.outbox.models import Announcement

#: An automation whose own doing triggers it would never end.
MOST_AN_HOUR = 60
TOO_OFTEN = f"Events made it run {MOST_AN_HOUR} times within an hour. Does it trigger itself? Enable it again."


class Listening:
    """A listener of the postman's."""

    def __init__(self, clock: Clock = now) -> None:
        self.clock = clock

    async def listen(self, work: UnitOfWork, announcement: Announcement) -> None:
        """Adds a run of each automation that waits for the announcement."""
        own = announcement.organization_id
        for automation in await work.all(repository.LISTENING, organization_id=own):
            if meets(automation.events, automation.filter, announcement.type, announcement.data):
                await self._run(work, automation, announcement)

    async def _run(self, work: UnitOfWork, automation: Automation, announcement: Announcement) -> None:
        own, moment = automation.organization_id, self.clock()
        given = {"organization_id": own, "automation_id": automation.id, "since": moment - timedelta(hours=1)}
        recent = await work.one(repository.RUNS_SINCE, **given)
        if recent is not None and recent.count >= MOST_AN_HOUR:
            work.write(repository.STOP, organization_id=own, id=automation.id, reason=TOO_OFTEN, now=moment)
            return
        event = {"id": announcement.id, "type": announcement.type, "data": announcement.data}
        made = new_run(automation, TriggerKind.EVENT, announcement.type, event, moment)
        work.write(repository.ADD_RUN, **made.__dict__)
        work.after_commit(lambda: work.database.news.notify(NEWS))
