"""Announcements: what happened, until everybody who listens has been told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Json, Moment


class Announcement(Record):
    """An event that was written in the transaction of the change that it tells of."""

    #: Stays the same however often the event is sent.
    id: str = Field(primary_key=True)
    organization_id: str
    type: str
    data: dict[str, Any] = Field(sa_type=Json)
    at: datetime = Field(sa_type=Moment)


class AnnouncementTable(Announcement, table=True):
    __tablename__ = "announcements"
