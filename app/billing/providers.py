"""Who takes the money: one interface, whichever provider."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.billing.kinds import ProviderKind
from app.core.clock import Clock, now
from app.identity.models import Plan


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be bought, by whom."""

    checkout_id: str
    organization_id: str
    plan: Plan
    success_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class Session:
    """Where the buyer pays."""

    reference: str
    url: str


class Outcome(enum.StrEnum):
    """What a provider's event means to us."""

    PAID = "paid"
    CHANGED = "changed"
    ENDED = "ended"
    #: Nothing.
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Notice:
    """An event of the provider whose signature was verified."""

    id: str
    type: str
    at: datetime
    outcome: Outcome
    #: The provider's id of the checkout that was paid.
    checkout: str = ""
    subscription: str = ""
    customer: str = ""
    status: str = ""
    #: The plan that the subscription is for now; None where it names none of ours.
    plan: Plan | None = None


class BillingProvider(Protocol):
    """Sells plans."""

    kind: ProviderKind

    async def checkout(self, order: Order) -> Session:
        """Begins a purchase; raises `BillingNotConfigured` and `BillingProviderFailed`."""

    def verify_webhook(self, body: bytes, signature: str) -> Notice:
        """What an event says; raises `SignatureInvalid`, `InvalidRequest` and `NoWebhook`."""


@dataclass(frozen=True, slots=True)
class BillingParts:
    """What billing needs of the running product."""

    provider: BillingProvider
    #: Whether `simulate-success` does something.
    simulated: bool
    clock: Clock = now
