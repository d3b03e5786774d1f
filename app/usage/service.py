"""What an organization used in a month."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from app.core.clock import Clock, now
from app.database.unit_of_work import UnitOfWork
from app.limits import repository as counters
from app.limits.counters import Metric
from app.usage import repository
from app.usage.periods import Period
from app.usage.running import Ran, ran


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
    #: Of language models, in and out.
    model_tokens: int = 0

    @property
    def environment_hours(self) -> float:
        """Hours that environments were up, to a hundredth."""
        return round(self.ran.running / 3_600, 2)


class Usages:
    """Measures the organization that `work` is bound to."""

    def __init__(self, work: UnitOfWork, clock: Clock = now) -> None:
        self.work, self.clock = work, clock

    async def of(self, period: Period) -> Usage:
        """One month; of the present one what was used until now."""
        until = min(period.end, self.clock())
        counted = await self._counted(period)
        [decided] = await self.work.all(repository.DECISIONS, since=period.start, until=period.end)
        changes = await self.work.all(repository.STATUS_CHANGES, until=until)
        return Usage(
            period=period,
            requests=counted[Metric.REQUESTS],
            active_agents=decided["agents"],
            policy_evaluations=decided["evaluations"],
            denials=decided["denials"],
            model_tokens=counted[Metric.MODEL_TOKENS],
            ran=ran(changes, period.start, until),
        )

    async def _counted(self, period: Period) -> Counter[str]:
        """What counters tell; the last seconds are not in it yet."""
        found: Counter[str] = Counter()
        for row in await self.work.all(counters.USAGE, period=str(period)):
            found[row.metric] += row.value
        return found
