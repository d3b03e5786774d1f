"""The terminal's page in a real browser, on the real program: what stands on its screen, also after `kill -9`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.console.test_pages_in_a_browser import CHROMIUM
from tests.support.node import run_client
from tests.support.program import Program, program

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt install chromium"),
    pytest.mark.skipif(shutil.which("vim") is None, reason="there is no vim: apt install vim"),
]

CONNECTED = "document.getElementById('state').dataset.state === 'connected' && location.search.startsWith('?terminal=')"
SCREEN = "globalThis.soundstageScreen()"
SIZE = "[document.querySelectorAll('.xterm-rows > div').length, innerWidth]"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with program(tmp_path_factory.mktemp("terminal")) as started:
        yield started


def ask(server: Program, query: str, **variables: Any) -> Any:
    answer = server.request("POST", "/graphql", {"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer
    return answer["data"]


@pytest.fixture
def session(server: Program, request: pytest.FixtureRequest) -> str:
    made = ask(
        server,
        "mutation ($name: String!) { createWorkspace(input: {name: $name}) { id } }",
        name=f"{request.node.name[:80]}",
    )["createWorkspace"]["id"]
    found = ask(server, "query ($id: ID!) { defaultSession(workspaceId: $id) { id } }", id=made)
    return str(found["defaultSession"]["id"])


def shows(text: str) -> dict[str, Any]:
    return {"until": f"{SCREEN}.includes({text!r})", "seconds": 15}


def look(server: Program, session: str, steps: list[Any], **options: Any) -> dict[str, Any]:
    url = f"{server.url}/terminal?session={session}#key={server.credentials['api_key']}"
    order = {"url": url, "chromium": CHROMIUM, "steps": steps, "wait": 300, "size": [1000, 620], **options}
    seen: dict[str, Any]
    (seen,) = run_client("page.mjs", order, timeout=120)
    return seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_shell_is_used_from_the_page(server: Program, session: str, scheme: str, tmp_path: Path) -> None:
    typed = "printf '\\033[31mred\\033[0m %s\\n' $((6*7)); git status | head -1\r"

    seen = look(
        server,
        session,
        [
            {"until": CONNECTED},
            {"keys": typed},
            shows("red 42"),
            shows("On branch"),
            SCREEN,
            {"screenshot": str(tmp_path / "page.png")},
        ],
        scheme=scheme,
    )

    assert "red 42" in seen["results"][4]
    assert seen["problems"] == []
    assert server.credentials["api_key"] not in "".join(seen["requests"])
    assert (tmp_path / "page.png").stat().st_size > 5_000


def test_vim_stands_as_it_was_after_the_server_was_killed(server: Program, session: str) -> None:
    assert server.process is not None
    restart = [sys.executable, "-c", _RESTART, str(server.process.pid), str(server.port), str(server.data_dir)]

    seen = look(
        server,
        session,
        [
            {"until": CONNECTED},
            {"keys": "vim -u NONE -n note.txt\r"},
            shows("~"),
            {"keys": "ione line\rand another"},
            shows("and another"),
            SCREEN,
            {"run": restart},
            {"until": f"!({CONNECTED})", "seconds": 5},
            {"until": CONNECTED, "seconds": 30},
            SCREEN,
            {"keys": " after"},
            shows("and another after"),
            {"keys": "\x1b:wq\r"},
            {"until": f"!{SCREEN}.includes('New File')", "seconds": 15},  # what is typed while vim ends may be lost
            {"keys": "cat note.txt | tr a-z A-Z\r"},
            shows("AND ANOTHER AFTER"),
        ],
    )

    before, after = seen["results"][5], seen["results"][9]
    assert "and another" in before
    assert after == before
    assert seen["results"][11], (seen["results"][11:], before[-400:])
    assert seen["results"][15], seen["results"][11:]


def test_a_reload_keeps_the_terminal_and_its_screen(server: Program, session: str) -> None:
    seen = look(
        server,
        session,
        [
            {"until": CONNECTED},
            {"keys": "echo before-$((1+1))\r"},
            shows("before-2"),
            "location.reload()",
            {"until": CONNECTED},
            shows("before-2"),
            {"keys": "exit 3\r"},
            {"until": "document.getElementById('state').textContent.includes('code 3')"},
        ],
    )

    assert seen["results"][5]
    assert seen["results"][7]
    assert "terminal=trm_" in seen["address"]


def test_what_is_wrong_is_said_on_the_page(server: Program) -> None:
    problem = "document.getElementById('problem').textContent"

    seen = look(server, "ses_" + "0" * 26, [{"until": problem}, "document.getElementById('open').hidden"])

    assert "No session" in seen["results"][0]
    assert seen["results"][1] is False


#: Kills the server with -9 and starts it on the same port and data.
_RESTART = """
import os, signal, subprocess, sys, time, urllib.request
pid, port, data = int(sys.argv[1]), sys.argv[2], sys.argv[3]
os.kill(pid, signal.SIGKILL)
command = [sys.executable, "-m", "app.cli.main", "serve", "--host", "127.0.0.1", "--port", port, "--data-dir", data]
time.sleep(0.5)
log = open(data + ".again.log", "ab")
subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
while True:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=1)
        break
    except OSError:
        time.sleep(0.05)
"""


@pytest.fixture(autouse=True, scope="module")
def nothing_left(server: Program) -> Iterator[None]:
    """The server that the browser's test started is ended, too."""
    yield
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "serve" in words and str(server.data_dir) in words:
            process.terminate()
