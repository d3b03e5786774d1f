"""Supervision of one unit: its runs, its health, its restarts, and its orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any

from app.runner import probes
from app.runner.codec import digest, moment
from app.runner.context import Context, kill_all
from app.runner.model import Cause, EngineRefused, Observation, ProbeKind, StaleEpoch, Unit, UnitStatus
from app.runner.records import EnvironmentRecord, UnitRecord
from app.runner.restarts import HEALTHY_SECONDS, cause_of_exit, judge
from app.runner.unit_run import CannotStart, UnitRun

_log = logging.getLogger(__name__)
_RUNS = (UnitStatus.STARTING, UnitStatus.RUNNING, UnitStatus.UNHEALTHY, UnitStatus.STOPPING)


class Supervisor:
    """The calls `apply`, `stop` and `destroy` follow each other; between them `_supervise` acts alone."""

    def __init__(self, context: Context, environment: EnvironmentRecord, record: UnitRecord) -> None:
        self._context = context
        self._environment = environment
        self.record = record
        unit = record.unit
        #: Asked for ten times a second.
        self.log = context.data.environment(unit.environment_id).log(unit)
        self._run: UnitRun | None = None
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        #: Set by destroy: whoever stops this unit stops it at once.
        self._hurry = asyncio.Event()
        self._gone = False

    @property
    def has_process(self) -> bool:
        return self._run is not None

    def hurry(self) -> None:
        self._hurry.set()

    async def apply(self, unit: Unit, epoch: int) -> Observation:
        async with self._lock:
            self._environment_must_take(epoch)
            wanted = digest(unit)
            if wanted == self.record.digest and self.record.status is not UnitStatus.STOPPED:
                return self.observation()
            await self._end()
            self._environment_must_take(epoch)
            self.record = UnitRecord(unit, wanted, epoch)
            self._start()
            self._supervise_from_now()
            return self.observation()

    def _environment_must_take(self, epoch: int) -> None:
        if self._environment.doomed or self._gone:
            raise EngineRefused(f"The environment {self._environment.id} is being destroyed.")
        check_epoch(self._environment, epoch)

    async def stop(self, epoch: int) -> None:
        async with self._lock:
            check_epoch(self._environment, epoch)
            await self._end()

    async def halt(self) -> None:
        """Stop, whoever holds the environment: the runner itself is to end."""
        async with self._lock:
            await self._end()

    async def destroy(self) -> None:
        """Stop for good: calls that still wait for their turn find a unit that is gone."""
        async with self._lock:
            self._gone = True
            await self._end()

    @property
    def is_stopping(self) -> bool:
        return self.record.status is UnitStatus.STOPPING

    def adopt(self) -> None:
        """Take over what a former runner left, at whatever moment it died. What it was stopping stays to be stopped."""
        self._context.revisions.seen(self.record.revision)
        status = self.record.status
        if status in _RUNS:
            self._run = UnitRun.adopt(self._context, self.record)
        to_end = self.is_stopping or self._environment.doomed
        if not to_end and (status in _RUNS or status is UnitStatus.RESTARTING):
            self._supervise_from_now()

    async def let_go(self) -> None:
        """Stop to supervise; what runs goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    # --- one life

    def _supervise_from_now(self) -> None:
        self._task = asyncio.create_task(self._supervise(), name=f"supervise {self.record.unit.id}")
        self._task.add_done_callback(_report)

    async def _supervise(self) -> None:
        while True:
            if self._run is not None:
                await self._watch(self._run)
            if self.record.status is not UnitStatus.RESTARTING:
                return
            await asyncio.sleep(self._seconds_to_restart())
            self.record.restarts += 1
            self.record.row += 1
            self._start()

    def _seconds_to_restart(self) -> float:
        # The clock may have been set back.
        longest = self.record.unit.restart.backoff_limit * 1.1
        return min(max((self.record.next_restart_at or 0) - time.time(), 0), longest)

    def _start(self) -> None:
        record = self.record
        record.next_restart_at = record.ready_at = None
        record.status = UnitStatus.STARTING
        if record.unit.probe is None:
            record.status, record.ready_at = UnitStatus.RUNNING, time.time()
        try:
            self._run = UnitRun.start(self._context, record)
        except CannotStart as failure:
            self._run, record.ready_at = None, None
            self._settle(failure.cause)
        else:
            self._context.changed(record.unit.environment_id)

    async def _watch(self, run: UnitRun) -> None:
        probing = asyncio.create_task(self._probe(run))
        try:
            await _first(probing, run.ended)
        finally:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)
        if run.ended.done():
            code, killed = run.ended.result(), run.out_of_memory()
            cause = cause_of_exit(code, out_of_memory=killed, isolation=self.record.isolation)
            await run.clear()
            self._run = None
            self._settle(cause)
        else:
            await run.stop(self._hurry)
            self._run = None
            self._set(UnitStatus.FAILED, Cause("probe", _never_healthy(self.record.unit)))

    def _settle(self, cause: Cause | None) -> None:
        record = self.record
        if record.ready_at is not None and time.time() - record.ready_at >= HEALTHY_SECONDS:
            record.row = 0
        verdict = judge(record.unit, cause, record.row)
        if verdict.status is UnitStatus.RESTARTING:
            record.next_restart_at = time.time() + verdict.delay
        self._set(verdict.status, cause)

    # --- health

    async def _probe(self, run: UnitRun) -> None:
        """Ends only when a unit that starts has not become healthy in time."""
        probe = run.unit.probe
        if probe is not None:
            deadline = (self.record.started_at or 0) + probe.start_period + probe.retries * probe.interval
            check, delays, failures = run.check(), probes.delays(probe), 0
            # What a log said once stays said.
            while not (probe.kind is ProbeKind.LOG and self.record.ready_at):
                await asyncio.sleep(delays.next())
                healthy = await _try(check)
                failures = 0 if healthy else failures + 1
                if run.ended.done():
                    break
                if self._never_healthy(healthy, deadline):
                    return
                self._note_health(healthy, failures)
        await asyncio.Event().wait()

    def _never_healthy(self, healthy: bool, deadline: float) -> bool:
        return not healthy and self.record.status is UnitStatus.STARTING and time.time() >= deadline

    def _note_health(self, healthy: bool, failures: int) -> None:
        record, probe = self.record, self.record.unit.probe
        assert probe is not None
        if healthy and record.status is not UnitStatus.RUNNING:
            record.ready_at = record.ready_at or time.time()
            self._set(UnitStatus.RUNNING, None)
        elif record.status is UnitStatus.RUNNING and failures >= probe.retries:
            self._set(UnitStatus.UNHEALTHY, Cause("probe", f"The {probe.kind.value} probe fails."))

    # --- the end

    async def _end(self) -> None:
        """Cancelling is safe: `_start` has no pause in which it could be cut."""
        await self.let_go()
        if self._run is not None:
            self._set(UnitStatus.STOPPING, None)
            await self._run.stop(self._hurry)
            self._run = None
        elif self.record.status is not UnitStatus.STOPPED:
            mark = f"{self._context.runner_id}:{self.record.unit.id}"
            await kill_all(self._context.table, lambda snapshot: snapshot.family(mark, None))
        if self.record.status is not UnitStatus.STOPPED:
            self.record.next_restart_at = None
            self._set(UnitStatus.STOPPED, None)

    def _set(self, status: UnitStatus, cause: Cause | None) -> None:
        record = self.record
        record.status, record.cause = status, cause
        record.revision = self._context.revisions.next()
        # A full disk must not end the supervision; the next change tries again.
        with contextlib.suppress(OSError):
            self._context.records.save_unit(record)
        self._context.changed(record.unit.environment_id)

    def observation(self) -> Observation:
        record, unit = self.record, self.record.unit
        runs = self._run is not None
        return Observation(
            unit_id=unit.id,
            environment_id=unit.environment_id,
            service=unit.service,
            replica=unit.replica,
            status=record.status,
            handle=f"{record.pid}:{record.start}" if runs and record.pid else "",
            pid=record.pid if runs and record.pid else None,
            attempt=unit.attempt,
            restarts=record.restarts,
            started_at=moment(record.started_at),
            ready_at=moment(record.ready_at),
            cause=record.cause,
            next_restart_at=moment(record.next_restart_at),
            isolation=record.isolation if record.started_at else unit.isolation,
            enforced=dict(record.enforced),
            revision=record.revision,
        )


def check_epoch(environment: EnvironmentRecord, epoch: int) -> None:
    if epoch < environment.epoch:
        raise StaleEpoch(
            f"The environment {environment.id} is in the hands of epoch {environment.epoch}; {epoch} is stale.",
            seen=environment.epoch,
            given=epoch,
        )


def _never_healthy(unit: Unit) -> str:
    assert unit.probe is not None
    seconds = unit.probe.start_period + unit.probe.retries * unit.probe.interval
    return f"It did not become healthy within {seconds:g} s: its {unit.probe.kind.value} probe kept failing."


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def _try(check: probes.Check) -> bool:
    try:
        return await check()
    except (OSError, EngineRefused) as error:
        _log.warning("a probe could not be run: %s", error)
        return False


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("%s ended: %r", task.get_name(), task.exception())
