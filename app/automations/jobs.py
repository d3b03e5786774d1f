"""Begins what is due and does what was begun: one server each time, whatever restarts.

A moment of a schedule is claimed by moving `next_at` on, in the transaction that adds the run: of several servers one
succeeds. A run is taken by a lease; what it changes is committed with its end, guarded by the lease's epoch.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog

from app.audit import service as audit
from app.automations import repository
from app.automations.actions import AutomationParts, CallFailed, Doing, Done, act
from app.automations.errors import Claimed, MakerGone, RunTaken
from app.automations.models import Automation, Run, RunStatus, TriggerKind
from app.automations.service import NEWS, new_run, news_of
from app.automations.triggers import next_after
from app.core.actor import Actor
from app.core.clock import rfc3339
from app.core.errors import SoundstageError, StorageUnavailable
from app.core.ids import new_id
from app.core.worker import Worker
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.identity.repository import STANDING

log = structlog.get_logger(__name__)

AT_ONCE, AT_ONCE_OF_ORGANIZATION, DUE_AT_ONCE = 32, 8, 100
#: Longer than most runs take; renewed for those that take longer.
LEASE = timedelta(seconds=60)
RENEW_SECONDS = 20.0
#: What a run may take beyond what its action may.
MARGIN_SECONDS = 5.0
#: After each failed attempt of a call; a run whose server dies is taken up as often.
RETRIES = (timedelta(seconds=5), timedelta(seconds=60))
MOST_ATTEMPTS = len(RETRIES) + 1
LONGEST_LINE = 2_000


class AutomationWorker:
    """`start`, then it runs until `close`; `owner` names the node."""

    def __init__(self, database: Database, parts: AutomationParts, *, owner: str) -> None:
        self.database, self.parts, self.owner = database, parts, owner
        #: Automation that runs -> whose it is.
        self._owners: dict[str, str] = {}
        self._worker = Worker("automations", database.news, NEWS, self._look, first=self.free)

    def start(self) -> None:
        """Begins to look for what is due."""
        self._worker.start()

    async def close(self) -> None:
        """Ends; runs that were under way are taken up when their leases are over."""
        await self._worker.close()

    async def free(self) -> None:
        """Lets go of what the last life of this node held."""
        work = UnitOfWork(self.database, None)
        work.write(repository.FREE_LEASES, owner=self.owner)
        await work.commit()

    async def _look(self) -> None:
        await self.begin_due()
        await self._take_up()

    # Schedules.

    async def begin_due(self) -> int:
        """Adds a run of each automation whose schedule is due: one, however many moments were missed."""
        begun, moment = 0, self.parts.clock()
        for automation in await UnitOfWork(self.database, None).all(repository.DUE, now=moment, limit=DUE_AT_ONCE):
            with suppress(Claimed):
                await self._begin(automation)
                begun += 1
        return begun

    async def _begin(self, automation: Automation) -> None:
        work, moment, due = UnitOfWork(self.database, None), self.parts.clock(), automation.next_at
        assert due is not None
        following = next_after(automation.cron, automation.time_zone, moment)
        given = {"id": automation.id, "seen": due, "following": following}
        work.write(repository.CLAIM, expect=1, otherwise=Claimed(), **given)
        made = new_run(automation, TriggerKind.CRON, rfc3339(due), {}, moment)
        work.write(repository.ADD_RUN, otherwise=Claimed(), **made.__dict__)
        await work.commit()

    # Runs.

    async def _take_up(self) -> None:
        free = AT_ONCE - len(self._worker.running)
        if free <= 0:
            return
        under_way = set(self._worker.running.values())
        self._owners = {automation: owner for automation, owner in self._owners.items() if automation in under_way}
        counts = Counter(self._owners.values())
        for run in await self.due():
            room = counts[run.organization_id] < AT_ONCE_OF_ORGANIZATION
            if free and room and run.automation_id not in under_way:
                free -= 1
                counts[run.organization_id] += 1
                under_way.add(run.automation_id)
                self._owners[run.automation_id] = run.organization_id
                self._worker.begin(self._do(run), run.automation_id, f"run {run.id}")

    async def due(self) -> list[Run]:
        """Runs that nobody is at."""
        work = UnitOfWork(self.database, None)
        return await work.all(repository.RUNS_DUE, now=self.parts.clock(), limit=DUE_AT_ONCE)

    async def _do(self, run: Run) -> None:
        try:
            await self.do(run)
        except SoundstageError as error:
            log.warning("automations.run_lost", run_id=run.id, error=error.message)
        except Exception:  # a defect must not end every other run; its lease gives it another attempt
            log.exception("automations.defect", run_id=run.id)

    async def do(self, run: Run) -> Run | None:
        """One attempt at a run, and how it ended; None where another server has it."""
        leased = await self._lease(run)
        if leased is None:
            return None
        if leased.attempt > MOST_ATTEMPTS:
            return await self._end(leased, RunStatus.LOST, error="The servers that took it up died.")
        work = UnitOfWork(self.database, run.organization_id)
        automation = await work.one(repository.AUTOMATION, id=run.automation_id)
        if automation is None:
            return None
        said: list[str] = []
        try:
            return await self._attempt(work, automation, leased, said)
        except (RunTaken, StorageUnavailable):
            raise
        except MakerGone as error:
            return await self._end(leased, RunStatus.FAILED, error=error.message, stop=leased.runs_as)
        except CallFailed as error:
            return await self._again(leased, error.message)
        except TimeoutError:
            return await self._end(leased, RunStatus.FAILED, error="It took too long.", said=said)
        except SoundstageError as error:
            return await self._end(leased, RunStatus.FAILED, error=error.message, said=said)

    async def _lease(self, run: Run) -> Run | None:
        work, moment = UnitOfWork(self.database, None), self.parts.clock()
        until = moment + LEASE
        given = {"id": run.id, "epoch": run.lease_epoch, "owner": self.owner, "until": until, "now": moment}
        work.write(repository.TAKE_LEASE, expect=1, otherwise=RunTaken(), **given)
        taken_up = f"Attempt {run.attempt + 1}" if run.attempt else "Started"
        self._line(work, run, f"{taken_up}, triggered by {run.triggered_by}")
        try:
            await work.commit()
        except RunTaken:
            return None
        return run.changed(
            status=RunStatus.RUNNING,
            attempt=run.attempt + 1,
            lease_epoch=run.lease_epoch + 1,
            lease_until=until,
            started_at=run.started_at or moment,
        )

    async def _attempt(self, work: UnitOfWork, automation: Automation, run: Run, said: list[str] | None = None) -> Run:
        said = [] if said is None else said
        actor = await self._actor(work, run)
        done = await self._acted(Doing(automation, run, actor, work, self.parts, said))
        self._record(work, actor, automation, run, done)
        return await self._end(run, RunStatus.SUCCEEDED, resource=done.resource, told=done.told, work=work, said=said)

    async def _acted(self, doing: Doing) -> Done:
        """Does it, and keeps the lease meanwhile; raises `RunTaken` where another server has taken it over."""
        task = asyncio.create_task(act(doing))
        try:
            async with asyncio.timeout(doing.seconds + MARGIN_SECONDS):
                while not (await asyncio.wait({task}, timeout=RENEW_SECONDS))[0]:
                    await self._renew(doing.run)
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _renew(self, run: Run) -> None:
        work = UnitOfWork(self.database, run.organization_id)
        given = {"id": run.id, "epoch": run.lease_epoch, "until": self.parts.clock() + LEASE}
        work.write(repository.RENEW_LEASE, expect=1, otherwise=RunTaken(), **given)
        await work.commit()

    async def _actor(self, work: UnitOfWork, run: Run) -> Actor:
        """Whom it runs for, with the rights of this moment and the scopes of then; raises `MakerGone`."""
        standing = await work.one(STANDING, user_id=run.runs_as)
        if standing is None:
            raise MakerGone()
        return Actor(
            organization_id=standing.organization_id,
            user_id=standing.user_id,
            role=standing.role,
            scopes=frozenset(run.scopes),
            credential_id=run.automation_id,
            plan=standing.plan,
            requests_per_minute=standing.requests_per_minute,
            permissions=None if standing.permissions is None else frozenset(standing.permissions),
        )

    def _record(self, work: UnitOfWork, actor: Actor, automation: Automation, run: Run, done: Done) -> None:
        audit.record(
            work,
            actor,
            action=done.action,
            resource=done.resource or automation.id,
            request_id=new_id("req"),
            details={"automation": automation.id, "run": run.id, "trigger": str(run.trigger)},
        )

    async def _again(self, run: Run, message: str) -> Run:
        if run.attempt >= MOST_ATTEMPTS:
            return await self._end(run, RunStatus.FAILED, error=message)
        return await self._end(run, RunStatus.PENDING, error=message, after=RETRIES[run.attempt - 1])

    async def _end(
        self,
        run: Run,
        status: RunStatus,
        *,
        error: str = "",
        resource: str = "",
        told: str = "",
        after: timedelta | None = None,
        stop: str = "",
        work: UnitOfWork | None = None,
        said: Sequence[str] = (),
    ) -> Run:
        """Commits the end, or the wait for another attempt; raises `RunTaken` where another server took it over."""
        work, moment = work or UnitOfWork(self.database, run.organization_id), self.parts.clock()
        ended = run.changed(
            status=status,
            next_at=moment + after if after else None,
            resource=resource,
            error=error[:LONGEST_LINE],
            ended_at=None if after else moment,
        )
        given: dict[str, Any] = {
            name: getattr(ended, name) for name in ("id", "status", "next_at", "resource", "error", "ended_at")
        }
        work.write(repository.FINISH, epoch=run.lease_epoch, expect=1, otherwise=RunTaken(), **given)
        for line in (*said, told or error):
            self._line(work, run, line)
        if stop:
            work.write(repository.STOP_OF, id=run.automation_id, runs_as=stop, reason=error, now=moment)
        await work.commit()
        return ended

    def _line(self, work: UnitOfWork, run: Run, text: str) -> None:
        work.write(
            repository.ADD_LINE,
            run_id=run.id,
            organization_id=run.organization_id,
            at=self.parts.clock(),
            text=text[:LONGEST_LINE],
        )
        work.after_commit(lambda: self.database.news.notify(news_of(run.id)))
