"""The assistant's tools for commands, services and databases: under the caller's rights, and each call told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from app.assistant.tools import Toolbox, ToolContext
from app.audit.repository import ALL_EVENTS
from app.core.actor import Actor, CredentialKind, Role
from app.core.errors import Forbidden, SoundstageError
from app.database_console.errors import ReadOnly
from app.engines.process import ProcessEngine
from app.policies.errors import PolicyDenied
from app.settings import Settings
from tests.support.databases import Databases
from tests.support.preparations import PREPARATIONS as GOVERNED
from tests.support.samples.database_console import PREPARATIONS
from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio
Call = Callable[..., Any]


@pytest.fixture
async def server(databases: Databases, tmp_path: Path, kind: str) -> AsyncIterator[Served]:
    """A server over real processes."""
    data = tmp_path / "data"
    settings = Settings(data_dir=data, database_url=await databases.url(kind, data))
    engine = ProcessEngine(data)
    async with Served(settings, engine) as started:  # type: ignore[arg-type]
        yield started
        await engine.shutdown()


class Session:
    """A session with a SQLite database as its service, whose tools are called."""

    def __init__(self, served: Served, client: Client, known: dict[str, str]) -> None:
        self.served, self.client, self.known = served, client, known

    async def call(self, name: str, actor: Actor | None = None, **given: Any) -> Any:
        parts, tenant = self.served.product.product.assistant, self.client.tenant
        who = actor or tenant.actor

        def context(work: Any) -> ToolContext:
            return ToolContext(
                work, who, parts.environments, parts.workspaces, self.known["workspace"], self.known["work_session"]
            )

        return await Toolbox(parts.tools, context, who, parts.policies, "req_x").call(name, given, tenant.work())

    async def told(self) -> list[tuple[str, str, str]]:
        events = await self.client.tenant.work().all(ALL_EVENTS)
        tools = [event for event in events if event.details.get("tool")]
        return [(event.action, event.details["tool"], str(event.result)) for event in tools]


@pytest.fixture
async def session(server: Served) -> Session:
    return Session(server, server, await PREPARATIONS["database_service"](server))


async def test_a_command_tells_its_output_and_how_it_ended(session: Session) -> None:
    good = await session.call("run_command", command="pwd; git status --short; echo three > made")
    bad = await session.call("run_command", command="cat made; exit 4")
    slow = await session.call("run_command", command="echo begun; sleep 60", seconds=1)
    long = await session.call("run_command", command="seq 1 20000")

    assert (good["exitCode"], good["timedOut"]) == (0, False)
    assert good["output"].startswith("/")
    assert session.known["work_session"] in good["output"]
    assert (bad["exitCode"], bad["output"].strip()) == (4, "three")
    assert (slow["exitCode"], slow["timedOut"], slow["output"].strip()) == (None, True, "begun")
    assert len(long["output"]) < 20_000
    assert "characters are left out" in long["output"]
    assert await session.told() == [("terminal.open", "run_command", "allowed")] * 4
    page = await session.client.data(
        "query ($id: ID!) { terminals(sessionId: $id) { nodes { id } } }", {"id": session.known["work_session"]}
    )
    assert {each["id"] for each in page["terminals"]["nodes"]} == {
        each["terminalId"] for each in (good, bad, slow, long)
    }


async def test_who_stops_an_answer_ends_its_command(session: Session) -> None:
    mark = "sleep 61.25"
    asked = asyncio.create_task(session.call("run_command", command=f"echo begun; {mark}"))
    terminals = session.served.product.terminals.terminals
    deadline = time.monotonic() + 10
    while not [each for each in await terminals.states() if each.ended_at is None] and time.monotonic() < deadline:
        await asyncio.sleep(0.02)

    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)

    assert [each.cause for each in await terminals.states()] == ["closed"]


async def test_services_are_listed_and_restarted(session: Session) -> None:
    before = await session.call("list_services")
    made = """mutation ($session: ID!, $input: CreateServiceInput!) {
      createService(sessionId: $session, input: $input) { id } }"""
    given = {"name": "web", "definition": {"run": "exec sleep 1000"}}
    found = await session.client.data(made, {"session": session.known["work_session"], "input": given})
    await session.call("restart_service", serviceId=found["createService"]["id"])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        after = await session.call("list_services")
        replicas = after["services"][1]["replicas"]
        if replicas and replicas[0]["status"] == "running":
            break
        await asyncio.sleep(0.05)

    assert before["environmentId"] is None
    assert [(each["name"], each["database"]) for each in before["services"]] == [("private-database", "sqlite")]
    assert replicas[0]["status"] == "running"
    assert after["environmentId"]
    assert ("service.restart", "restart_service", "allowed") in await session.told()


async def test_a_database_is_described_and_queried(session: Session) -> None:
    service = session.known["service"]

    described = await session.call("describe_database", serviceId=service)
    read = await session.call("query_database", serviceId=service, sql="SELECT name FROM customers ORDER BY id")
    with pytest.raises(ReadOnly):
        await session.call("query_database", serviceId=service, sql="DELETE FROM customers")
    written = await session.call(
        "query_database", serviceId=service, sql="DELETE FROM customers WHERE id = ?", parameters=[1], write=True
    )

    assert described["tables"][0]["columns"] == ["id integer NOT NULL", "name text"]
    assert read["rows"] == [["private-customer"], ["private-other"]]
    assert written["changed"] == 1
    assert [tool for _, tool, _ in await session.told()] == ["describe_database", "query_database", "query_database"]


async def test_who_may_only_read_runs_nothing(session: Session) -> None:
    tenant = session.client.tenant
    viewer = Actor(tenant.id, await tenant.member(Role.VIEWER), Role.VIEWER)

    for name, given in (
        ("run_command", {"command": "true"}),
        ("query_database", {"serviceId": session.known["service"], "sql": "SELECT 1"}),
        ("restart_service", {"serviceId": session.known["service"]}),
    ):
        with pytest.raises(Forbidden):
            await session.call(name, viewer, **given)
    assert (await session.call("list_services", viewer))["services"]


async def test_an_agents_commands_and_queries_are_judged(session: Session) -> None:
    client = session.client
    known = await GOVERNED["governed"](client)
    rules = [{"type": "action_denylist", "actions": ["terminal.*", "database.query"]}]
    asked = 'mutation ($rules: [PolicyRule!]!) { createPolicy(input: {name: "quiet", rules: $rules}) { id } }'
    await client.data(asked, {"rules": rules})
    agent = Actor(
        client.tenant.id, "", Role.MEMBER, kind=CredentialKind.AGENT, agent_id=known["agent"], credential_id="x"
    )

    for name, given in (
        ("run_command", {"command": "touch ran"}),
        ("query_database", {"serviceId": session.known["service"], "sql": "SELECT 1"}),
    ):
        with pytest.raises(PolicyDenied):
            await session.call(name, agent, **given)

    assert await session.told() == [
        ("terminal.open", "run_command", "denied"),
        ("database.query", "query_database", "denied"),
    ]


async def test_services_of_others_are_not_there(session: Session) -> None:
    stranger = Session(session.served, await session.served.newcomer(), session.known)

    for name, given in (
        ("run_command", {"command": "true"}),
        ("list_services", {}),
        ("query_database", {"serviceId": session.known["service"], "sql": "SELECT 1"}),
    ):
        with pytest.raises(SoundstageError) as told:
            await stranger.call(name, **given)
        assert told.value.status == 404
