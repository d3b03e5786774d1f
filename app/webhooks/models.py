"""Webhook integrations, what is sent by them and what came in."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Json, Moment


class Direction(enum.StrEnum):
    """Whether an integration sends events or takes them."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class Scheme(enum.StrEnum):
    """How the bodies of webhooks are signed."""

    STANDARD = "standard"
    GITHUB = "github"
    GITLAB = "gitlab"
    BITBUCKET = "bitbucket"


class IntegrationStatus(enum.StrEnum):
    """Whether an integration works."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    #: Disabled by itself, after too much of what was sent by it arrived nowhere.
    BROKEN = "broken"


class DeliveryStatus(enum.StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class Integration(Record):
    """An address that events go to, or a way for others' events to come in."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    name: str
    direction: Direction = Field(sa_type=Choice(Direction))
    scheme: Scheme = Field(sa_type=Choice(Scheme))
    #: Where to; empty for incoming ones.
    url: str
    #: Types of events, `environment.*`, or `*`.
    events: list[str] = Field(sa_type=Json)
    status: IntegrationStatus = Field(sa_type=Choice(IntegrationStatus))
    #: Why it is broken.
    reason: str = ""
    #: Deliveries in a row that arrived nowhere.
    dead_in_row: int = 0
    #: Sealed.
    secret: str
    #: The secret before the last rotation, valid until `previous_expires_at`.
    previous_secret: str = ""
    previous_expires_at: datetime | None = Field(default=None, sa_type=Moment)
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    version: int = 1


class IntegrationTable(Integration, table=True):
    __tablename__ = "webhook_integrations"
    __table_args__ = (Index("webhook_integrations_of_organization", "organization_id", "id"),)


class Delivery(Record):
    """One event on its way to one address. At least once: receivers tell what they have by `message_id`."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    integration_id: str = Field(foreign_key="webhook_integrations.id", ondelete="CASCADE")
    #: The event's id, the same in every attempt and to every address.
    message_id: str
    type: str
    #: What is sent.
    data: dict[str, Any] = Field(sa_type=Json)
    happened_at: datetime = Field(sa_type=Moment)
    status: DeliveryStatus = Field(sa_type=Choice(DeliveryStatus))
    attempts: int = 0
    next_at: datetime | None = Field(default=None, sa_type=Moment)
    lease_owner: str = ""
    lease_epoch: int = 0
    lease_until: datetime | None = Field(default=None, sa_type=Moment)
    #: Of the last attempt; no status where there was no answer.
    response_status: int | None = None
    response_body: str = ""
    error: str = ""
    attempted_at: datetime | None = Field(default=None, sa_type=Moment)
    delivered_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)


class DeliveryTable(Delivery, table=True):
    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("webhook_deliveries_of_integration", "organization_id", "integration_id", "id"),
        Index("webhook_deliveries_due", "next_at"),
        Index("webhook_deliveries_by_age", "created_at"),
    )


class Incoming(Record):
    """An event that came in, as it came."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    integration_id: str = Field(foreign_key="webhook_integrations.id", ondelete="CASCADE")
    #: Its sender's id of this delivery, where it has one.
    delivery_id: str
    #: What its signature is about; the same again is not taken again.
    fingerprint: str
    type: str
    body: str
    received_at: datetime = Field(sa_type=Moment)


class Count(Record):
    """How many there are."""

    count: int


class IncomingTable(Incoming, table=True):
    __tablename__ = "webhook_incoming"
    __table_args__ = (
        Index("webhook_incoming_once", "integration_id", "fingerprint", unique=True),
        Index("webhook_incoming_of_integration", "organization_id", "integration_id", "id"),
        Index("webhook_incoming_by_age", "received_at"),
    )
