"""One pass over one environment: compares what is wanted with what runs, takes the due steps, tells the result.

A pass holds nothing in memory that the next one needs: it may be cut off anywhere and begun anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from app.core.clock import Clock, now
from app.core.errors import SoundstageError
from app.core.vault import Vault
from app.engines.base import Engine, EngineUnavailable, Observation, StaleEpoch, Unit, UnitStatus
from app.environments.attempts import next_attempts
from app.environments.models import Desired, Environment, EnvironmentStatus, EventKind, UnitRecord
from app.environments.planning import Plan, make_plan, stop_order, wanted_ports

#: Seconds before the first automatic retry of a failed environment; doubled each time, up to the limit.
RETRY_SECONDS, RETRY_LIMIT = 30.0, 600.0
#: When to look again without a hint: while something is under way, and while all is well.
BUSY_SECONDS, CALM_SECONDS = 1.0, 60.0

_UNSTABLE = frozenset({UnitStatus.UNHEALTHY, UnitStatus.RESTARTING})


@dataclass(frozen=True, slots=True)
class News:
    """An event that is to be told, at the position that the transaction gives it."""

    kind: EventKind
    status: EnvironmentStatus
    message: str
    service: str = ""
    ready: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass found and did."""

    environment: Environment
    units: Sequence[UnitRecord]
    news: list[News] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Takes the steps of environments through one engine."""

    engine: Engine
    vault: Vault
    clock: Clock = now

    async def step(self, environment: Environment, before: Sequence[UnitRecord]) -> Outcome:
        """One pass. Raises `EngineUnavailable` and `StaleEpoch`; every other error makes the environment failed."""
        try:
            if environment.desired is Desired.DELETED:
                return await self._delete(environment)
            if environment.desired is Desired.RUNNING and _due(environment.shutdown_at, self.clock()):
                return self._shut_down(environment, before)
            if environment.desired is Desired.STOPPED:
                return await self._stop(environment, before)
            return await self._run(environment, before)
        except (EngineUnavailable, StaleEpoch):
            raise
        except SoundstageError as error:
            return self._failed(environment, before, error)

    async def _delete(self, environment: Environment) -> Outcome:
        await self.engine.destroy(environment.id, epoch=environment.lease_epoch)
        gone = environment.changed(
            status=EnvironmentStatus.TERMINATED, ports={}, secrets="", next_at=None, ready_at=None, shutdown_at=None
        )
        return Outcome(gone, [], [News(EventKind.STATUS, EnvironmentStatus.TERMINATED, "Terminated; nothing is left")])

    def _shut_down(self, environment: Environment, units: Sequence[UnitRecord]) -> Outcome:
        stopping = environment.changed(
            desired=Desired.STOPPED,
            status=EnvironmentStatus.STOPPING,
            shutdown_at=None,
            reason="AUTO_SHUTDOWN",
            message=f"Stopped by itself {environment.auto_shutdown} s after it was ready.",
            next_at=self.clock(),
        )
        return Outcome(stopping, units, [News(EventKind.STATUS, EnvironmentStatus.STOPPING, stopping.message)])

    async def _stop(self, environment: Environment, before: Sequence[UnitRecord]) -> Outcome:
        for level in stop_order(environment):
            await asyncio.gather(
                *(self.engine.stop(environment.id, service, epoch=environment.lease_epoch) for service in level)
            )
        await self.engine.stop(environment.id, epoch=environment.lease_epoch)
        units = [_seen(environment, seen) for seen in await self.engine.observe(environment.id)]
        stopped = environment.changed(
            status=EnvironmentStatus.STOPPED,
            observed_generation=environment.generation,
            ready_at=None,
            retry_at=None,
            failures=0,
            next_at=None,
        )
        news = _unit_news(stopped, before, units, 0, len(units))
        if environment.status is not EnvironmentStatus.STOPPED:
            news.append(News(EventKind.STATUS, EnvironmentStatus.STOPPED, "Stopped; folders and volumes are kept"))
        return Outcome(stopped, units, news)

    async def _run(self, environment: Environment, before: Sequence[UnitRecord]) -> Outcome:
        if environment.status is EnvironmentStatus.FAILED and _due(environment.retry_at, self.clock()):
            attempts = next_attempts(environment.attempts, before)
            environment = environment.changed(attempts=attempts, failures=environment.failures + 1, retry_at=None)
        environment = await self._reserve(environment)
        plan = make_plan(environment, self.vault.open(environment.secrets))
        observed = {seen.unit_id: seen for seen in await self.engine.observe(environment.id)}
        await self._remove_surplus(environment, plan, observed)
        await self._start(environment, plan, observed)
        return self._assess(environment, plan, observed, before)

    async def _reserve(self, environment: Environment) -> Environment:
        wanted, fixed = wanted_ports(environment)
        if not wanted.keys() - environment.ports.keys() and environment.generation == environment.observed_generation:
            return environment
        epoch = environment.lease_epoch
        ports = await self.engine.reserve(environment.id, wanted, epoch=epoch, fixed=fixed) if wanted else {}
        return environment.changed(ports=ports)

    async def _remove_surplus(self, environment: Environment, plan: Plan, observed: dict[str, Observation]) -> None:
        surplus = [seen for unit_id, seen in observed.items() if unit_id not in plan.units]
        await asyncio.gather(
            *(
                self.engine.stop(environment.id, seen.service, seen.replica, epoch=environment.lease_epoch)
                for seen in surplus
            )
        )
        for seen in surplus:
            del observed[seen.unit_id]

    async def _start(self, environment: Environment, plan: Plan, observed: dict[str, Observation]) -> None:
        """Applies whatever may start, again and again: a unit that is ready at once lets others start at once."""
        applied: set[str] = set()
        changed = environment.generation != environment.observed_generation
        while due := [unit for unit in plan.startable(observed, reapply=changed) if unit.id not in applied]:
            applied.update(unit.id for unit in due)
            found = await asyncio.gather(*(self.engine.apply(unit, epoch=environment.lease_epoch) for unit in due))
            observed.update((seen.unit_id, seen) for seen in found)

    def _assess(
        self,
        environment: Environment,
        plan: Plan,
        observed: Mapping[str, Observation],
        before: Sequence[UnitRecord],
    ) -> Outcome:
        units = [_seen(environment, observed[unit_id]) for unit_id in plan.units if unit_id in observed]
        ready, total = sum(_is_ready(plan.units[unit.id], unit) for unit in units), len(plan.units)
        status = _status(environment, units, ready, total)
        after = environment.changed(status=status, observed_generation=environment.generation)
        after = self._with_times(after, _worst(units))
        news = _unit_news(after, before, units, ready, total)
        if status is not environment.status:
            kind = EventKind.FAILURE if status is EnvironmentStatus.FAILED else EventKind.STATUS
            news.append(News(kind, status, after.message or f"The environment is {status}", ready=ready, total=total))
        return Outcome(after, units, news)

    def _with_times(self, environment: Environment, worst: UnitRecord | None) -> Environment:
        moment = self.clock()
        if environment.status is EnvironmentStatus.RUNNING:
            ready_at = environment.ready_at or moment
            shutdown_at = ready_at + timedelta(seconds=environment.auto_shutdown) if environment.auto_shutdown else None
            calm = moment + timedelta(seconds=CALM_SECONDS)
            return environment.changed(
                ready_at=ready_at,
                shutdown_at=shutdown_at,
                failures=0,
                retry_at=None,
                reason="",
                message="",
                next_at=min(calm, shutdown_at) if shutdown_at else calm,
            )
        reason, message = ("SERVICE_" + worst.status.upper(), _sentence(worst)) if worst else ("", "")
        if environment.status is EnvironmentStatus.FAILED:
            retry_at = environment.retry_at or moment + _backoff(environment.failures)
            return environment.changed(reason=reason, message=message, retry_at=retry_at, next_at=retry_at)
        return environment.changed(
            reason=reason, message=message, retry_at=None, next_at=moment + timedelta(seconds=BUSY_SECONDS)
        )

    def _failed(self, environment: Environment, units: Sequence[UnitRecord], error: SoundstageError) -> Outcome:
        """What no retry of a unit can mend: a taken port, a missing isolation level, an unreadable secret."""
        known = environment.status is EnvironmentStatus.FAILED and environment.reason == error.code
        if known and environment.retry_at is not None and not _due(environment.retry_at, self.clock()):
            return Outcome(environment, units)  # a pass before its time is no further failure
        retry_at = self.clock() + _backoff(environment.failures)
        failed = environment.changed(
            status=EnvironmentStatus.FAILED,
            reason=error.code,
            message=error.message,
            failures=environment.failures + 1,
            retry_at=retry_at,
            next_at=retry_at,
        )
        return Outcome(failed, units, [News(EventKind.FAILURE, EnvironmentStatus.FAILED, error.message)])


def _is_ready(unit: Unit, seen: UnitRecord) -> bool:
    """A service is ready while it runs well; what is to end by itself, once it has."""
    return seen.status is UnitStatus.COMPLETED or (seen.status is UnitStatus.RUNNING and not unit.one_shot)


def _due(moment: datetime | None, present: datetime) -> bool:
    return moment is not None and moment <= present


def _backoff(failures: int) -> timedelta:
    return timedelta(seconds=min(RETRY_LIMIT, RETRY_SECONDS * 2 ** min(failures, 10)))


def _status(environment: Environment, units: Sequence[UnitRecord], ready: int, total: int) -> EnvironmentStatus:
    if ready == total:
        return EnvironmentStatus.RUNNING
    was_ready = environment.ready_at is not None
    if any(unit.status is UnitStatus.FAILED for unit in units):
        return EnvironmentStatus.DEGRADED if was_ready and ready else EnvironmentStatus.FAILED
    if was_ready and any(unit.status in _UNSTABLE for unit in units):
        return EnvironmentStatus.DEGRADED
    if environment.status in (EnvironmentStatus.RESUMING, EnvironmentStatus.DEGRADED):
        return environment.status
    return EnvironmentStatus.PROVISIONING


def _worst(units: Sequence[UnitRecord]) -> UnitRecord | None:
    """The unit that tells best why the environment is not running."""
    order = (UnitStatus.FAILED, UnitStatus.UNHEALTHY, UnitStatus.RESTARTING)
    return next((unit for status in order for unit in units if unit.status is status), None)


def _seen(environment: Environment, seen: Observation) -> UnitRecord:
    return UnitRecord(
        id=seen.unit_id,
        organization_id=environment.organization_id,
        environment_id=environment.id,
        service=seen.service,
        replica=seen.replica,
        status=seen.status,
        handle=seen.handle,
        pid=seen.pid,
        attempt=seen.attempt,
        restarts=seen.restarts,
        started_at=seen.started_at,
        ready_at=seen.ready_at,
        cause=asdict(seen.cause) if seen.cause else None,
        next_restart_at=seen.next_restart_at,
        isolation=seen.isolation,
        enforced=dict(seen.enforced),
    )


def _unit_news(
    environment: Environment, before: Sequence[UnitRecord], units: Sequence[UnitRecord], ready: int, total: int
) -> list[News]:
    known = {unit.id: (unit.status, unit.restarts) for unit in before}
    return [
        News(
            EventKind.FAILURE if unit.status is UnitStatus.FAILED else EventKind.SERVICE,
            environment.status,
            _sentence(unit),
            service=unit.service,
            ready=ready,
            total=total,
        )
        for unit in units
        if known.get(unit.id) != (unit.status, unit.restarts)
    ]


def _sentence(unit: UnitRecord) -> str:
    name = unit.service if unit.replica == 0 else f"{unit.service} (replica {unit.replica})"
    cause = f": {unit.cause['message']}" if unit.cause else ""
    return f"{name} is {unit.status}{cause}"
