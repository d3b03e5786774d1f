"""The verbs of automations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.automations import repository
from app.automations.actions import AutomationParts, checked_arguments, require_rights
from app.automations.errors import AutomationNotFound, NotForAgents, RunNotFound
from app.automations.models import (
    ActionKind,
    Automation,
    AutomationStatus,
    Run,
    RunLine,
    RunStatus,
    TriggerKind,
)
from app.automations.triggers import Trigger, size
from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.errors import Conflict, InvalidRequest, PreconditionFailed
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.core.streams import End, Gap, Items, follow
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.webhooks.models import Scheme
from app.webhooks.secrets import new_secret, sealed
from app.workspaces.errors import WorkspaceNotFound
from app.workspaces.repository import WORKSPACE

LONGEST_NAME, LONGEST_DESCRIPTION = 100, 2_000
MOST_IN_A_WORKSPACE = 100
LARGEST_EVENT = 256 * 1024
KEPT = timedelta(days=30)
#: What `Database.news` is told when there is something to run.
NEWS = "automations"


@dataclass(frozen=True, slots=True)
class Action:
    """What is done."""

    kind: ActionKind
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Revealed:
    """An automation with its secret; the only time that it is seen."""

    automation: Automation
    secret: str


def checked_action(kind: ActionKind, given: Mapping[str, Any]) -> Action:
    """What is done, if it can be; raises `BadAction`."""
    return Action(kind, checked_arguments(kind, given))


class Automations:
    """An actor's automations."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: AutomationParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    # Reading.

    async def find(self, automation_id: str) -> Automation | None:
        """One automation."""
        return await self.work.one(repository.AUTOMATION, id=automation_id)

    async def get(self, automation_id: str) -> Automation:
        """The same; raises `AutomationNotFound`."""
        found = await self.find(automation_id)
        if found is None:
            raise AutomationNotFound()
        return found

    async def page(self, workspace_id: str, limit: int, before: str | None) -> Page[Automation]:
        """A workspace's automations, from the newest on; raises `WorkspaceNotFound`."""
        await self._check_workspace(workspace_id)
        found = await self.work.all(
            repository.PAGE_BEFORE, workspace_id=workspace_id, before=before or NEWEST, limit=limit + 1
        )
        return Page(found[:limit], len(found) > limit)

    async def run(self, run_id: str) -> Run | None:
        """One run."""
        return await self.work.one(repository.RUN, id=run_id)

    async def runs(self, automation_id: str, limit: int, before: str | None) -> Page[Run]:
        """An automation's runs, from the newest on; raises `AutomationNotFound`."""
        await self.get(automation_id)
        found = await self.work.all(
            repository.RUNS_BEFORE, automation_id=automation_id, before=before or NEWEST, limit=limit + 1
        )
        return Page(found[:limit], len(found) > limit)

    async def lines(self, run_ids: Sequence[str]) -> list[list[RunLine]]:
        """What each of these runs tells, with one statement."""
        found: dict[str, list[RunLine]] = {run_id: [] for run_id in run_ids}
        for line in await self.work.all(repository.LINES_OF, runs=list(found)):
            found[line.run_id].append(line)
        return [found[run_id] for run_id in run_ids]

    async def log(self, run_id: str, after: int) -> AsyncIterator[tuple[int, RunLine] | Gap | End]:
        """The lines behind a position, then those to come, until the run is over; raises `RunNotFound`."""

        async def load(position: int) -> Items[RunLine]:
            run = await self.run(run_id)
            if run is None:
                raise RunNotFound()
            lines = await self.work.all(repository.LINES_AFTER, run_id=run_id, after=position)
            ended = End(str(run.status)) if run.ended_at is not None else None
            return Items([(line.position, line) for line in lines], ended)

        async for item in follow(load, self.work.database.news, news_of(run_id), after):
            yield item

    # Changing.

    async def create(
        self,
        workspace_id: str,
        *,
        name: str,
        description: str = "",
        trigger: Trigger,
        action: Action,
        enabled: bool = True,
    ) -> Revealed:
        """A new automation, which runs in the actor's rights. Raises `WorkspaceNotFound`, `Forbidden`."""
        self._only_people()
        require_rights(self.actor, action.kind)
        await self._check_workspace(workspace_id)
        count = await self.work.one(repository.COUNT, workspace_id=workspace_id)
        if count is not None and count.count >= MOST_IN_A_WORKSPACE:
            raise Conflict(f"A workspace has at most {MOST_IN_A_WORKSPACE} automations. Delete one first.")
        moment, secret = self.parts.clock(), new_secret(Scheme.STANDARD)
        made = Automation(
            id=new_id("aut"),
            organization_id=self.actor.organization_id,
            workspace_id=workspace_id,
            name=_name(name),
            description=_description(description),
            status=AutomationStatus.ENABLED if enabled else AutomationStatus.DISABLED,
            secret=sealed(self.parts.vault, secret),
            next_at=trigger.next_after(moment) if enabled else None,
            created_by=self.actor.user_id,
            created_at=moment,
            updated_at=moment,
            **self._chosen(trigger, action),
        )
        self.work.write(repository.ADD, **made.__dict__)
        return Revealed(made, secret)

    async def update(
        self,
        automation_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        trigger: Trigger | None = None,
        action: Action | None = None,
        expected_version: int | None = None,
    ) -> Automation:
        """Changes what is given. Who chooses another trigger or action is whom it runs for from then on."""
        self._only_people()
        found = await self.get(automation_id)
        if expected_version is not None and found.version != expected_version:
            raise PreconditionFailed()
        changes: dict[str, Any] = {}
        if name is not None:
            changes["name"] = _name(name)
        if description is not None:
            changes["description"] = _description(description)
        if trigger is not None or action is not None:
            trigger, action = trigger or _trigger(found), action or Action(found.action, found.arguments)
            require_rights(self.actor, action.kind)
            changes |= self._chosen(trigger, action)
            changes["next_at"] = self._next(found.status, trigger)
        return self._change(found, **changes)

    async def set_enabled(self, automation_id: str, enabled: bool) -> Automation:
        """Lets it run, or not. What was due meanwhile is not made up for; a stopped one begins anew."""
        self._only_people()
        found = await self.get(automation_id)
        status = AutomationStatus.ENABLED if enabled else AutomationStatus.DISABLED
        if found.status is status:
            return found
        return self._change(found, status=status, reason="", next_at=self._next(status, _trigger(found)))

    async def rotate(self, automation_id: str) -> Revealed:
        """A new secret; the old one signs nothing any more."""
        self._only_people()
        found, secret = await self.get(automation_id), new_secret(Scheme.STANDARD)
        return Revealed(self._change(found, secret=sealed(self.parts.vault, secret)), secret)

    async def remove(self, automation_id: str) -> Automation:
        """Ends an automation, with its runs and what they told."""
        self._only_people()
        found = await self.get(automation_id)
        self.work.write(repository.REMOVE, expect=1, otherwise=AutomationNotFound(), id=automation_id)
        return found

    async def run_now(self, automation_id: str, event: Mapping[str, Any] | None = None) -> Run:
        """Runs it once, in the rights of who asks: disabled or not, and whatever is due. `event` is an event's data."""
        self._only_people()
        found = await self.get(automation_id)
        require_rights(self.actor, found.action)
        if event and size(event) > LARGEST_EVENT:
            raise InvalidRequest(f"An event has at most {LARGEST_EVENT:,} bytes.")
        told = {"type": TriggerKind.MANUAL, "data": dict(event)} if event else {}
        made = new_run(found, TriggerKind.MANUAL, self.actor.user_id, told, self.parts.clock()).changed(
            runs_as=self.actor.user_id, scopes=sorted(self.actor.scopes)
        )
        self.work.write(repository.ADD_RUN, **made.__dict__)
        self.work.after_commit(lambda: self.work.database.news.notify(NEWS))
        return made

    # Within.

    def _only_people(self) -> None:
        if self.actor.agent_id or not self.actor.user_id:
            raise NotForAgents()

    async def _check_workspace(self, workspace_id: str) -> None:
        if await self.work.one(WORKSPACE, id=workspace_id) is None:
            raise WorkspaceNotFound()

    def _chosen(self, trigger: Trigger, action: Action) -> dict[str, Any]:
        return {
            "trigger": trigger.kind,
            "cron": trigger.cron,
            "time_zone": trigger.time_zone,
            "events": trigger.events,
            "filter": trigger.filter,
            "action": action.kind,
            "arguments": action.arguments,
            "runs_as": self.actor.user_id,
            "scopes": sorted(self.actor.scopes),
        }

    def _next(self, status: AutomationStatus, trigger: Trigger) -> datetime | None:
        return trigger.next_after(self.parts.clock()) if status is AutomationStatus.ENABLED else None

    def _change(self, found: Automation, **changes: Any) -> Automation:
        changed = found.changed(**changes, version=found.version + 1, updated_at=self.parts.clock())
        self.work.write(repository.CHANGE, expect=1, otherwise=Conflict(), seen=found.version, **changed.__dict__)
        return changed


