"""All queries of the audit log."""

from __future__ import annotations

from app.audit.models import AuditEvent, AuditEventTable
from app.database.statements import adding, change, readable, statement, table

_events = table(AuditEventTable).c

ADD_EVENT = change(adding(AuditEventTable))
ALL_EVENTS = statement(readable(AuditEventTable).order_by(_events.id), AuditEvent)
