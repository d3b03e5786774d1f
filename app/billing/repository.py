"""All queries about checkouts, subscriptions and the provider's events."""

from __future__ import annotations

from sqlalchemy import bindparam

from app.billing.models import (
    BillingEvent,
    BillingEventTable,
    Checkout,
    CheckoutStatus,
    CheckoutTable,
    Subscription,
    SubscriptionTable,
)
from app.database.statements import (
    adding,
    adding_or_changing,
    change,
    changing,
    everywhere,
    readable,
    removing_everywhere,
    statement,
    table,
)
from app.database.types import Choice, Moment
from app.identity.models import OrganizationTable, Plan

_checkouts, _subscriptions = table(CheckoutTable).c, table(SubscriptionTable).c
_events, _organizations = table(BillingEventTable).c, table(OrganizationTable).c

ADD_CHECKOUT = change(adding(CheckoutTable))
CHECKOUT = statement(readable(CheckoutTable).where(_checkouts.id == bindparam("id")), Checkout)
NEWEST_OPEN = statement(
    readable(CheckoutTable)
    .where(_checkouts.status == CheckoutStatus.OPEN)
    .order_by(_checkouts.created_at.desc(), _checkouts.id.desc())
    .limit(1),
    Checkout,
)
COMPLETE_CHECKOUT = change(
    changing(CheckoutTable)
    .where(_checkouts.id == bindparam("id"), _checkouts.status == CheckoutStatus.OPEN)
    .values(status=str(CheckoutStatus.COMPLETED), completed_at=bindparam("completed_at"))
)
SUBSCRIPTION = statement(readable(SubscriptionTable), Subscription)
PUT_SUBSCRIPTION = change(
    adding_or_changing(
        SubscriptionTable,
        lambda _, given: {name: given[name] for name in ("provider", "customer", "reference", "status", "updated_at")},
    )
)
SET_PLAN = change(
    table(OrganizationTable)
    .update()
    .where(_organizations.id == bindparam("organization_id"))
    .values(plan=bindparam("new_plan", type_=Choice(Plan)), version=_organizations.version + 1)
)

# What the provider tells the system.
CHECKOUT_BY_REFERENCE = statement(
    everywhere(CheckoutTable).where(
        _checkouts.provider == bindparam("provider"), _checkouts.reference == bindparam("reference")
    ),
    Checkout,
)
SUBSCRIPTION_BY_REFERENCE = statement(
    everywhere(SubscriptionTable).where(
        _subscriptions.provider == bindparam("provider"), _subscriptions.reference == bindparam("reference")
    ),
    Subscription,
)
EVENT = statement(everywhere(BillingEventTable).where(_events.id == bindparam("id")), BillingEvent)
ADD_EVENT = change(adding(BillingEventTable))
FORGET_EVENTS = change(
    removing_everywhere(BillingEventTable).where(_events.received_at < bindparam("before", type_=Moment()))
)
