"""Who gets an announcement: a delivery for each enabled integration that wants its type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.core.clock import Clock, now
from app.core.ids import new_id
from app.database.unit_of_work import UnitOfWork
from app.outbox.kinds import INCOMING, matches
from app.outbox.models import Announcement
from app.webhooks import repository
from app.webhooks.models import Delivery, DeliveryStatus, Integration

#: What `Database.news` is told when there is something to deliver.
NEWS = "webhooks"


class Fanout:
    """A listener of the postman's."""

    def __init__(self, clock: Clock = now) -> None:
        self.clock = clock

    async def listen(self, work: UnitOfWork, announcement: Announcement) -> None:
        """Adds the deliveries of an announcement."""
        told = announcement
        if told.type.startswith(INCOMING):
            return
        for integration in await work.all(repository.TAKERS, organization_id=told.organization_id):
            if matches(integration.events, told.type):
                made = pending(integration, told.id, told.type, told.data, told.at, self.clock())
                work.write(repository.ADD_DELIVERY, **made.__dict__)
                work.after_commit(lambda: work.database.news.notify(NEWS))


def pending(
    integration: Integration,
    message_id: str,
    event_type: str,
    data: Mapping[str, Any],
    happened_at: datetime,
    moment: datetime,
) -> Delivery:
    """A delivery that is due at once."""
    return Delivery(
        id=new_id("whd"),
        organization_id=integration.organization_id,
        integration_id=integration.id,
        message_id=message_id,
        type=event_type,
        data=dict(data),
        happened_at=happened_at,
        status=DeliveryStatus.PENDING,
        next_at=moment,
        created_at=moment,
    )
