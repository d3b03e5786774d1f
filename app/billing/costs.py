"""What usage costs: so far, at the month's end if it goes on so, and what stopping environments saved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.billing.rates import Metric, RateCard, card_at
from app.identity.models import Plan
from app.usage.periods import Period
from app.usage.service import Usage


@dataclass(frozen=True, slots=True)
class CostRecord:
    """What one metric of one month costs, in minor units of the currency."""

    period: Period
    metric: Metric
    quantity: float
    included: int
    cost: int
    currency: str


def minor_units(amount: float) -> int:
    """Rounded to whole minor units, halves up."""
    return math.floor(amount + 0.5)


def quantities(usage: Usage) -> Mapping[Metric, float]:
    """What was measured of each metric that has a unit price."""
    return {
        Metric.REQUESTS: usage.requests,
        Metric.POLICY_EVALUATIONS: usage.policy_evaluations,
        Metric.ENVIRONMENT_HOURS: usage.ran.running / 3_600,
    }


def costs(usage: Usage, plan: Plan, *, factor: float = 1.0) -> Sequence[CostRecord]:
    """A record for each metric, the plan's first; usage is multiplied by `factor`, the plan's price is not."""
    period, card = usage.period, card_at(usage.period.start)
    price, measured = card.plan(plan), quantities(usage)
    records = [CostRecord(period, Metric.PLAN, 1, 0, price.monthly, card.currency)]
    for unit in card.units:
        quantity, included = measured[unit.metric] * factor, price.included[unit.metric]
        cost = minor_units(max(0.0, quantity - included) * unit.price / unit.per)
        records.append(CostRecord(period, unit.metric, round(quantity, 2), included, cost, card.currency))
    return records


def total(records: Sequence[CostRecord]) -> int:
    """The sum, in minor units."""
    return sum(record.cost for record in records)


def forecast_factor(period: Period, moment: datetime) -> float:
    """By what usage until now is multiplied for the whole month: 1 / the part of it that has passed.

    In its first hour a month is taken to be an hour old: a forecast from seconds would say nothing.
    """
    hour = 3_600 / (period.end - period.start).total_seconds()
    return 1 / max(hour, period.passed(moment))


@dataclass(frozen=True, slots=True)
class Savings:
    """What environments that were stopped did not cost."""

    #: Hours that environments were there without being up.
    stopped_hours: float
    amount: int


def savings(usage: Usage, card: RateCard) -> Savings:
    """(hours that environments existed - hours that they were up) x the price of an hour."""
    hours = max(0, usage.ran.existing - usage.ran.running) / 3_600
    price = next(unit for unit in card.units if unit.metric is Metric.ENVIRONMENT_HOURS)
    return Savings(round(hours, 2), minor_units(hours * price.price / price.per))
