"""Rate limits, budgets and concurrency of one call: asked last, and taken all together or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.errors import SoundstageError
from app.database.unit_of_work import UnitOfWork
from app.policies import document, repository
from app.policies.call import Call, Usage
from app.policies.document import Metric, Per, Period
from app.policies.errors import BudgetExhausted
from app.policies.meters import MINUTE, Meters, Rate, seconds
from app.policies.plans import Place
from app.policies.rules import Finding

#: Money is counted in millionths.
COST_UNIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call takes from a budget."""

    place: Place
    key: str
    metric: Metric
    amount: int
    limit: int
    expires_at: datetime

    def exhausted(self, used: int) -> bool:
        """Whether the budget does not hold this, or is used up."""
        return used >= self.limit or used + self.amount > self.limit

    def finding(self, used: int) -> Finding:
        """The refusal."""
        shown = f"{max(0, self.limit - used) / _unit(self.metric):g} {self.metric}"
        return Finding("budget_exhausted", f"The budget has {shown} left until {self.expires_at:%Y-%m-%d %H:%M} UTC.")


@dataclass(slots=True)
class Limits:
    """What the counting rules that concern a call ask for."""

    rates: list[tuple[Place, Rate]] = field(default_factory=list)
    flights: list[tuple[Place, str, int]] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)

    def refusals(self, meters: Meters, used: Mapping[str, int], now: float) -> list[tuple[Place, Finding]]:
        """Every limit that has no room for the call."""
        found = [
            (charge.place, charge.finding(used.get(charge.key, 0)))
            for charge in self.charges
            if charge.exhausted(used.get(charge.key, 0))
        ]
        for place, key, most in self.flights:
            if meters.flights.full(key, most, now):
                found.append((place, Finding("too_many_at_once", f"More than {most} calls at a time.")))
        for place, rate in self.rates:
            if meters.rates.exceeded(rate, now):
                per = "minute" if rate.seconds == MINUTE else "second"
                found.append((place, Finding("rate_limited", f"More than {rate.most:,} calls in a {per}.")))
        return found

    def take(self, meters: Meters, holder: str, now: float) -> None:
        """Counts the call in this process."""
        for _, key, _ in self.flights:
            meters.flights.take(key, holder, now)
        for _, rate in self.rates:
            meters.rates.hit(rate, now)


def limits_of(places: Sequence[Place], call: Call) -> Limits:
    """What the rules at these places ask for."""
    found = Limits()
    for place in places:
        rule, stem = place.rule, f"{place.policy_id}/{place.index}"
        if isinstance(rule, document.RateLimit):
            key = f"{stem}/{_whose(rule.per, call)}"
            found.rates.append((place, Rate(key, rule.max_requests_per_minute, MINUTE)))
            if rule.burst is not None:
                found.rates.append((place, Rate(key, rule.burst, 1.0)))
        elif isinstance(rule, document.Concurrency):
            found.flights.append((place, f"{stem}/{call.agent_id}", rule.max))
        elif isinstance(rule, document.Budget) and (rule.metric is Metric.CALLS or call.usage is not None):
            found.charges.append(_charge(place, rule, call))
    return found


async def used_of(work: UnitOfWork, charges: Sequence[Charge]) -> dict[str, int]:
    """What was used of these budgets so far."""
    if not charges:
        return {}
    rows = await work.all(repository.COUNTERS, keys=[charge.key for charge in charges])
    return {row.key: row.used for row in rows}


def write_charges(work: UnitOfWork, charges: Sequence[Charge], reasons: Sequence[dict[str, Any]] = ()) -> None:
    """Takes the charges in the transaction of the decision; there `BudgetExhausted` where one does not fit."""
    for charge in sorted(charges, key=lambda charge: charge.key):
        work.write(repository.ADD_COUNTER, key=charge.key, used=0, expires_at=charge.expires_at)
        if not charge.place.enforced:
            work.write(repository.ADJUST, key=charge.key, amount=charge.amount)
            continue
        reason = charge.place.reason(charge.finding(charge.limit))
        refused: SoundstageError = BudgetExhausted(reasons=[*reasons, reason])
        work.write(
            repository.CHARGE, key=charge.key, amount=charge.amount, most=charge.limit, expect=1, otherwise=refused
        )


def amount_of(metric: Metric, usage: Usage | None) -> int:
    """A call's use of a metric in its smallest units, rounded up."""
    if metric is Metric.CALLS:
        return 1
    if usage is None:
        return 0
    return usage.tokens if metric is Metric.TOKENS else math.ceil(round(usage.cost * COST_UNIT, 3))


def _charge(place: Place, rule: document.Budget, call: Call) -> Charge:
    start, end = _period(rule.period, call.at)
    key = f"{place.policy_id}/{place.index}/{rule.metric}/{start:%Y-%m-%dT%H}"
    limit = math.floor(rule.limit * _unit(rule.metric))
    return Charge(place, key, rule.metric, amount_of(rule.metric, call.usage), limit, end)


def _unit(metric: Metric) -> int:
    return COST_UNIT if metric is Metric.COST else 1


def _whose(per: Per, call: Call) -> str:
    return {Per.AGENT: call.agent_id, Per.ORG: "", Per.ACTION: call.action}[per]


def _period(period: Period, moment: datetime) -> tuple[datetime, datetime]:
    """Begin and end of the period, in UTC."""
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if period is Period.HOUR:
        return hour, hour + timedelta(hours=1)
    day = hour.replace(hour=0)
    if period is Period.DAY:
        return day, day + timedelta(days=1)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def now_of(call: Call) -> float:
    """The call's time as meters count it."""
    return seconds(call.at)
