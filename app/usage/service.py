"""What an organization used in a month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.core.clock import Clock, now
from app.database.unit_of_work import UnitOfWork
from app.usage import repository
from app.usage.periods import Period
from app.usage.running import Ran, ran


class RequestCounts(Protocol):
    """Counts requests by organization and month."""

    async def requests(self, work: UnitOfWork, period: Period) -> int:
        """Those of the organization that the unit of work is bound to."""


class RecordedRequests:
    """The requests that left an event in the audit log: changes, sign-ins, and every call of an agent."""

    async def requests(self, work: UnitOfWork, period: Period) -> int:
        """How many there are of the month."""
        [found] = await work.all(repository.REQUESTS, since=period.start, until=period.end)
        return found["count"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What was measured."""

    period: Period
    requests: int
    #: Agents that did something.
    active_agents: int
    policy_evaluations: int
    #: Calls of agents that were denied.
    denials: int
    ran: Ran

    @property
    def environment_hours(self) -> float:
        """Hours that environments were up, to a hundredth."""
        return round(self.ran.running / 3_600, 2)


class Usages:
    """Measures the organization that `work` is bound to."""

    def __init__(self, work: UnitOfWork, counts: RequestCounts, clock: Clock = now) -> None:
        self.work, self.counts, self.clock = work, counts, clock

    async def of(self, period: Period) -> Usage:
        """One month; of the present one what was used until now."""
        until = min(period.end, self.clock())
        [decided] = await self.work.all(repository.DECISIONS, since=period.start, until=period.end)
        changes = await self.work.all(repository.STATUS_CHANGES, until=until)
        return Usage(
            period=period,
            requests=await self.counts.requests(self.work, period),
            active_agents=decided["agents"],
            policy_evaluations=decided["evaluations"],
            denials=decided["denials"],
            ran=ran(changes, period.start, until),
        )
