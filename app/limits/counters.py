"""Usage, counted in memory and added to the database every few seconds."""

from __future__ import annotations

import asyncio
import enum
from collections import Counter

import structlog

from app.core.clock import Clock, now
from app.core.errors import SoundstageError
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.limits import repository

log = structlog.get_logger(__name__)

#: What a server that is killed loses at most of its counts.
FLUSH_SECONDS = 5.0
#: Rows of one transaction.
BATCH = 500


class Metric(enum.StrEnum):
    """What is counted for each organization and month."""

    #: Answered by REST or GraphQL.
    REQUESTS = "requests"
    GRAPHQL_COST = "graphql_cost"
    POLICY_EVALUATIONS = "policy_evaluations"
    ACTIONS_DENIED = "actions_denied"
    ENVIRONMENT_SECONDS = "environment_seconds"
    MODEL_TOKENS = "model_tokens"
    STORAGE_BYTES = "storage_bytes"
    #: How many different agents were active.
    AGENTS = "agents"


#: What is counted by who it is, and how its rows begin.
DISTINCT = {Metric.AGENTS: "agent:"}
Key = tuple[str, str, str]


class UsageCounters:
    """`record` never waits; `keep` has an owner that cancels it and then calls `flush` a last time."""

    def __init__(self, database: Database, clock: Clock = now) -> None:
        self.database, self.clock = database, clock
        self._sums: Counter[Key] = Counter()
        #: Of the present month, by organization: its requests, and what they cost. They are too many for `_sums`.
        self._requests: dict[str, list[int]] = {}
        self._new: set[Key] = set()
        self._seen: set[Key] = set()
        self._month, self._period = (0, 0), ""
        self._storing: asyncio.Task[None] | None = None

    def record(self, organization_id: str, metric: Metric, amount: int = 1) -> None:
        """Adds to a metric of the present month."""
        if metric in DISTINCT:
            raise ValueError(f"{metric} is counted by who it is: use record_distinct")
        self._sums[organization_id, self._now(), metric.value] += amount

    def record_request(self, organization_id: str, graphql_cost: int = 0) -> None:
        """Counts a request of the present month, and its cost."""
        self._now()
        counted = self._requests.get(organization_id)
        if counted is None:
            counted = self._requests[organization_id] = [0, 0]
        counted[0] += 1
        counted[1] += graphql_cost

    def record_distinct(self, organization_id: str, metric: Metric, member: str) -> None:
        """Counts a member once in the present month."""
        key = (organization_id, self._now(), DISTINCT[metric] + member)
        if key not in self._seen:
            self._seen.add(key)
            self._new.add(key)

    async def keep(self) -> None:
        """Flushes every few seconds, for ever."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except SoundstageError as error:
                log.warning("usage.flush_failed", error=error.message)

    async def flush(self) -> None:
        """Adds what was counted to the database. What could not be stored is kept for the next time.

        A caller that is cancelled leaves the storing to go on; the next one waits for it.
        """
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store())
        await asyncio.shield(self._storing)

    async def _store(self) -> None:
        self._sum_requests()
        while self._sums or self._new:
            sums = {key: self._sums.pop(key) for key in sorted(self._sums)[:BATCH]}
            new = sorted(self._new)[:BATCH]
            self._new.difference_update(new)
            try:
                await self._add(sums, new)
            except SoundstageError:
                self._sums.update(sums)
                self._new.update(new)
                raise

    async def _add(self, sums: dict[Key, int], new: list[Key]) -> None:
        work = UnitOfWork(self.database, None)
        for (organization_id, period, metric), value in sums.items():
            work.write(repository.ADD_USAGE, organization_id=organization_id, period=period, metric=metric, value=value)
        for organization_id, period, metric in new:
            work.write(repository.ADD_DISTINCT, organization_id=organization_id, period=period, metric=metric, value=1)
        await work.commit()

    def _sum_requests(self) -> None:
        """Adds the requests that were counted to what is to be stored."""
        requests, self._requests = self._requests, {}
        for organization_id, (number, cost) in requests.items():
            self._sums[organization_id, self._period, Metric.REQUESTS.value] += number
            if cost:
                self._sums[organization_id, self._period, Metric.GRAPHQL_COST.value] += cost

    def _now(self) -> str:
        moment = self.clock()
        month = moment.year, moment.month
        if month != self._month:
            self._sum_requests()
            self._month, self._period = month, moment.strftime("%Y-%m")
            self._seen.clear()
        return self._period
