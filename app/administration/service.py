"""What operators see of the installation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.administration import repository
from app.administration.models import Sample
from app.core.clock import Clock, now
from app.core.errors import InvalidRequest, NotFound
from app.core.paging import NEWEST, Page
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.environments.models import EnvironmentStatus
from app.identity.models import Organization, Plan

DAY = timedelta(days=1)
MOST_POINTS = 1_000
#: Samples are made each minute and kept for so long.
SAMPLED_EVERY, SAMPLES_KEPT = timedelta(minutes=1), timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Summary:
    """The installation now."""

    organizations: int
    users: int
    agents: int
    environments: Mapping[EnvironmentStatus, int]
    #: Of the last 24 hours.
    decisions: int
    audit_events: int
    database_bytes: int


@dataclass(frozen=True, slots=True)
class OrganizationHealth:
    """How an organization is."""

    id: str
    name: str
    plan: Plan
    environments: int
    #: Environments that are failed or degraded.
    failing: int
    #: Decisions and denials of the last 24 hours.
    decisions: int
    denials: int
    #: Events of the audit log that no signed checkpoint covers yet.
    unsigned: int
    last_activity: datetime | None


class Administration:
    """Reads over all organizations: for operators, and for the sampler."""

    def __init__(self, database: Database, clock: Clock = now) -> None:
        self.work, self.clock = UnitOfWork(database, None), clock

    async def summary(self, window: timedelta = DAY) -> Summary:
        """The installation now; decisions of the last `window`."""
        moment = self.clock()
        [totals] = await self.work.all(repository.TOTALS)
        environments = await self.work.all(repository.ENVIRONMENTS)
        [decided] = await self.work.all(repository.DECISIONS, since=moment - window, until=moment)
        return Summary(
            organizations=totals["organizations"],
            users=totals["users"],
            agents=totals["agents"],
            environments={row["status"]: row["count"] for row in environments},
            decisions=decided["count"],
            audit_events=totals["audit_events"],
            database_bytes=totals["database_bytes"],
        )

    async def sample(self) -> None:
        """Keeps how much there is now, once a minute whoever asks; forgets what is too old."""
        moment, found = self.clock(), await self.summary(SAMPLED_EVERY)
        alive = {status: count for status, count in found.environments.items() if status != "terminated"}
        made = Sample(
            at=moment.replace(second=0, microsecond=0),
            organizations=found.organizations,
            users=found.users,
            agents=found.agents,
            environments=sum(alive.values()),
            environments_running=alive.get(EnvironmentStatus.RUNNING, 0),
            environments_failed=alive.get(EnvironmentStatus.FAILED, 0),
            audit_events=found.audit_events,
            decisions=found.decisions,
            database_bytes=found.database_bytes,
        )
        self.work.write(repository.ADD_SAMPLE, **made.__dict__)
        self.work.write(repository.FORGET_SAMPLES, before=moment - SAMPLES_KEPT)
        await self.work.commit()

    async def history(self, since: datetime | None, until: datetime | None, step: int | None) -> Sequence[Sample]:
        """A sample for each `step` seconds in which there was one: the last of it, with the sum of its decisions.

        The last 24 hours by default, in steps that make at most 1,000 points. Raises `InvalidRequest`.
        """
        end = until or self.clock()
        start = since or end - DAY
        seconds = (end - start).total_seconds()
        if not 0 < seconds <= SAMPLES_KEPT.total_seconds() * 2:
            raise InvalidRequest(f"'from' has to lie before 'to', by {SAMPLES_KEPT.days * 2} days at most.")
        wanted = max(60, int(seconds // MOST_POINTS) + 1) if step is None else step
        if wanted < 60 or seconds / wanted > MOST_POINTS:
            raise InvalidRequest(f"'step' is 60 seconds or more, and gives at most {MOST_POINTS:,} points.")
        return _stepped(await self.work.all(repository.SAMPLES, since=start, until=end), start, wanted)

    async def health(self, limit: int, before: str | None) -> Page[OrganizationHealth]:
        """How organizations are, newest first."""
        found = await self.work.all(repository.ORGANIZATIONS_BEFORE, before=before or NEWEST, limit=limit + 1)
        return Page(await self._healths(found[:limit]), len(found) > limit)

    async def _healths(self, organizations: Sequence[Organization]) -> list[OrganizationHealth]:
        ids, since = [each.id for each in organizations], self.clock() - DAY
        failing = {row["organization_id"]: row for row in await self.work.all(repository.FAILING, ids=ids)}
        recent = {row["organization_id"]: row for row in await self.work.all(repository.RECENT, ids=ids, since=since)}
        logs = {row["organization_id"]: row for row in await self.work.all(repository.LOGS, ids=ids)}
        return [
            OrganizationHealth(
                id=each.id,
                name=each.name,
                plan=each.plan,
                environments=failing.get(each.id, {}).get("environments", 0),
                failing=failing.get(each.id, {}).get("failing", 0),
                decisions=recent.get(each.id, {}).get("decisions", 0),
                denials=recent.get(each.id, {}).get("denials", 0),
                unsigned=logs.get(each.id, {}).get("unsigned", 0),
                last_activity=logs.get(each.id, {}).get("last_activity"),
            )
            for each in organizations
        ]

    async def work_of(self, organization_id: str) -> UnitOfWork:
        """A unit of work of any organization, to read by; raises `NotFound`."""
        if await self.work.one(repository.ORGANIZATION, id=organization_id) is None:
            raise NotFound()
        return UnitOfWork(self.work.database, organization_id)


def _stepped(samples: Sequence[Sample], start: datetime, step: int) -> list[Sample]:
    found: dict[int, Sample] = {}
    for sample in samples:
        number = int((sample.at - start).total_seconds() // step)
        before = found.get(number)
        decisions = sample.decisions + (before.decisions if before else 0)
        found[number] = sample.changed(decisions=decisions)
    return list(found.values())
