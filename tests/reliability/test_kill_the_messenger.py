"""`kill -9` of the server while it tells others: every event arrives, and every run of an automation is done once."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from tests.support.program import Program, program, until

BLUEPRINT = {"name": "small", "services": {"one": {"run": "exec sleep 1000"}}}
KILLS, AT_ONCE = 5, 4
RUNS = "query ($id: ID!) { automationRuns(id: $id, first: 100) { nodes { id status resource attempt error } } }"


class _Taker(BaseHTTPRequestHandler):
    """Answers slowly, so that a kill falls between what was sent and what was noted."""

    taken: list[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
        time.sleep(0.05)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def taker() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taker)
    server.daemon_threads = True
    _Taker.taken = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", _Taker.taken
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.mark.timeout(180)
def test_every_event_arrives_and_every_run_is_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taker: tuple[str, list[tuple[dict[str, str], bytes]]]
) -> None:
    monkeypatch.setenv("SOUNDSTAGE_ALLOW_PRIVATE_WEBHOOKS", "true")
    url, taken = taker
    with program(tmp_path) as server:
        hook = _post(server, "/api/v1/webhook-integrations", {"name": "hook", "url": url, "events": ["environment.*"]})
        workspace = _post(server, "/api/v1/workspace", {"name": "shop"})["id"]
        action = {"kind": "create_environment", "blueprint": BLUEPRINT}
        given = {"name": "made", "trigger": {"cron": "0 0 1 1 *"}, "action": action}
        automation = _post(server, f"/api/v1/workspace/{workspace}/automations", given)["id"]
        choose = random.Random(7)

        for _ in range(KILLS):
            for _ in range(AT_ONCE):
                _graphql(server, "mutation ($id: ID!) { runAutomation(id: $id) { id } }", automation)
            time.sleep(choose.uniform(0.0, 0.15))
            server.kill()
            server.start()

        runs = until(lambda: _over(server, automation, KILLS * AT_ONCE), 90, "all runs are over")
        assert {run["status"] for run in runs} == {"SUCCEEDED"}, runs
        made = {run["resource"] for run in runs}
        listed = {each["id"] for each in server.data("GET", "/v1/environments?limit=1000")}
        assert len(made) == len(runs)
        assert listed == made, "a run made more than one environment, or none"
        until(lambda: _told(taken) >= {("environment.created", id) for id in made}, 60, "every creation was told")
        for headers, body in taken:
            Webhook(hook["secret"]).verify(body, headers)
        _same_each_time(taken)


def _post(server: Program, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = server.request("POST", path, body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def _graphql(server: Program, query: str, automation: str) -> dict[str, Any]:
    response = server.request("POST", "/graphql", {"query": query, "variables": {"id": automation}})
    assert "errors" not in response.json(), response.text
    data: dict[str, Any] = response.json()["data"]
    return data


def _over(server: Program, automation: str, count: int) -> list[dict[str, Any]] | None:
    try:
        nodes = _graphql(server, RUNS, automation)["automationRuns"]["nodes"]
    except httpx.TransportError:
        return None
    over = [node for node in nodes if node["status"] not in ("PENDING", "RUNNING")]
    return over if len(over) == len(nodes) == count else None


def _told(taken: list[tuple[dict[str, str], bytes]]) -> set[tuple[str, str]]:
    bodies = [json.loads(body) for _, body in list(taken)]
    return {(body["type"], body["data"]["id"]) for body in bodies}


def _same_each_time(taken: list[tuple[dict[str, str], bytes]]) -> None:
    """What comes again has its id, and the same body."""
    first: dict[str, bytes] = {}
    for headers, body in taken:
        assert first.setdefault(headers["webhook-id"], body) == body
