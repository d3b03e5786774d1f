"""Commands and tasks of automations: on real terminals of a session on real git."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.audit.repository import ALL_EVENTS
from app.automations import jobs
from app.automations.actions import AutomationParts
from app.automations.errors import BadAction
from app.automations.jobs import LEASE, AutomationWorker
from app.automations.listening import Listening
from app.automations.models import ActionKind, Automation, Run, RunStatus
from app.automations.service import Automations, checked_action
from app.automations.triggers import checked_trigger
from app.core.actor import Actor, Role
from app.core.errors import Forbidden
from app.core.streams import Wakeups
from app.core.vault import Vault
from app.engines.process import ProcessEngine
from app.environments.service import Parts
from app.outbox.postman import Postman
from app.tasks.service import Tasks
from app.terminals.commands import plain
from app.terminals.service import TerminalParts, Terminals
from app.version_control.service import VersionControl
from tests.support.clock import MockClock
from tests.support.lifecycles import VAULT_KEY
from tests.support.working import Working

pytestmark = pytest.mark.anyio


class Desk:
    """A session with automations of its workspace, over an engine of real processes."""

    def __init__(self, working: Working, engine: ProcessEngine, clock: MockClock, data: Path) -> None:
        self.working, self.clock = working, clock
        vault = Vault(VAULT_KEY)
        environments = Parts(engine, vault, lambda _: None, Wakeups(), clock=clock)
        terminals = TerminalParts(engine, working.parts, node="node", recordings=data / "recordings", clock=clock)
        self.parts = AutomationParts(vault, environments, terminals, clock=clock)

    async def make(self, kind: ActionKind, *, events: list[str] | None = None, **arguments: Any) -> Automation:
        verbs = Automations(self.working.tenant.work(), self.working.tenant.actor, self.parts)
        made = await verbs.create(
            self.working.workspace,
            name="nightly",
            trigger=checked_trigger(None if events else "0 9 * * *", None, events, None),
            action=checked_action(kind, {"session_id": self.working.id, **arguments}),
        )
        await verbs.work.commit()
        return made.automation

    async def run_now(self, automation: Automation, actor: Actor | None = None, **event: Any) -> None:
        verbs = Automations(self.working.tenant.work(), actor or self.working.tenant.actor, self.parts)
        await verbs.run_now(automation.id, event or None)
        await verbs.work.commit()

    def worker(self, owner: str = "node") -> AutomationWorker:
        return AutomationWorker(self.working.tenant.database, self.parts, owner=owner)

    async def work_off(self) -> Run:
        worker = self.worker()
        [run] = await worker.due()
        ended = await worker.do(run)
        assert ended is not None
        return ended

    async def lines(self, run: Run) -> list[str]:
        verbs = Automations(self.working.tenant.work(), self.working.tenant.actor, self.parts)
        return [line.text for line in (await verbs.lines([run.id]))[0]]

    async def command(self, command: str, **arguments: Any) -> tuple[Run, list[str]]:
        await self.run_now(await self.make(ActionKind.RUN_COMMAND, command=command, **arguments), number=7)
        ended = await self.work_off()
        return ended, await self.lines(ended)


@pytest.fixture
async def desk(working: Working, clock: MockClock, tmp_path: Path) -> AsyncIterator[Desk]:
    engine = ProcessEngine(tmp_path)
    yield Desk(working, engine, clock, tmp_path)
    await engine.shutdown()


async def test_a_command_runs_in_the_working_copy_and_its_output_is_kept(desk: Desk) -> None:
    desk.working.write("cart.txt", "three apples\n")

    colourful = r'printf "\033[31mred\033[0m\n"'
    run, lines = await desk.command(f'cat cart.txt; {colourful}; echo "$AUTOMATION_EVENT"; cat; tty')

    assert run.status is RunStatus.FAILED  # `tty` says that nobody types
    assert lines[2:4] == ["three apples", "red"]
    assert json.loads(lines[4]) == {"type": "manual", "data": {"number": 7}}
    terminals = Terminals(desk.working.tenant.work(), desk.working.tenant.actor, desk.parts.terminals)
    [terminal] = (await terminals.page(desk.working.id, 10, None)).items
    assert terminal.id in lines[1]
    events = await desk.working.tenant.work().all(ALL_EVENTS)
    assert [event.resource for event in events if event.action == "terminal.open"] == [terminal.id]


async def test_the_run_ends_as_its_command_does(desk: Desk) -> None:
    good, _ = await desk.command("echo fine")
    bad, lines = await desk.command("echo before; exit 3")

    assert (good.status, good.error) == (RunStatus.SUCCEEDED, "")
    assert good.resource.startswith("trm_")
    assert bad.status is RunStatus.FAILED
    assert "3" in bad.error
    assert lines[2] == "before"


async def test_a_command_that_takes_too_long_is_ended(desk: Desk) -> None:
    run, lines = await desk.command("echo begun; sleep 60", seconds=1)

    assert run.status is RunStatus.FAILED
    assert run.error == "It took longer than 1 s, and was ended."
    assert "begun" in lines


async def test_much_output_is_kept_from_both_ends(desk: Desk) -> None:
    run, lines = await desk.command("seq 1 1000")

    assert run.status is RunStatus.SUCCEEDED
    assert lines[2:4] == ["1", "2"]
    assert "[700 lines are left out]" in lines
    assert lines[-2] == "1000"


async def test_a_command_is_run_once_whoever_takes_its_run_up(desk: Desk) -> None:
    await desk.run_now(
        await desk.make(ActionKind.RUN_COMMAND, command="echo once >> ran; sleep 2; echo over", seconds=300)
    )
    worker = desk.worker("first")
    [run] = await worker.due()
    first = asyncio.create_task(worker.do(run))
    async with asyncio.timeout(10):
        while not (desk.working.folder / "ran").exists():
            await asyncio.sleep(0.02)
    first.cancel()  # the server is killed
    await asyncio.gather(first, return_exceptions=True)
    desk.clock.forward(LEASE.total_seconds() + 1)

    [again] = await desk.worker("second").due()
    ended = await desk.worker("second").do(again)

    assert ended is not None
    assert ended.status is RunStatus.SUCCEEDED, ended.error
    assert "over" in await desk.lines(ended)
    assert (desk.working.folder / "ran").read_text() == "once\n"


async def test_a_long_run_keeps_its_lease(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RENEW_SECONDS", 0.1)
    await desk.run_now(await desk.make(ActionKind.RUN_COMMAND, command="sleep 1", seconds=600))
    worker = desk.worker()
    [run] = await worker.due()
    doing = asyncio.create_task(worker.do(run))

    for _ in range(5):
        await asyncio.sleep(0.15)
        desk.clock.forward(LEASE.total_seconds() - 5)

    assert await desk.worker("other").due() == []
    ended = await doing
    assert ended is not None
    assert ended.status is RunStatus.SUCCEEDED


async def test_a_commit_makes_a_task(desk: Desk) -> None:
    postman = Postman(desk.working.tenant.database, [Listening(desk.clock).listen])
    await desk.make(
        ActionKind.CREATE_TASK,
        events=["commit.created"],
        session_id="$event.sessionId",
        title="$event.subject",
        description="Look at it",
    )
    desk.working.write("cart.py", "items = []\n")
    work = desk.working.tenant.work()
    await VersionControl(work, desk.working.tenant.actor, desk.working.parts).commit(desk.working.id, "Add a cart")
    await work.commit()
    while await postman.tell():
        pass

    run = await desk.work_off()

    [task] = (await Tasks(desk.working.tenant.work(), desk.working.tenant.actor).page(desk.working.id, 10, None)).items
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert (task.id, task.title, task.description) == (run.resource, "Add a cart", "Look at it")


@pytest.mark.parametrize(
    "arguments",
    [
        {"command": ""},
        {"command": "$event.body.command"},
        {"command": "x\0"},
        {"command": "x" * 20_000},
        {"command": "x", "seconds": 0},
        {"command": "x", "seconds": 601},
        {"command": "x", "title": "y"},
        {},
    ],
)
def test_commands_that_cannot_be_run_are_told(arguments: dict[str, Any]) -> None:
    with pytest.raises(BadAction):
        checked_action(ActionKind.RUN_COMMAND, {"session_id": "ses_x", **arguments})


async def test_who_may_not_write_runs_no_commands(desk: Desk) -> None:
    automation = await desk.make(ActionKind.RUN_COMMAND, command="true")
    viewer = await desk.working.tenant.member(Role.VIEWER)

    with pytest.raises(Forbidden):
        await desk.run_now(automation, Actor(desk.working.tenant.id, viewer, Role.VIEWER))


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (b"a\r\nb\r\n", "a\nb\n"),
        (b"10%\r20%\r100%\r\ndone", "100%\ndone"),
        (b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07x", "red x"),
        (b"\x00\x07a\tb\xff", "a\tb\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_output_is_told_as_text(output: bytes, text: str) -> None:
    assert plain(output) == text
