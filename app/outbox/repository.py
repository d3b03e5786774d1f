"""All queries about announcements."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam

from app.database.statements import adding, change, everywhere, removing_everywhere, statement, table
from app.outbox.models import Announcement, AnnouncementTable

_announcements = table(AnnouncementTable).c

ADD = change(adding(AnnouncementTable))
OLDEST = statement(
    everywhere(AnnouncementTable).order_by(_announcements.id).limit(bindparam("limit", type_=Integer)), Announcement
)
REMOVE = change(removing_everywhere(AnnouncementTable).where(_announcements.id == bindparam("id")))
