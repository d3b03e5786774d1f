"""The `env` commands against a server with an engine in memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engines.memory import Behaviour
from tests.support.live import LiveServer
from tests.support.program import COMMAND, ROOT, free_port
from tests.support.waiting import soon

Cli = Callable[..., subprocess.CompletedProcess[str]]
BLUEPRINT = "name: shop\nservices:\n  web: {run: serve, ports: [http]}\n"
BROKEN = "name: bad\nservices:\n  broken: {run: fail, restart: never}\n"


@pytest.fixture
def variables(live: LiveServer) -> dict[str, str]:
    return {**os.environ, "SOUNDSTAGE_URL": live.url, "SOUNDSTAGE_API_KEY": live.key, "NO_COLOR": "1"}


@pytest.fixture
def cli(variables: dict[str, str]) -> Cli:
    def call(*words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words],
            cwd=ROOT,
            env={**variables, **more},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


def test_create_waits_until_all_runs(cli: Cli) -> None:
    done = cli("env", "create", "-", "--name", "first", "--json", stdin=BLUEPRINT)

    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert (made["name"], made["status"]) == ("first", "RUNNING")
    assert "web is running" in done.stderr


def test_create_prints_services_and_addresses(cli: Cli) -> None:
    done = cli("env", "create", "-", stdin=BLUEPRINT)

    assert "SERVICE" in done.stdout
    assert "http://127.0.0.1:" in done.stdout


def test_a_failure_is_told_with_its_last_lines_and_the_next_command(live: LiveServer, cli: Cli) -> None:
    live.engine.behaviour["broken"] = Behaviour(exit_code=3, output="cannot find the thing\n")

    done = cli("env", "create", "-", stdin=BROKEN)

    assert done.returncode == 5
    assert "cannot find the thing" in done.stderr
    assert "env logs env_" in done.stderr


def test_a_time_limit_ends_the_waiting(live: LiveServer, cli: Cli) -> None:
    live.engine.behaviour["web"] = Behaviour(ready_after=60)

    done = cli("env", "create", "-", "--timeout", "500ms", stdin=BLUEPRINT)

    assert done.returncode == 5
    assert "the server goes on" in done.stderr


def test_problems_of_a_blueprint_have_their_place(cli: Cli) -> None:
    done = cli("env", "create", "-", stdin="name: x\nservices:\n  web: {rnu: x}\n")

    assert done.returncode == 1
    assert "<stdin>:3:9: error:" in done.stderr
    assert "did you mean `run`?" in done.stderr


def test_a_file_and_a_template_are_one_too_many(cli: Cli) -> None:
    assert cli("env", "create").returncode == 2
    assert cli("env", "create", "-", "--template", "hello").returncode == 2
    assert cli("env", "create", "--template", "nonsense").returncode == 2


def test_secrets_come_from_options_and_files(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hidden\n")
    blueprint = "services:\n  web: {run: serve, env: {A: '${secrets.A}', B: '${secrets.B}'}}\n"

    done = cli("env", "create", "-", "--secret", "A=x=y", "--secret-file", f"B={tmp_path / 'token'}", stdin=blueprint)
    wrong = cli("env", "create", "-", "--secret", "hunter2", stdin=blueprint)

    assert done.returncode == 0, done.stderr
    assert wrong.returncode == 2
    assert "hunter2" not in wrong.stdout + wrong.stderr


def test_a_name_stands_for_its_environment(live: LiveServer, cli: Cli) -> None:
    made = live.running(name="only")

    assert json.loads(cli("env", "get", "only", "--json").stdout)["id"] == made
    assert json.loads(cli("env", "get", made, "--json").stdout)["name"] == "only"


def test_a_name_of_two_is_refused_with_both(live: LiveServer, cli: Cli) -> None:
    both = {live.running(name="twin"), live.running(name="twin")}

    done = cli("env", "stop", "twin")

    assert done.returncode == 2
    assert all(one in done.stderr for one in both)


def test_an_unknown_name_tells_how_to_list(cli: Cli) -> None:
    done = cli("env", "get", "nobody")

    assert done.returncode == 1
    assert "env list" in done.stderr


def test_the_list_is_a_table_or_json(live: LiveServer, cli: Cli) -> None:
    made = live.running(name="listed")

    assert cli("env", "list").stdout.splitlines()[1].split()[:4] == [made, "listed", "running", "1/1"]
    assert [one["id"] for one in json.loads(cli("env", "list", "--json").stdout)] == [made]
    assert json.loads(cli("env", "list", "--status", "stopped", "--json").stdout) == []


def test_the_life_of_an_environment(live: LiveServer, cli: Cli) -> None:
    live.running(name="one")

    stopped = cli("env", "stop", "one", "--wait", "--json")
    resumed = cli("env", "resume", "one", "--wait", "--json")
    scaled = cli("env", "scale", "one", "web", "3", "--json")
    deleted = cli("env", "delete", "one", "--wait", "--json")

    assert json.loads(stopped.stdout)["status"] == "STOPPED"
    assert json.loads(resumed.stdout)["status"] == "RUNNING"
    assert json.loads(scaled.stdout)["services"][0]["replicas"] == 3
    assert json.loads(deleted.stdout)["status"] == "TERMINATED"
    assert cli("env", "get", "one").returncode == 1


def test_what_the_server_refuses_exits_with_1(live: LiveServer, cli: Cli) -> None:
    live.running(name="one")

    done = cli("env", "resume", "one")

    assert done.returncode == 1
    assert "ENVIRONMENT_NOT_STOPPED" in done.stderr
    assert done.stdout == ""


def test_the_last_lines_of_a_log(live: LiveServer, cli: Cli) -> None:
    made = live.running(name="one")
    live.print(f"{made}/web/0", "one\ntwo\nthree\n")

    assert cli("env", "logs", "one", "--tail", "2").stdout == "web | two\nweb | three\n"
    assert cli("env", "logs", "one", "--tail", "1", "--service", "web").stdout == "three\n"
    assert [json.loads(line)["text"] for line in cli("env", "logs", "one", "--json").stdout.splitlines()] == [
        "one",
        "two",
        "three",
    ]


def test_following_prints_the_last_lines_once_and_then_what_comes(
    live: LiveServer, variables: dict[str, str], tmp_path: Path
) -> None:
    made = live.running(name="one")
    live.print(f"{made}/web/0", "".join(f"old {number}\n" for number in range(50)))
    printed = tmp_path / "printed"

    with (
        printed.open("w") as file,
        subprocess.Popen(
            [*COMMAND, "env", "logs", "one", "--follow", "--tail", "2"], cwd=ROOT, env=variables, stdout=file
        ) as process,
    ):
        soon(lambda: "old 49" in printed.read_text())
        live.print(f"{made}/web/0", "new 1\nnew 2\n")
        soon(lambda: "new 2" in printed.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130

    assert printed.read_text().split("\n") == ["web | old 48", "web | old 49", "web | new 1", "web | new 2", ""]


def test_without_a_server_it_exits_with_3(cli: Cli) -> None:
    done = cli("env", "list", SOUNDSTAGE_URL=f"http://127.0.0.1:{free_port()}")

    assert done.returncode == 3
    assert "serve --demo" in done.stderr


def test_a_wrong_key_exits_with_4_and_is_not_shown(cli: Cli) -> None:
    done = cli("env", "list", SOUNDSTAGE_API_KEY="sk_live_wrongwrong")

    assert done.returncode == 4
    assert "wrongwrong" not in done.stderr