def news_of(run_id: str) -> str:
    """What `Database.news` is told when a run has a new line."""
    return f"{NEWS}:{run_id}"


def new_run(
    automation: Automation, trigger: TriggerKind, triggered_by: str, event: Mapping[str, Any], moment: datetime
) -> Run:
    """A run that is due at once, in the automation's rights."""
    return Run(
        id=new_id("run"),
        organization_id=automation.organization_id,
        automation_id=automation.id,
        status=RunStatus.PENDING,
        trigger=trigger,
        triggered_by=triggered_by,
        event=dict(event),
        runs_as=automation.runs_as,
        scopes=automation.scopes,
        next_at=moment,
        created_at=moment,
    )


async def forget_old(database: Database, clock: Clock = now) -> None:
    """Forgets runs after thirty days."""
    work = UnitOfWork(database, None)
    work.write(repository.FORGET_RUNS, before=clock() - KEPT)
    await work.commit()


def _trigger(found: Automation) -> Trigger:
    return Trigger(found.cron, found.time_zone, found.events, found.filter)


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidRequest(f"A name has 1 to {LONGEST_NAME} characters.")
    return name


def _description(text: str) -> str:
    if len(text) > LONGEST_DESCRIPTION:
        raise InvalidRequest(f"A description has at most {LONGEST_DESCRIPTION:,} characters.")
    return text
