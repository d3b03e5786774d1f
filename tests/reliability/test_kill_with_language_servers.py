"""Language servers of the whole program: asked by npm `vscode-jsonrpc`, and gone when the program is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import websockets.sync.client
from websockets import Subprotocol

from tests.support.language_servers import HELPER, MAIN
from tests.support.node import CLIENTS, run_client
from tests.support.program import Program, program, until

PYTHON = {"path": "main.py", "language": "python", "text": MAIN, "fixed": MAIN.replace("greet(1)", "greet('1')")}
TYPESCRIPT = {
    "path": "main.ts",
    "language": "typescript",
    "text": "function greet(name: string) {\n  return name;\n}\ngreet(1);\n",
    "fixed": "function greet(name: string) {\n  return name;\n}\ngreet('1');\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{CLIENTS / 'node_modules' / '.bin'}{os.pathsep}{os.environ['PATH']}")
        with program(tmp_path_factory.mktemp("languages")) as started:
            yield started


def ask(server: Program, query: str, **variables: Any) -> Any:
    answer = server.request("POST", "/graphql", {"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer
    return answer["data"]


@pytest.fixture
def session(server: Program, request: pytest.FixtureRequest) -> str:
    name = request.node.name[:80]
    made = ask(server, "mutation ($name: String!) { createWorkspace(input: {name: $name}) { id } }", name=name)
    found = ask(
        server, "query ($id: ID!) { defaultSession(workspaceId: $id) { id } }", id=made["createWorkspace"]["id"]
    )
    session = str(found["defaultSession"]["id"])
    [folder] = server.data_dir.glob(f"workspaces/*/sessions/{session}")
    (folder / "main.py").write_text(MAIN)
    (folder / "helper.py").write_text(HELPER)
    (folder / "main.ts").write_text(TYPESCRIPT["text"])
    return session


def url(server: Program, session: str, language: str, name: str) -> str:
    base = server.url.replace("http", "ws")
    return f"{base}/api/v1/ws/lsp?session={session}&language={language}&server={name}"


@pytest.mark.parametrize(
    ("name", "code", "hover"),
    [
        ("basedpyright", PYTHON, [2, 10]),
        ("ty", PYTHON, [2, 10]),
        ("typescript-language-server", TYPESCRIPT, [3, 2]),
    ],
)
def test_a_real_client_has_all_that_it_asks_for(
    server: Program, session: str, name: str, code: dict[str, str], hover: list[int]
) -> None:
    root = "file:///home/me/shop"
    order = {"token": server.credentials["api_key"], "root": root, "hover": hover, **code}

    [told] = run_client("lsp.mjs", {"url": url(server, session, code["language"], name), **order})

    where = "helper.py" if code is PYTHON else "main.ts"
    assert "greet" in told["hover"]
    assert f"{root}/{where}" in told["definition"]
    assert (told["problems"] > 0, told["fixed"], told["completion"] > 0) == (True, 0, True)
    assert told["protocol"] == "soundstage.lsp.v1"
    assert str(server.data_dir) not in str(told)


@pytest.mark.parametrize("name", ["basedpyright", "ty", "typescript-language-server"])
def test_a_killed_program_leaves_no_language_server(server: Program, session: str, name: str) -> None:
    language = "typescript" if name.startswith("typescript") else "python"
    with websockets.sync.client.connect(
        url(server, session, language, name),
        subprotocols=[Subprotocol("soundstage.lsp.v1")],
        additional_headers=server.headers,
        proxy=None,
    ) as socket:
        socket.send('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"rootUri":null,"capabilities":{}}}')
        assert '"capabilities"' in str(socket.recv(30))
        assert server.process is not None
        leashes = [each for each in psutil.Process(server.process.pid).children() if "leash.py" in str(each.cmdline())]
        started = [process for leash in leashes for process in (leash, *leash.children(recursive=True))]
        assert len(started) >= 2
        try:
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            until(lambda: not any(_lives(process) for process in started), 10, f"{name} ends with the server")
        finally:
            server.start()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
