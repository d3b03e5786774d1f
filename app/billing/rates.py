"""What plans and units cost. Cards are never changed: a new price is a new card, valid from a date on."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.identity.models import Plan


class Metric(enum.StrEnum):
    """What is billed."""

    #: The plan's own price, once a month.
    PLAN = "plan"
    REQUESTS = "requests"
    POLICY_EVALUATIONS = "policy_evaluations"
    ENVIRONMENT_HOURS = "environment_hours"


@dataclass(frozen=True, slots=True)
class PlanPrice:
    """What a plan costs a month, and what it allows."""

    plan: Plan
    monthly: int
    #: None: the organization's own.
    requests_per_minute: int | None
    #: How much of each metric is included in a month.
    included: Mapping[Metric, int]


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """What comes on top: so many minor units for each `per` beyond what is included."""

    metric: Metric
    price: int
    per: int


@dataclass(frozen=True, slots=True)
class RateCard:
    """Every price from a moment on."""

    version: int
    #: ISO 4217; amounts are in its minor unit.
    currency: str
    valid_from: datetime
    plans: Sequence[PlanPrice]
    units: Sequence[UnitPrice]

    def plan(self, plan: Plan) -> PlanPrice:
        """The price of a plan."""
        return next(price for price in self.plans if price.plan == plan)


def _included(requests: int, evaluations: int, hours: int) -> Mapping[Metric, int]:
    return {
        Metric.REQUESTS: requests,
        Metric.POLICY_EVALUATIONS: evaluations,
        Metric.ENVIRONMENT_HOURS: hours,
    }


#: Oldest first.
RATE_CARDS: Sequence[RateCard] = (
    RateCard(
        version=1,
        currency="USD",
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        plans=(
            PlanPrice(Plan.FREE, 0, 100, _included(100_000, 100_000, 100)),
            PlanPrice(Plan.PRO, 4_900, 1_000, _included(5_000_000, 5_000_000, 1_000)),
            PlanPrice(Plan.ENTERPRISE, 49_900, None, _included(100_000_000, 100_000_000, 10_000)),
        ),
        units=(
            UnitPrice(Metric.REQUESTS, 20, 100_000),
            UnitPrice(Metric.POLICY_EVALUATIONS, 50, 100_000),
            UnitPrice(Metric.ENVIRONMENT_HOURS, 3, 1),
        ),
    ),
)


def card_at(moment: datetime) -> RateCard:
    """The card that is valid at a moment; the first one before any."""
    valid = [card for card in RATE_CARDS if card.valid_from <= moment]
    return valid[-1] if valid else RATE_CARDS[0]
