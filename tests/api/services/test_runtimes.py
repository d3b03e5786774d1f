"""A session's services as real processes in its working copy, run over REST as clients do."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.engines.process import ProcessEngine
from app.runner.folders import DataFolder
from app.runner.process_table import UNIT_MARK, ProcessTable
from app.settings import Settings
from tests.support.databases import Databases
from tests.support.samples.workspaces import PREPARATIONS
from tests.support.serving import Client, Served
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

PROGRAM = """
import http.server, os, pathlib

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (pathlib.Path("greeting").read_text() + SAID).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        print("asked for", self.path, flush=True)

pathlib.Path("left-by-the-service").write_text(os.getcwd())
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
WEB = {"run": "exec python3 server.py", "ports": ["http"], "working_dir": "web", "health": {"http": "/"}}
SLEEP = {"run": "exec sleep 1000"}


class Session:
    """A session of a server, asked over REST."""

    def __init__(self, client: Client, session_id: str, folder: Path) -> None:
        self.client, self.id, self.folder = client, session_id, folder
        self.root = f"/api/v1/workspace/{session_id}"

    async def ask(self, method: str, path: str, status: int = 0, **options: Any) -> Any:
        answer = await self.client.request(method, f"{self.root}/{path}", **options)
        assert answer.status_code == (status or answer.status_code), answer.text
        return answer.json()

    async def define(self, name: str, definition: dict[str, Any]) -> str:
        made = await self.ask("POST", "services", 201, json={"name": name, "definition": definition})
        return str(made["id"])

    async def runtimes(self) -> dict[str, dict[str, Any]]:
        return {each["name"]: each["runtime"] for each in await self.ask("GET", "services", 200)}

    async def reach(self, **statuses: str) -> dict[str, dict[str, Any]]:
        """Until each of these services is in this status."""

        async def look() -> dict[str, dict[str, Any]] | None:
            found = await self.runtimes()
            return found if all(found[name]["status"] == status for name, status in statuses.items()) else None

        return await until(look, 15)

    async def ports_of_db(self) -> list[dict[str, Any]]:
        """The ports of the service `db`, once it has any."""
        ports: list[dict[str, Any]] = (await self.runtimes())["db"]["ports"]
        return ports

    def greet(self, said: str) -> None:
        """A program of the session, as a person writes it."""
        (self.folder / "web").mkdir(exist_ok=True)
        (self.folder / "web/server.py").write_text(f"SAID = {said!r}\n{PROGRAM}")
        (self.folder / "web/greeting").write_text("hello ")


