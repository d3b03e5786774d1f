"""The audit log: one event for each mutation, in the same transaction as the change."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Moment


class AuditResult(enum.StrEnum):
    """How the action ended."""

    ALLOWED = "allowed"
    DENIED = "denied"


class AuditEvent(Record):
    """Who did what to which resource, and how it ended."""

    id: str = Field(primary_key=True)
    organization_id: str
    user_id: str
    credential_id: str
    #: `environment.create`
    action: str
    #: The id of what it was done to; empty when nothing was touched.
    resource: str
    result: AuditResult = Field(sa_type=Choice(AuditResult))
    request_id: str
    created_at: datetime = Field(sa_type=Moment)


class AuditEventTable(AuditEvent, table=True):
    __tablename__ = "audit_events"
    __table_args__ = (Index("audit_events_of_organization", "organization_id", "id"),)
