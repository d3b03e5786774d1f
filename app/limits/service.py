"""What limits take to run, and what an organization used."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.core.actor import Actor, Kind, Scope
from app.core.errors import InvalidRequest, RateLimited
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.limits import repository
from app.limits.counters import DISTINCT, Metric, UsageCounters
from app.limits.leases import LeasedLimiter
from app.limits.local import LocalLimiter
from app.limits.quotas import Admission, Limiter, Quota

_PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Limits:
    """The budgets and counters of a server."""

    organizations: Limiter
    #: By client address, of those who are nobody: each server counts its own.
    addresses: Limiter
    usage: UsageCounters
    #: Requests a minute from one address without a valid credential; 0: any number.
    anonymous_per_minute: int

    async def admit_anonymous(self, address: str) -> None:
        """Counts a request of nobody; raises `RateLimited`."""
        if not self.anonymous_per_minute:
            return
        asked = await self.addresses.take(address, Quota("anonymous", self.anonymous_per_minute))
        if not asked.admitted:
            raise RateLimited(
                f"More than {self.anonymous_per_minute:,} requests in a minute without a valid credential. "
                f"Wait {asked.seconds} s, or send `Authorization: Bearer <API key>`.",
                retryAfter=asked.seconds,
            )


def limits(database: Database, anonymous_per_minute: int) -> Limits:
    """Exact in this process with SQLite, which has one server; leased with PostgreSQL, which may have many."""
    shared: Limiter = LeasedLimiter(database) if database.name == "postgresql" else LocalLimiter()
    return Limits(shared, LocalLimiter(), UsageCounters(database), anonymous_per_minute)


def too_many_requests(asked: Admission) -> RateLimited:
    """The error of a request too many."""
    message = f"More than {asked.quota.limit:,} requests in a minute. Wait {asked.seconds} s."
    return RateLimited(message, retryAfter=asked.seconds)


def too_costly(asked: Admission) -> RateLimited:
    """The error of a GraphQL operation for which the budget is too small, now or ever."""
    limit = asked.quota.limit
    if asked.cost > limit:
        message = f"This costs {asked.cost:,} and the budget is {limit:,} a minute: ask for smaller pages."
    else:
        message = f"This costs {asked.cost:,} and {asked.remaining:,} of {limit:,} are left. Wait {asked.seconds} s."
    return RateLimited(message, retryAfter=asked.seconds)


class Usage:
    """What the actor's organization used. The last seconds are not in it yet."""

    def __init__(self, work: UnitOfWork, actor: Actor) -> None:
        self.work, self.actor = work, actor

    async def period(self, period: str) -> dict[Metric, int]:
        """Every metric of a month such as `2026-11`; 0 for what was not used.

        Raises `Forbidden` for who may not read billing, `InvalidRequest` for what is no month.
        """
        self.actor.require(Scope.BILLING, Kind.READ)
        if not _PERIOD.fullmatch(period):
            raise InvalidRequest("A period is a year and a month: 2026-11.")
        counted = {row.metric: row.value for row in await self.work.all(repository.USAGE, period=period)}
        values = {metric: counted.get(metric.value, 0) for metric in Metric}
        for metric, prefix in DISTINCT.items():
            found = await self.work.one(repository.DISTINCT, period=period, prefix=prefix)
            values[metric] = found.number if found else 0
        return values