async def fetched(url: str) -> str:
    async with httpx.AsyncClient() as http:
        return (await http.get(url)).text


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Processes are no matter of the database."""
    name: str = request.param
    return name


@pytest.fixture
async def machine(tmp_path: Path, databases: Databases) -> AsyncIterator[Served]:
    """A server whose engine runs real processes; afterwards none may be left."""
    data_dir = tmp_path / "data"
    engine = ProcessEngine(data_dir)
    await engine.start()  # else a runner that is still on its way would outlive the test
    settings = Settings(data_dir=data_dir, database_url=await databases.url("sqlite", data_dir))
    async with Served(settings, engine) as served:  # type: ignore[arg-type]
        yield served
    await ProcessEngine(data_dir).shutdown()
    assert processes(data_dir) == []


@pytest.fixture
async def session(machine: Served) -> Session:
    made = await PREPARATIONS["work_session"](machine)
    folders = machine.product.product.workspaces.folders
    return Session(machine, made["work_session"], folders.session(made["workspace"], made["work_session"]))


def processes(data_dir: Path) -> list[str]:
    """The marks of the processes of units of this data directory."""
    identity = (DataFolder(data_dir.resolve()).runner / "id").read_text().strip()
    marks = [found.get(UNIT_MARK, "") for found in ProcessTable().scan().marks.values()]
    return [mark for mark in marks if mark.startswith(identity)]


async def test_services_run_out_of_the_working_copy_and_see_its_changes(session: Session) -> None:
    session.greet("world")
    web = await session.define("web", WEB)
    assert (await session.runtimes())["web"]["status"] == "stopped", "what is defined does not run by that"

    await session.ask("POST", "runtimes/run-all", 202)
    url = (await session.reach(web="running"))["web"]["url"]
    first = await fetched(url)
    session.greet("people")
    before = await fetched(url)
    await session.ask("POST", f"runtimes/{web}/restart", 202)

    async def changed() -> bool:
        return await said(url) == "hello people"

    await until(changed, 15)
    assert (first, before) == ("hello world", "hello world")
    assert (await session.reach(web="running"))["web"]["url"] == url
    assert (session.folder / "web/left-by-the-service").read_text() == str(session.folder / "web")


async def said(url: str) -> str:
    """What is said there; nothing while nobody listens."""
    try:
        return await fetched(url)
    except httpx.TransportError:
        return ""


async def test_one_is_stopped_and_all_are_run_and_stopped(session: Session, machine: Served) -> None:
    session.greet("world")
    web, worker = await session.define("web", WEB), await session.define("worker", SLEEP)
    environment = await _environment(session)
    assert environment is None, "nothing was run yet"

    await session.ask("POST", f"runtimes/{worker}/restart", 202)
    alone = await session.reach(worker="running")
    await session.ask("POST", "runtimes/run-all", 202)
    both = await session.reach(web="running", worker="running")
    await session.ask("POST", f"runtimes/{web}/stop", 202)
    one = await session.reach(web="stopped", worker="running")
    await session.ask("POST", "runtimes/stop-all", 202)
    none = await session.reach(web="stopped", worker="stopped")
    await session.ask("POST", f"runtimes/{web}/restart", 202)
    back = await session.reach(web="running")

    assert (alone["web"]["status"], alone["web"]["replicas"]) == ("stopped", 0)
    assert both["web"]["environmentId"] == back["web"]["environmentId"] == alone["web"]["environmentId"]
    assert (one["web"]["replicas"], none["web"]["readyReplicas"]) == (0, 0)
    assert back["web"]["url"] == both["web"]["url"], "ports are kept"
    assert back["worker"]["status"] == "stopped", "what was stopped stays so"


async def _environment(session: Session) -> dict[str, Any] | None:
    found = await session.client.data("{ environments { nodes { id sessionId } } }")
    nodes = found["environments"]["nodes"]
    return next((each for each in nodes if each["sessionId"] == session.id), None)


async def test_a_changed_definition_takes_the_place_of_what_runs(session: Session) -> None:
    first = await session.define("worker", {"run": "echo one; exec sleep 1000"})
    await session.ask("POST", "runtimes/run-all", 202)
    environment = (await session.reach(worker="running"))["worker"]["environmentId"]

    changed = {"name": "renamed", "definition": {"run": "echo two; exec sleep 1000"}}
    await session.ask("PUT", f"services/{first}", 200, json=changed)
    second = await session.define("other", SLEEP)
    found = await session.reach(renamed="running")

    assert found["renamed"]["environmentId"] == environment
    assert found["other"]["status"] == "stopped", "a new service does not run before it is told to"

    async def logged() -> bool:
        return await _lines(session.client, environment, "renamed") == ["two"]

    await until(logged)
    await session.ask("DELETE", f"services/{first}", 200)
    await session.ask("DELETE", f"services/{second}", 200)
    await session.client.reach(environment, "terminated")


async def test_a_build_is_made_again_before_a_restart(session: Session) -> None:
    (session.folder / "source").write_text("one")
    definition = {"run": "echo runs $(cat made); exec sleep 1000", "build": "sleep 0.2; cat source > made"}
    service = await session.define("worker", definition)
    await session.ask("POST", "runtimes/run-all", 202)
    environment = (await session.reach(worker="running"))["worker"]["environmentId"]

    (session.folder / "source").write_text("two")
    await session.ask("POST", f"runtimes/{service}/restart", 202)

    async def logged() -> list[str]:
        lines = await _lines(session.client, environment, "worker")
        return lines if len(lines) == 2 else []

    assert await until(logged, 15) == ["runs one", "runs two"]


async def _lines(client: Client, environment_id: str, service: str) -> list[str]:
    answer = await client.get(f"/v1/environments/{environment_id}/logs", params={"service": service})
    assert answer.status_code == 200, answer.text
    return [line["text"] for line in answer.json()["data"]]


async def test_the_end_of_a_session_ends_what_runs_in_it(session: Session, machine: Served) -> None:
    await session.define("worker", {"run": "sleep 1000 & sleep 1000 & wait"})
    await session.ask("POST", "runtimes/run-all", 202)
    environment = (await session.reach(worker="running"))["worker"]["environmentId"]

    async def with_children() -> bool:
        return len(processes(machine.product.settings.data_dir)) >= 3

    await until(with_children)
    await session.client.delete(f"/api/v1/sessions/{session.id}")
    await session.client.reach(environment, "terminated")

    assert processes(machine.product.settings.data_dir) == []
    assert not session.folder.exists()


async def test_the_end_of_a_workspace_ends_what_runs_in_its_sessions(session: Session, machine: Served) -> None:
    await session.define("worker", SLEEP)
    await session.ask("POST", "runtimes/run-all", 202)
    environment = (await session.reach(worker="running"))["worker"]["environmentId"]

    await session.client.delete(f"/api/v1/workspace/{session.folder.parent.parent.name}")
    await session.client.reach(environment, "terminated")

    assert processes(machine.product.settings.data_dir) == []


async def test_an_image_is_refused_and_the_others_run(session: Session) -> None:
    image = await session.define("db", {"image": "postgres:16", "ports": [5432]})
    await session.define("worker", SLEEP)

    refused = await session.ask("POST", f"runtimes/{image}/restart", 422)
    await session.ask("POST", "runtimes/run-all", 202)
    found = await session.reach(worker="running", db="stopped")

    assert refused["error"]["code"] == "engine_refused"
    assert "commands, not images" in found["db"]["message"]


async def test_nothing_is_run_where_nothing_is_defined(session: Session) -> None:
    answer = await session.ask("POST", "runtimes/run-all", 409)

    assert answer["error"]["code"] == "nothing_to_run"


async def test_a_folder_that_is_not_there_is_told(session: Session) -> None:
    await session.define("worker", {**SLEEP, "working_dir": "missing", "restart": "never"})

    await session.ask("POST", "runtimes/run-all", 202)
    found = await session.reach(worker="failed")

    assert "no folder 'missing'" in found["worker"]["message"]


async def test_a_link_out_of_the_working_copy_is_not_followed(session: Session, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (session.folder / "out").symlink_to(tmp_path / "elsewhere")
    await session.define("worker", {**SLEEP, "working_dir": "out", "restart": "never"})

    await session.ask("POST", "runtimes/run-all", 202)
    found = await session.reach(worker="failed")

    assert "leaves" in found["worker"]["message"]


async def test_a_service_gets_its_secret(session: Session) -> None:
    definition = {"run": "echo it is $TOKEN; exec sleep 1000", "env": {"TOKEN": "${secrets.TOKEN}"}}
    given = {"name": "worker", "definition": definition, "secrets": [{"name": "TOKEN", "value": "secret-word"}]}
    await session.ask("POST", "services", 201, json=given)

    await session.ask("POST", "runtimes/run-all", 202)
    environment = (await session.reach(worker="running"))["worker"]["environmentId"]

    async def logged() -> bool:
        return await _lines(session.client, environment, "worker") == ["it is secret-word"]

    await until(logged)
    assert "secret-word" not in str(await session.ask("GET", "services"))


async def test_a_port_that_is_taken_is_told(session: Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        await session.define("web", {**SLEEP, "ports": [port]})

        await session.ask("POST", "runtimes/run-all", 202)
        found = await session.reach(web="failed")

    assert f"Port {port}" in found["web"]["message"]


async def test_a_database_is_at_the_service_s_own_port(session: Session, machine: Served) -> None:
    block = {"engine": "postgresql", "database": "shop", "user": "web"}
    service = {"name": "db", "definition": {**SLEEP, "ports": ["sql"]}, "database": block}
    made = await session.ask("POST", "services", 201, json=service)

    await session.ask("POST", "runtimes/run-all", 202)
    await session.reach(db="running")
    ports = await until(session.ports_of_db, 15)
    services = _services(machine)
    access = await services.database(session.id, made["id"])

    assert (access.host, access.port) == ("127.0.0.1", ports[0]["port"])
    assert made["database"]["port"] is None


def _services(machine: Served) -> Any:
    from app.services.runtimes import RuntimeParts
    from app.services.service import Services

    product = machine.product.product
    tenant = machine.tenant
    return Services(tenant.work(), tenant.actor, RuntimeParts(product.workspaces, product.environments))


async def test_a_session_s_blueprint_is_not_changed_as_an_environment_s(session: Session, machine: Served) -> None:
    await session.define("worker", SLEEP)
    await session.ask("POST", "runtimes/run-all", 202)
    environment = (await session.reach(worker="running"))["worker"]["environmentId"]

    asked = """mutation ($id: ID!, $input: ChangeBlueprintInput!) {
      changeEnvironmentBlueprint(id: $id, input: $input) { id } }"""
    given = {"id": environment, "input": {"blueprint": {"services": {"x": {"run": "y"}}}}}

    assert await machine.code(asked, given) == "ENVIRONMENT_OF_SESSION"
