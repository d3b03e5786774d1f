"""Checkouts, subscriptions, and the events of a billing provider."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Moment
from app.identity.models import Plan


class CheckoutStatus(enum.StrEnum):
    """Where a checkout stands."""

    OPEN = "open"
    COMPLETED = "completed"


class Checkout(Record):
    """A purchase of a plan that somebody began."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    plan: Plan = Field(sa_type=Choice(Plan))
    provider: str
    #: The provider's own id of it.
    reference: str
    #: Where the buyer pays.
    url: str
    status: CheckoutStatus = Field(sa_type=Choice(CheckoutStatus))
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    completed_at: datetime | None = Field(default=None, sa_type=Moment)


class CheckoutTable(Checkout, table=True):
    __tablename__ = "billing_checkouts"
    __table_args__ = (
        UniqueConstraint("provider", "reference", name="billing_checkouts_reference"),
        Index("billing_checkouts_of_organization", "organization_id", "id"),
    )


class Subscription(Record):
    """What an organization pays for at the provider."""

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    provider: str
    customer: str
    #: The provider's own id of it.
    reference: str
    status: str
    #: The provider's time of the newest event that was applied: older ones that come later change nothing.
    updated_at: datetime = Field(sa_type=Moment)


class SubscriptionTable(Subscription, table=True):
    __tablename__ = "billing_subscriptions"
    __table_args__ = (UniqueConstraint("provider", "reference", name="billing_subscriptions_reference"),)


class BillingEvent(Record):
    """An event of the provider that was processed. It is processed once, however often it is sent."""

    id: str = Field(primary_key=True)
    #: Empty where it concerned none of ours.
    organization_id: str
    type: str
    received_at: datetime = Field(sa_type=Moment)


class BillingEventTable(BillingEvent, table=True):
    __tablename__ = "billing_events"
    __table_args__ = (Index("billing_events_by_age", "received_at"),)
