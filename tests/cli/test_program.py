"""The real program: init, serve, the demo, down."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli.data_lock import holder
from tests.support.program import COMMAND, ROOT, Program, program, run, until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    assert run("down", "--data-dir", str(tmp_path / "data")).returncode == 0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Program]:
    with program(tmp_path) as started, contextlib.closing(started.client):
        yield started


def _start(data_dir: Path, *options: str) -> subprocess.Popen[str]:
    log = (data_dir.parent / "stderr").open("w")
    with log, (data_dir.parent / "stdout").open("w") as out:
        return subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--data-dir", str(data_dir), *options],
            cwd=ROOT,
            stdout=out,
            stderr=log,
            text=True,
        )


def _file(data_dir: Path, name: str) -> Callable[[], Any]:
    path = data_dir / name
    return lambda: path.exists() and json.loads(path.read_text())


def test_each_init_makes_another_organization(data_dir: Path) -> None:
    first, second = (json.loads(run("init", "--data-dir", str(data_dir), "--json").stdout) for _ in range(2))

    assert first.keys() == {"organization_id", "user_id", "api_key"}
    assert first["organization_id"] != second["organization_id"]


def test_an_unknown_plan_is_wrong_usage(data_dir: Path) -> None:
    done = run("init", "--data-dir", str(data_dir), "--plan", "golden")

    assert done.returncode == 2
    assert "enterprise" in done.stderr


def test_a_server_tells_its_address_and_ends_with_0(data_dir: Path) -> None:
    process = _start(data_dir)
    found = until(_file(data_dir, "server.json"), 30, "server.json")

    until(lambda: httpx.get(f"{found['url']}/health/live").status_code == 200, 5, "the server answers")
    process.send_signal(signal.SIGTERM)

    assert process.wait(12) == 0
    assert f"Soundstage is ready at {found['url']}\n" in (data_dir.parent / "stderr").read_text()
    assert not (data_dir / "server.json").exists()
    assert holder(data_dir) is None


def test_a_second_server_on_the_same_data_is_refused(data_dir: Path) -> None:
    process = _start(data_dir)
    until(_file(data_dir, "server.json"), 30, "server.json")

    second = run("serve", "--port", "0", "--data-dir", str(data_dir))

    assert second.returncode == 2
    assert f"process {process.pid}" in second.stderr
    process.terminate()
    assert process.wait(12) == 0


def test_a_taken_port_is_told(data_dir: Path) -> None:
    process = _start(data_dir)
    port = until(_file(data_dir, "server.json"), 30, "server.json")["url"].rpartition(":")[2]

    second = run("serve", "--port", port, "--data-dir", str(data_dir.parent / "other"))

    assert second.returncode == 2
    assert f"Port {port}" in second.stderr
    process.terminate()
    assert process.wait(12) == 0


def test_a_client_that_follows_does_not_hold_up_the_end_and_goes_on_with_the_next_server(
    server: Program, tmp_path: Path
) -> None:
    blueprint = {"services": {"clock": {"run": "while echo tick $((n=n+1)); do sleep 0.2; done"}}}
    made = server.data("POST", "/v1/environments", {"blueprint": blueprint, "name": "clock"})["id"]
    printed = tmp_path / "printed"
    variables = {**os.environ, "SOUNDSTAGE_URL": server.url, "SOUNDSTAGE_API_KEY": server.credentials["api_key"]}
    command = [*COMMAND, "env", "logs", made, "--follow", "--tail", "1000", "--service", "clock"]
    with printed.open("w") as file:
        follower = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=file, stderr=subprocess.DEVNULL)
    until(lambda: "tick 3\n" in printed.read_text(), 20, "the follower prints")

    began = time.monotonic()
    assert server.terminate() == 0
    ended = time.monotonic() - began
    server.start()
    seen = len(printed.read_text().splitlines())
    until(lambda: len(printed.read_text().splitlines()) > seen + 10, 30, "the follower goes on")
    follower.send_signal(signal.SIGINT)
    follower.wait(10)

    lines = printed.read_text().splitlines()
    assert ended < 5
    assert lines == [f"tick {number}" for number in range(1, len(lines) + 1)]


def test_the_demo_brings_up_a_sample_and_its_commands_work_when_pasted(data_dir: Path) -> None:
    process = _start(data_dir, "--demo")
    stdout, stderr = data_dir.parent / "stdout", data_dir.parent / "stderr"
    try:
        until(
            lambda: "Soundstage is ready." in stdout.read_text() and "down --data-dir" in stdout.read_text(),
            60,
            "panel",
        )
        credentials = json.loads((data_dir / "credentials.json").read_text())
        panel = stdout.read_text()
        key = credentials["api_key"]

        answers = [_paste(line) for line in panel.splitlines() if line.startswith("curl ")]
        assert f"{credentials['url']}/graphql#key={key}" in panel
        assert answers[0]["data"][0]["name"] == "sample"
        assert answers[1]["data"]["environments"]["nodes"][0]["status"] == "RUNNING"
        assert httpx.get(answers[0]["data"][0]["url"]).status_code == 200
        assert (data_dir / "credentials.json").stat().st_mode & 0o777 == 0o600
        assert key not in stderr.read_text() + (data_dir / "server.log").read_text()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(12) == 0


def test_the_demo_keeps_its_key_and_its_sample(data_dir: Path) -> None:
    seen = []
    for _ in range(2):
        process = _start(data_dir, "--demo")
        until(lambda: "down --data-dir" in (data_dir.parent / "stdout").read_text(), 60, "panel")
        listed = run("env", "list", "--data-dir", str(data_dir), "--json")
        seen.append([(one["id"], one["services"][0]["restarts"]) for one in json.loads(listed.stdout)])
        process.terminate()
        assert process.wait(12) == 0

    assert len(seen[0]) == 1
    assert seen[0] == seen[1]


def test_down_ends_everything_and_again_nothing(server: Program) -> None:
    made = server.data("POST", "/v1/environments", {"blueprint": {"services": {"a": {"run": "sleep 1000"}}}})["id"]
    until(lambda: server.service_processes({made}), 20, "the service runs")

    server.down()

    assert server.service_processes({made}) == []
    again = run("down", "--data-dir", str(server.data_dir), "--json")
    assert json.loads(again.stdout) == {"server_stopped": False, "services_stopped": False}


def test_down_ends_services_whose_runner_was_killed(server: Program) -> None:
    made = server.data("POST", "/v1/environments", {"blueprint": {"services": {"a": {"run": "sleep 1000"}}}})["id"]
    until(lambda: server.service_processes({made}), 20, "the service runs")
    server.kill()
    os.kill(server.runner_pid(), signal.SIGKILL)

    server.down()

    assert server.service_processes({made}) == []


def test_down_on_nothing_starts_nothing(tmp_path: Path) -> None:
    done = run("down", "--data-dir", str(tmp_path / "none"))

    assert done.returncode == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", ["openapi", "schema"])
def test_documents_need_no_server(command: str) -> None:
    name = {"openapi": "openapi.json", "schema": "schema.graphql"}[command]

    printed = run(command).stdout

    committed = (ROOT / name).read_text()
    assert (
        json.loads(printed) == json.loads(committed) if command == "openapi" else printed.strip() == committed.strip()
    )


def test_blueprints_are_checked_without_a_server(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(run("blueprint", "templates", "hello").stdout)
    bad.write_text("services:\n  web: {rnu: x}\n")

    assert run("blueprint", "validate", str(good)).returncode == 0
    done = run("blueprint", "validate", str(bad))
    as_json = run("blueprint", "validate", str(bad), "--json")

    assert done.returncode == 1
    assert f"{bad}:2:9: error:" in done.stderr
    assert json.loads(as_json.stdout)["valid"] is False
    assert run("blueprint", "validate", str(tmp_path / "none.yaml")).returncode == 2
    assert json.loads(run("blueprint", "schema").stdout)["title"] == "Soundstage Blueprint"


def _paste(command: str) -> Any:
    return json.loads(
        subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=20).stdout
    )
