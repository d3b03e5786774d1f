"""Makes environments what they are wanted to be: leases, passes, and when to make the next one.

Level-triggered: hints only say where to look first; a scan for what is due each second finds everything without them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import structlog

from app.core.clock import Clock, now
from app.core.errors import Conflict, SoundstageError
from app.core.streams import Wakeups
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.engines.base import EngineUnavailable, StaleEpoch
from app.environments import repository
from app.environments.announcing import tell_reached
from app.environments.lifecycle import Lifecycle, News, Outcome
from app.environments.models import Environment, EnvironmentStatus, EventKind, UnitRecord

LEASE = timedelta(seconds=30)
#: A lease with less than this left is renewed.
RENEW = timedelta(seconds=15)
SCAN_SECONDS = 1.0
PASSES_AT_ONCE = 16
DUE_AT_ONCE = 200
#: A pass that takes longer is cut off and begun anew.
PASS_SECONDS = 180.0
SLOWEST_RETRY = 15.0

log = structlog.get_logger(__name__)


class LeaseLost(Conflict):
    """Somebody else changed or took over the environment meanwhile; the next pass sees it."""

    code = "LEASE_LOST"


class Reconciler:
    """Owns the passes of one node; `owner` names the node and is the same after a restart."""

    def __init__(
        self,
        database: Database,
        lifecycle: Lifecycle,
        events: Wakeups,
        *,
        owner: str,
        clock: Clock = now,
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.database, self.lifecycle, self.events = database, lifecycle, events
        self.owner, self.clock = owner, clock
        #: Told the result of each pass, for metrics.
        self.count = count
        self._passes: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._queue: deque[str] = deque()
        self._queued: set[str] = set()
        self._failures: dict[str, int] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._closed = False

    async def start(self) -> None:
        """Frees what the last life of this node held, then begins to scan and to listen."""
        work = UnitOfWork(self.database, None)
        work.write(repository.FREE_LEASES, owner=self.owner, now=self.clock())
        await work.commit()
        self._loops = [asyncio.create_task(self._scan()), asyncio.create_task(self._listen())]

    async def close(self) -> None:
        """Ends all passes. What they were doing is taken up by the next life of this node."""
        self._closed = True
        tasks = [*self._loops, *self._passes.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self, environment_id: str, *, wanted_changed: bool = False) -> None:
        """Look at this environment soon. When something else is wanted, a pass under way is cut off for it."""
        if self._closed:
            return
        running = self._passes.get(environment_id)
        if running is not None:
            self._again.add(environment_id)
            if wanted_changed:
                running.cancel()
        elif environment_id not in self._queued:
            self._queued.add(environment_id)
            self._queue.append(environment_id)
            self._fill()

    def _fill(self) -> None:
        while self._queue and len(self._passes) < PASSES_AT_ONCE and not self._closed:
            environment_id = self._queue.popleft()
            self._queued.discard(environment_id)
            task = asyncio.create_task(self._pass(environment_id), name=f"reconcile {environment_id}")
            self._passes[environment_id] = task
            task.add_done_callback(partial(self._passed, environment_id))

    def _passed(self, environment_id: str, _: asyncio.Task[None]) -> None:
        self._passes.pop(environment_id, None)
        if environment_id in self._again:
            self._again.discard(environment_id)
            self.wake(environment_id)
        self._fill()

    async def _scan(self) -> None:
        while True:
            try:
                work = UnitOfWork(self.database, None)
                for environment in await work.all(repository.DUE, now=self.clock(), limit=DUE_AT_ONCE):
                    if environment.id not in self._failures:
                        self.wake(environment.id)
            except SoundstageError as error:
                log.warning("reconciler.scan_failed", code=error.code, message=error.message)
            await asyncio.sleep(SCAN_SECONDS)

    async def _listen(self) -> None:
        while True:
            try:
                async for environment_id in self.lifecycle.engine.changes():
                    self.wake(environment_id)
            except SoundstageError as error:
                log.warning("reconciler.engine_silent", code=error.code, message=error.message)
            await asyncio.sleep(SCAN_SECONDS)

    async def _pass(self, environment_id: str) -> None:
        self.count(await self._try(environment_id))

    async def _try(self, environment_id: str) -> str:
        """One pass, and how it ended; what did not end well is tried again."""
        try:
            async with asyncio.timeout(PASS_SECONDS):
                await self.reconcile(environment_id)
        except (LeaseLost, StaleEpoch):
            self._later(environment_id, 0.0)
            return "lease_lost"
        except EngineUnavailable as error:
            await self._engine_silent(environment_id, error)
            self._retry(environment_id)
            return "engine_unavailable"
        except (SoundstageError, TimeoutError) as error:
            log.warning("reconciler.pass_failed", environment_id=environment_id, error=str(error))
            self._retry(environment_id)
            return "failed"
        except Exception:  # a defect must not end the life of every other environment
            log.exception("reconciler.defect", environment_id=environment_id)
            self._retry(environment_id)
            return "defect"
        self._failures.pop(environment_id, None)
        return "done"

    def _retry(self, environment_id: str) -> None:
        failures = self._failures[environment_id] = self._failures.get(environment_id, 0) + 1
        self._later(environment_id, min(SLOWEST_RETRY, 0.5 * 2.0 ** min(failures, 6)))

    def _later(self, environment_id: str, seconds: float) -> None:
        def again() -> None:
            self._failures.pop(environment_id, None) if seconds == 0 else None
            self.wake(environment_id)

        asyncio.get_running_loop().call_later(seconds, again)

    async def reconcile(self, environment_id: str) -> Outcome | None:
        """One pass; None when there is nothing to do or another node has the lease."""
        work = UnitOfWork(self.database, None)
        environment = await work.one(repository.SYSTEM_BY_ID, id=environment_id)
        if environment is None or environment.status is EnvironmentStatus.TERMINATED:
            return None
        leased = await self._lease(work, environment)
        if leased is None:
            return None
        units = await work.all(repository.SYSTEM_UNITS, environment_id=environment_id)
        renewing = asyncio.create_task(self._renew(leased))
        try:
            outcome = await self.lifecycle.step(leased, units)
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
        await self._store(work, leased, units, outcome)
        return outcome

    async def _lease(self, work: UnitOfWork, environment: Environment) -> Environment | None:
        moment = self.clock()
        held = environment.lease_until is not None and environment.lease_until > moment
        if held and environment.lease_owner != self.owner:
            return None
        if held and environment.lease_until is not None and environment.lease_until - moment > RENEW:
            return environment
        epoch = environment.lease_epoch + (0 if held else 1)
        return await self._take(work, environment, epoch, moment)

    async def _take(self, work: UnitOfWork, environment: Environment, epoch: int, moment: datetime) -> Environment:
        until = moment + LEASE
        work.write(
            repository.TAKE_LEASE,
            id=environment.id,
            epoch=environment.lease_epoch,
            next_epoch=epoch,
            owner=self.owner,
            until=until,
            now=moment,
            expect=1,
            otherwise=LeaseLost(),
        )
        await work.commit()
        return environment.changed(lease_owner=self.owner, lease_epoch=epoch, lease_until=until)

    async def _renew(self, environment: Environment) -> None:
        while True:
            await asyncio.sleep((LEASE - RENEW).total_seconds())
            with suppress(SoundstageError):  # the guard in `_store` tells whether the lease was lost
                await self._take(UnitOfWork(self.database, None), environment, environment.lease_epoch, self.clock())

    async def _store(self, work: UnitOfWork, before: Environment, units: list[UnitRecord], outcome: Outcome) -> None:
        after = outcome.environment
        # By id: the order of rows is the database's own matter.
        changed = {unit.id: unit for unit in outcome.units} != {unit.id: unit for unit in units}
        if after == before and not outcome.news and not changed:
            return
        _write_environment(work, before, after, visible=bool(outcome.news) or changed, clock=self.clock)
        _write_units(work, units, outcome)
        for news in outcome.news:
            _write_news(work, after, news, self.clock())
        tell_reached(work, before, after)
        if outcome.news:
            work.write(repository.TRIM_EVENTS, environment_id=after.id)
            work.after_commit(lambda: self.events.notify(after.id))
        await work.commit()

    async def _engine_silent(self, environment_id: str, error: EngineUnavailable) -> None:
        """Says so once in the environment, not at each try."""
        log.warning("reconciler.engine_unavailable", environment_id=environment_id, message=error.message)
        work = UnitOfWork(self.database, None)
        with suppress(SoundstageError):
            environment = await work.one(repository.SYSTEM_BY_ID, id=environment_id)
            if environment is None or environment.reason == error.code or environment.lease_owner != self.owner:
                return
            after = environment.changed(reason=error.code, message=error.message)
            news = News(EventKind.WARNING, environment.status, error.message)
            _write_environment(work, environment, after, visible=True, clock=self.clock)
            _write_news(work, after, news, self.clock())
            work.after_commit(lambda: self.events.notify(environment_id))
            await work.commit()


def _write_environment(
    work: UnitOfWork, before: Environment, after: Environment, *, visible: bool, clock: Callable[[], datetime]
) -> None:
    values = after.__dict__
    work.write(
        repository.OBSERVED,
        id=after.id,
        epoch=before.lease_epoch,
        generation=before.generation,
        versions=1 if visible else 0,
        updated_at=clock() if visible else before.updated_at,
        expect=1,
        otherwise=LeaseLost(),
        **{name: values[name] for name in _OBSERVED},
    )


_OBSERVED = (
    "status",
    "desired",
    "observed_generation",
    "attempts",
    "ports",
    "reason",
    "message",
    "failures",
    "retry_at",
    "ready_at",
    "shutdown_at",
    "next_at",
    "secrets",
)


def _write_units(work: UnitOfWork, before: list[UnitRecord], outcome: Outcome) -> None:
    known = {unit.id: unit for unit in before}
    for unit in outcome.units:
        if known.pop(unit.id, None) == unit:
            continue
        work.write(repository.REMOVE_UNIT, id=unit.id)
        work.write(repository.ADD_UNIT, **unit.__dict__)
    for unit_id in known:
        work.write(repository.REMOVE_UNIT, id=unit_id)


def _write_news(work: UnitOfWork, environment: Environment, news: News, moment: datetime) -> None:
    work.write(
        repository.ADD_EVENT,
        environment_id=environment.id,
        organization_id=environment.organization_id,
        kind=news.kind,
        status=news.status,
        service=news.service,
        message=news.message,
        ready=news.ready,
        total=news.total,
        at=moment,
    )
