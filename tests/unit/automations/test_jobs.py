"""Runs: begun once, done once, in the rights of a member, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, update
from standardwebhooks.webhooks import Webhook

from app.audit.repository import ALL_EVENTS
from app.automations.actions import PRIVATE, AutomationParts
from app.automations.errors import NotForAgents
from app.automations.jobs import LEASE, MOST_ATTEMPTS, AutomationWorker
from app.automations.listening import MOST_AN_HOUR, TOO_OFTEN, Listening
from app.automations.models import ActionKind, Automation, AutomationStatus, Run, RunStatus
from app.automations.service import Automations, checked_action
from app.automations.triggers import checked_trigger
from app.core.actor import Actor, Role
from app.core.errors import Conflict, Forbidden
from app.core.ids import new_id
from app.database.changes import Change, Database
from app.database.statements import change, table
from app.database.unit_of_work import UnitOfWork
from app.environments.models import Environment
from app.environments.service import Environments, Parts
from app.identity.models import MembershipTable
from app.outbox.postman import Postman
from app.outbox.service import announce
from app.terminals.service import TerminalParts
from app.workspaces.folders import Folders
from app.workspaces.models import Workspace
from app.workspaces.repository import ADD_WORKSPACE
from app.workspaces.service import WorkspaceParts
from tests.support.clock import MockClock
from tests.support.lifecycles import World as Environmental
from tests.support.receivers import Receiver, receiver
from tests.support.serving import BLUEPRINT
from tests.support.tenants import Tenant
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

_members = table(MembershipTable).c
LEAVE = change(delete(_members.id.table).where(_members.user_id == bindparam("user_id")))
DEMOTE = change(update(_members.id.table).where(_members.user_id == bindparam("user_id")).values(role=Role.VIEWER))


class World:
    """A workspace with automations, and workers that come and go."""

    def __init__(self, tenant: Tenant, clock: MockClock, *, allow_private: bool = True) -> None:
        self.tenant, self.clock = tenant, clock
        around = Environmental(tenant, clock)
        self.environments_parts = Parts(around.engine, around.vault, lambda _: None, around.events, clock=clock)
        terminals = TerminalParts(around.engine, WorkspaceParts(Folders(Path())), node="node", recordings=Path())
        self.parts = AutomationParts(around.vault, self.environments_parts, terminals, allow_private, clock)
        self.postman = Postman(tenant.database, [Listening(clock).listen])
        self.workspace = new_id("wsp")

    async def open(self) -> World:
        made = Workspace(
            id=self.workspace,
            organization_id=self.tenant.id,
            name="shop",
            default_branch="main",
            created_by=self.tenant.user_id,
            created_at=self.clock(),
            updated_at=self.clock(),
        )
        work = self.tenant.work()
        work.write(ADD_WORKSPACE, **made.__dict__)
        await work.commit()
        return self

    def worker(self, owner: str = "node", database: Database | None = None) -> AutomationWorker:
        return AutomationWorker(database or self.tenant.database, self.parts, owner=owner)

    def verbs(self, actor: Actor | None = None) -> Automations:
        return Automations(self.tenant.work(), actor or self.tenant.actor, self.parts)

    async def make(
        self,
        kind: ActionKind = ActionKind.CREATE_ENVIRONMENT,
        *,
        cron: str | None = None,
        zone: str | None = None,
        events: list[str] | None = None,
        condition: dict[str, Any] | None = None,
        actor: Actor | None = None,
        **arguments: Any,
    ) -> tuple[Automation, str]:
        if kind is ActionKind.CREATE_ENVIRONMENT:
            arguments = {"blueprint": BLUEPRINT, **arguments}
        cron = "0 9 * * *" if cron is None and events is None else cron
        verbs = self.verbs(actor)
        made = await verbs.create(
            self.workspace,
            name="nightly",
            trigger=checked_trigger(cron, zone, events, condition),
            action=checked_action(kind, arguments),
        )
        await verbs.work.commit()
        return made.automation, made.secret

    async def run_now(self, automation: Automation, actor: Actor | None = None, **event: Any) -> Run:
        verbs = self.verbs(actor)
        made = await verbs.run_now(automation.id, event or None)
        await verbs.work.commit()
        return made

    async def announce(self, event_type: str = "environment.failed", **data: Any) -> None:
        work = self.tenant.work()
        announce(work, event_type, data)
        await work.commit()
        await self.postman.tell()

    async def work_off(self, worker: AutomationWorker | None = None) -> list[Run]:
        """Begins what is due, and does it."""
        worker = worker or self.worker()
        await worker.begin_due()
        return [ended for run in await worker.due() if (ended := await worker.do(run))]

    async def read(self, automation: Automation) -> Automation:
        return await self.verbs().get(automation.id)

    async def runs(self, automation: Automation) -> Sequence[Run]:
        return (await self.verbs().runs(automation.id, 200, None)).items

    async def lines(self, run: Run) -> list[str]:
        return [line.text for line in (await self.verbs().lines([run.id]))[0]]

    async def environments(self) -> Sequence[Environment]:
        verbs = Environments(self.tenant.work(), self.tenant.actor, self.environments_parts)
        return (await verbs.page(100, None)).items


@pytest.fixture
async def world(organization: Tenant, clock: MockClock) -> World:
    return await World(organization, clock).open()


@pytest.fixture
async def taker() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


async def test_a_schedule_that_is_due_makes_an_environment_and_says_so(world: World) -> None:
    automation, _ = await world.make(name="from-nightly")
    assert await world.work_off() == []
    world.clock.present = datetime(2026, 4, 18, 9, 0, tzinfo=UTC)

    [run] = await world.work_off()

    [environment] = await world.environments()
    assert (run.status, run.resource) == (RunStatus.SUCCEEDED, environment.id)
    assert (environment.name, environment.created_by) == ("from-nightly", world.tenant.user_id)
    assert await world.lines(run) == [
        "Started, triggered by 2026-04-18T09:00:00Z",
        f"Asked for the environment from-nightly ({environment.id})",
    ]
    assert (await world.read(automation)).next_at == datetime(2026, 4, 19, 9, 0, tzinfo=UTC)
    assert await world.work_off() == []


async def test_what_it_does_is_audited_as_its_makers(world: World) -> None:
    automation, _ = await world.make()
    run = await world.run_now(automation)

    await world.work_off()

    [event] = await world.tenant.work().all(ALL_EVENTS)
    assert (event.action, event.user_id) == ("environment.create", world.tenant.user_id)
    assert event.details == {"automation": automation.id, "run": run.id, "trigger": "manual"}


async def test_what_was_missed_while_no_server_ran_is_run_once(world: World) -> None:
    automation, _ = await world.make(cron="*/5 * * * *")
    world.clock.forward(24 * 3600)

    ran = await world.work_off()

    assert len(ran) == 1
    following = (await world.read(automation)).next_at
    assert following is not None
    assert timedelta(0) < following - world.clock() <= timedelta(minutes=5)


async def test_two_servers_begin_a_moment_of_a_schedule_once(world: World) -> None:
    automation, _ = await world.make(cron="*/5 * * * *")
    workers = [world.worker(f"node-{number}") for number in range(4)]

    for _ in range(5):
        world.clock.forward(300)
        await asyncio.gather(*(worker.begin_due() for worker in workers))

    assert len(await world.runs(automation)) == 5


async def test_two_servers_do_a_run_once(world: World) -> None:
    automation, _ = await world.make()
    await world.run_now(automation)
    one, other = world.worker("a"), world.worker("b")
    [due] = await one.due()

    done = await asyncio.gather(one.do(due), other.do(due))

    assert [each is None for each in done].count(True) == 1
    assert len(await world.environments()) == 1


@pytest.mark.parametrize(
    ("begin", "moments"),
    [
        # The clock is put forward on 29 March at 1:00 UTC: 2:30 does not come, and 3:00 is next.
        ("2026-03-28T12:00", ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        # It is put back on 25 October at 1:00 UTC: 2:30 comes at 0:30 and at 1:30.
        ("2026-10-24T12:00", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
    ],
)
async def test_changes_of_the_clock_and_a_restart_each_minute_run_nothing_twice(
    world: World, begin: str, moments: list[str]
) -> None:
    world.clock.present = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    automation, _ = await world.make(cron="30 2 * * *", zone="Europe/Berlin")

    for _ in range(2 * 24 * 12):
        world.clock.forward(300)
        await world.worker("reborn").begin_due()

    assert sorted(run.triggered_by for run in await world.runs(automation)) == moments


async def test_a_server_that_dies_between_doing_and_saying_so_has_done_nothing(world: World) -> None:
    automation, _ = await world.make()
    await world.run_now(automation)
    dying = world.worker("dying", _Dying(world.tenant.database))
    [due] = await dying.due()
    with pytest.raises(_Death):
        await dying.do(due)

    assert await world.environments() == []
    assert await world.work_off() == [], "its lease still holds"
    world.clock.forward(LEASE.total_seconds() + 1)
    [run] = await world.work_off()

    assert (run.status, run.attempt) == (RunStatus.SUCCEEDED, 2)
    assert len(await world.environments()) == 1
    assert (await world.lines(run))[1].startswith("Attempt 2")


async def test_a_server_that_was_born_again_goes_on_at_once(world: World) -> None:
    automation, _ = await world.make()
    await world.run_now(automation)
    dying = world.worker("node", _Dying(world.tenant.database))
    [due] = await dying.due()
    with pytest.raises(_Death):
        await dying.do(due)

    await world.worker("another").free()
    assert await world.work_off() == []
    await world.worker("node").free()

    assert [run.attempt for run in await world.work_off()] == [2]


async def test_a_log_is_followed_from_any_line_to_its_end(world: World) -> None:
    automation, _ = await world.make()
    run = await world.run_now(automation)
    following = asyncio.create_task(_followed(world, run, 0))
    await world.work_off()

    assert await asyncio.wait_for(following, 5) == [1, 2, "succeeded"]
    assert await _followed(world, run, 1) == [2, "succeeded"]


async def test_a_run_that_kills_each_server_is_lost(world: World) -> None:
    automation, _ = await world.make()
    await world.run_now(automation)
    for _ in range(MOST_ATTEMPTS):
        dying = world.worker("dying", _Dying(world.tenant.database))
        [due] = await dying.due()
        with pytest.raises(_Death):
            await dying.do(due)
        world.clock.forward(LEASE.total_seconds() + 1)

    [run] = await world.work_off()

    assert run.status is RunStatus.LOST
    assert await world.environments() == []
    assert await world.work_off() == []


async def test_a_server_that_comes_back_late_does_not_do_it_again(world: World) -> None:
    """Its lease is over and another server has done it: the epoch tells."""
    automation, _ = await world.make()
    await world.run_now(automation)
    late = world.worker("late")
    [due] = await late.due()
    leased = await late._lease(due)
    assert leased is not None
    world.clock.forward(LEASE.total_seconds() + 1)
    await world.work_off()

    with pytest.raises(Conflict):
        await late._attempt(world.tenant.work(), automation, leased)

    assert len(await world.environments()) == 1


async def test_an_event_that_has_what_is_asked_for_triggers_a_run(world: World) -> None:
    automation, _ = await world.make(
        ActionKind.DELETE_ENVIRONMENT,
        events=["environment.failed"],
        condition={"name": "shop"},
        environment_id="$event.id",
    )
    await world.make(events=["agent.suspended"])
    creating = Environments(world.tenant.work(), world.tenant.actor, world.environments_parts)
    made = await creating.create(BLUEPRINT)
    await creating.work.commit()

    await world.announce(id=made.id, name="cart")
    assert await world.work_off() == []
    await world.announce(id=made.id, name="shop")
    [run] = await world.work_off()

    assert (run.automation_id, run.status, run.resource) == (automation.id, RunStatus.SUCCEEDED, made.id)
    [environment] = await world.environments()
    assert environment.status == "deleting"


async def test_what_the_event_lacks_is_told(world: World) -> None:
    await world.make(ActionKind.STOP_ENVIRONMENT, events=["environment.*"], environment_id="$event.nothing")
    await world.announce(id="x")

    [run] = await world.work_off()

    assert run.status is RunStatus.FAILED
    assert "no 'nothing'" in run.error


async def test_an_automation_that_triggers_itself_is_stopped(world: World) -> None:
    automation, _ = await world.make(events=["environment.*"])
    for _ in range(MOST_AN_HOUR + 3):
        await world.announce(id="x")

    stopped = await world.read(automation)

    assert (stopped.status, stopped.reason) == (AutomationStatus.STOPPED, TOO_OFTEN)
    assert len(await world.runs(automation)) == MOST_AN_HOUR


async def test_another_organizations_events_trigger_nothing(world: World) -> None:
    from tests.support.tenants import found

    await world.make(events=["environment.*"])
    other = await found(world.tenant.database)
    work = other.work()
    announce(work, "environment.failed", {})
    await work.commit()
    await world.postman.tell()

    assert await world.work_off() == []


async def test_who_left_the_organization_has_automations_that_stop(world: World) -> None:
    member = await world.tenant.member(Role.MEMBER)
    automation, _ = await world.make(actor=Actor(world.tenant.id, member, Role.MEMBER))
    await _system(world, LEAVE, user_id=member)
    world.clock.forward(24 * 3600)

    [run] = await world.work_off()

    stopped = await world.read(automation)
    assert run.status is RunStatus.FAILED
    assert (stopped.status, stopped.next_at) == (AutomationStatus.STOPPED, None)
    assert "no member" in stopped.reason
    assert await world.environments() == []


async def test_who_may_less_than_before_has_automations_that_may_less(world: World) -> None:
    member = await world.tenant.member(Role.MEMBER)
    await world.make(actor=Actor(world.tenant.id, member, Role.MEMBER))
    await _system(world, DEMOTE, user_id=member)
    world.clock.forward(24 * 3600)

    [run] = await world.work_off()

    assert run.status is RunStatus.FAILED
    assert "not permitted" in run.error
    assert await world.environments() == []


async def test_a_limited_key_makes_no_automation_that_may_more(world: World) -> None:
    narrow = Actor(world.tenant.id, world.tenant.user_id, Role.OWNER, frozenset({"workspaces:write"}))
    wide = Actor(world.tenant.id, world.tenant.user_id, Role.OWNER, frozenset({"environments:write"}))

    with pytest.raises(Forbidden):
        await world.make(actor=narrow)
    automation, _ = await world.make(actor=wide)

    assert (await world.read(automation)).scopes == ["environments:write"]


async def test_who_changes_what_is_done_is_whom_it_runs_for(world: World) -> None:
    member = Actor(world.tenant.id, await world.tenant.member(Role.MEMBER), Role.MEMBER)
    automation, _ = await world.make()
    verbs = world.verbs(member)

    renamed = await verbs.update(automation.id, name="renamed")
    assert renamed.runs_as == world.tenant.user_id
    changed = await verbs.update(automation.id, trigger=checked_trigger("0 0 * * *", None, None, None))

    assert changed.runs_as == member.user_id


async def test_by_hand_it_runs_in_the_rights_of_who_asks(world: World) -> None:
    automation, _ = await world.make()
    viewer = Actor(world.tenant.id, await world.tenant.member(Role.VIEWER), Role.VIEWER)
    member = Actor(world.tenant.id, await world.tenant.member(Role.MEMBER), Role.MEMBER)

    with pytest.raises(Forbidden):
        await world.run_now(automation, viewer)
    await world.run_now(automation, member)
    await world.work_off()

    [environment] = await world.environments()
    assert environment.created_by == member.user_id


async def test_an_agent_makes_and_runs_none(world: World) -> None:
    automation, _ = await world.make()
    agent = Actor(world.tenant.id, "", Role.MEMBER, agent_id="agt_1")

    with pytest.raises(NotForAgents):
        await world.make(actor=agent)
    for verb in (world.verbs(agent).run_now, world.verbs(agent).remove, world.verbs(agent).rotate):
        with pytest.raises(NotForAgents):
            await verb(automation.id)


async def test_a_disabled_one_does_not_run_and_makes_up_for_nothing(world: World) -> None:
    automation, _ = await world.make(cron="0 * * * *")
    verbs = world.verbs()
    await verbs.set_enabled(automation.id, False)
    await verbs.work.commit()
    world.clock.forward(10 * 3600)
    assert await world.work_off() == []

    verbs = world.verbs()
    await verbs.set_enabled(automation.id, True)
    await verbs.work.commit()

    assert await world.work_off() == []
    world.clock.forward(3600)
    assert len(await world.work_off()) == 1


async def test_a_deleted_one_takes_its_runs_along(world: World) -> None:
    automation, _ = await world.make()
    run = await world.run_now(automation)
    worker = world.worker()
    [due] = await worker.due()
    verbs = world.verbs()
    await verbs.remove(automation.id)
    await verbs.work.commit()

    assert await worker.do(due) is None
    assert await world.verbs().run(run.id) is None


async def test_a_call_is_signed_with_the_runs_id(world: World, taker: Receiver) -> None:
    automation, secret = await world.make(ActionKind.CALL, url=taker.url)
    run = await world.run_now(automation, shade="blue")

    [done] = await world.work_off()

    [taken] = taker.taken
    assert done.status is RunStatus.SUCCEEDED
    assert (taken.method, taken.headers["webhook-id"]) == ("POST", run.id)
    assert taken.headers["webhook-signature"] == Webhook(secret).sign(run.id, world.clock(), taken.body.decode())
    assert taker.bodies()[0]["data"] == {
        "automationId": automation.id,
        "runId": run.id,
        "trigger": "manual",
        "event": {"type": "manual", "data": {"shade": "blue"}},
    }


async def test_a_call_has_the_body_that_was_given_with_what_the_event_tells(world: World, taker: Receiver) -> None:
    body = {"text": "$event.message", "list": ["$event.id", "as it is"]}
    await world.make(ActionKind.CALL, events=["environment.failed"], url=taker.url, method="PUT", body=body)
    await world.announce(id="env_1", message="It failed.")

    await world.work_off()

    assert taker.bodies() == [{"text": "It failed.", "list": ["env_1", "as it is"]}]
    assert taker.taken[0].method == "PUT"


async def test_a_call_that_fails_is_tried_three_times(world: World, taker: Receiver) -> None:
    automation, _ = await world.make(ActionKind.CALL, url=taker.url)
    await world.run_now(automation)
    taker.status, taker.answer = 503, b"later"

    statuses = []
    for seconds in (5, 60, 0):
        [run] = await world.work_off()
        statuses.append(run.status)
        assert await world.work_off() == []
        world.clock.forward(seconds)

    assert statuses == [RunStatus.PENDING, RunStatus.PENDING, RunStatus.FAILED]
    assert "503: later" in run.error
    assert len({taken.headers["webhook-id"] for taken in taker.taken}) == 1


async def test_a_call_that_is_refused_is_not_tried_again(world: World, taker: Receiver) -> None:
    automation, _ = await world.make(ActionKind.CALL, url=taker.url)
    await world.run_now(automation)
    taker.status = 404

    [run] = await world.work_off()

    assert (run.status, run.attempt) == (RunStatus.FAILED, 1)


async def test_nothing_inside_is_called_unless_the_installation_allows_it(
    organization: Tenant, clock: MockClock, taker: Receiver
) -> None:
    world = await World(organization, clock, allow_private=False).open()
    automation, _ = await world.make(ActionKind.CALL, url=taker.url)
    await world.run_now(automation)

    [run] = await world.work_off()

    assert (run.status, run.error) == (RunStatus.FAILED, PRIVATE)
    assert taker.taken == []


async def test_a_worker_does_what_is_due_by_itself(world: World) -> None:
    automation, _ = await world.make()
    worker = world.worker()
    worker.start()

    for _ in range(3):
        await world.run_now(automation)

    async def done() -> bool:
        return [run.status for run in await world.runs(automation)] == [RunStatus.SUCCEEDED] * 3

    await until(done)
    await worker.close()
    assert len(await world.environments()) == 3


async def test_old_runs_are_forgotten_with_their_lines(world: World) -> None:
    from app.automations.service import KEPT, forget_old

    automation, _ = await world.make()
    run = await world.run_now(automation)
    await world.work_off()
    world.clock.present += KEPT + timedelta(seconds=1)

    await forget_old(world.tenant.database, world.clock)

    assert await world.runs(automation) == []
    assert await world.lines(run) == []


async def _followed(world: World, run: Run, after: int) -> list[object]:
    return [
        item[0] if isinstance(item, tuple) else getattr(item, "reason", item)
        async for item in world.verbs().log(run.id, after)
    ]


class _Death(BaseException):
    """The process ended here."""


class _Dying:
    """A database of a server that dies at its second commit: when what was done is to be written."""

    def __init__(self, database: Database) -> None:
        self._database, self._commits = database, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def commit(self, changes: Sequence[Change]) -> None:
        self._commits += 1
        if self._commits > 1:
            raise _Death
        await self._database.commit(changes)


async def _system(world: World, statement: Any, **given: Any) -> None:
    work = UnitOfWork(world.tenant.database, None)
    work.write(statement, **given)
    await work.commit()
