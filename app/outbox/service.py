"""Announces what happened, in the transaction of the change; the postman tells those who listen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.core.clock import now
from app.core.ids import new_id
from app.database.unit_of_work import UnitOfWork
from app.outbox import repository
from app.outbox.kinds import INCOMING, KINDS
from app.outbox.models import Announcement

#: What `Database.news` is told after an announcement was committed.
NEWS = "outbox"
LARGEST_DATA = 320 * 1024


def announce(
    work: UnitOfWork, event_type: str, data: Mapping[str, Any], *, organization_id: str | None = None
) -> Announcement:
    """Adds an event to the transaction of the change that it tells of: told if the change happened, and only then.

    `data` is JSON and holds no secrets: it goes to other people's servers. The system's own unit of work names the
    organization. Types are those of `kinds.KINDS`.
    """
    if event_type not in KINDS and not event_type.startswith(INCOMING):
        raise ValueError(f"{event_type!r} is no type of event: add it to app/outbox/kinds.py")
    owner = work.organization_id or organization_id
    if not owner:
        raise ValueError("an event belongs to an organization: the system's unit of work has to name it")
    kept = dict(data)
    if len(orjson.dumps(kept)) > LARGEST_DATA:
        kept = {"id": kept.get("id"), "truncated": True}
    announcement = Announcement(
        id=new_id("msg"),
        organization_id=owner,
        type=event_type,
        data=kept,
        at=now(),
    )
    work.write(repository.ADD, **announcement.__dict__)
    work.after_commit(lambda: work.database.news.notify(NEWS))
    return announcement
