"""A repository of 20,000 commits and 50,000 files: log, status, diff and tree over the API, beside the program git."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.support.program import Program, program

COMMITS, FILES = 20_000, 50_000
ROUNDS = 40


def measure() -> list[str]:
    """One row a question: median and 95th percentile through REST and by git alone, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder, program(Path(folder)) as server:
        headers = {"Authorization": f"Bearer {server.credentials['api_key']}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=120) as client:
            return _rows(server, client)


def _rows(server: Program, client: httpx.Client) -> list[str]:
    workspace = _ask(client, "POST", "/api/v1/workspace", name="large")["id"]
    bare = server.data_dir / "workspaces" / workspace / "repository.git"
    fill(bare)
    session = _ask(client, "POST", "/api/v1/sessions", workspaceId=workspace, branch="work")["id"]
    copy = server.data_dir / "workspaces" / workspace / "sessions" / session
    for number in range(10):
        (copy / f"folder-{number}" / "new").write_text("new\n")
        (copy / f"folder-{number}" / "file-1").write_text("changed\n")
    base = f"/api/v1/workspace/{session}"
    questions: list[tuple[str, Callable[[], Any], list[str]]] = [
        (
            "a page of 50 commits",
            lambda: _ask(client, "POST", f"{base}/version-controls/log", limit=50),
            ["log", "-50", "--format=%H %an %s"],
        ),
        (
            "the log's page 10,000 commits back",
            _deep(client, base),
            ["log", "-50", "--skip=10000", "--format=%H %an %s"],
        ),
        (
            "commits of one folder",
            lambda: _ask(client, "POST", f"{base}/version-controls/log", limit=50, path="folder-7"),
            ["log", "-50", "--format=%H %an %s", "--", "folder-7"],
        ),
        (
            "the working copy's diff",
            lambda: _ask(client, "GET", f"{base}/version-controls/diff/working-copy"),
            ["status", "--porcelain=v2", "-uall"],
        ),
        (
            "a diff of 20 commits",
            lambda: _ask(client, "POST", f"{base}/version-controls/diff", **{"from": "work~20"}),
            ["diff", "work~20", "work"],
        ),
        (
            "a folder of the tree",
            lambda: _ask(client, "POST", f"{base}/file-tree", path="folder-7"),
            ["ls-files", "--cached", "--others", "--exclude-standard", "folder-7"],
        ),
        (
            "1,000 files of the whole tree",
            lambda: _ask(client, "POST", f"{base}/file-tree", recursive=True),
            ["ls-files", "--cached", "--others", "--exclude-standard"],
        ),
    ]
    return [_row(name, ask, copy, words) for name, ask, words in questions]


def _deep(client: httpx.Client, base: str) -> Callable[[], Any]:
    head = _ask(client, "POST", f"{base}/version-controls/log", limit=1)["nextCursor"].partition(":")[0]
    return lambda: _ask(client, "POST", f"{base}/version-controls/log", limit=50, cursor=f"{head}:10000")


def _row(name: str, ask: Callable[[], Any], copy: Path, words: list[str]) -> str:
    ours = _times(ask)
    theirs = _times(lambda: subprocess.run(["git", *words], cwd=copy, capture_output=True, check=True))
    shown = " | ".join(f"{statistics.median(each):.0f} ms | {_p95(each):.0f} ms" for each in (ours, theirs))
    return f"| {name} | {shown} |"


def _times(work: Callable[[], Any]) -> list[float]:
    for _ in range(3):
        work()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[18]


def _ask(client: httpx.Client, method: str, route: str, /, **body: Any) -> Any:
    answer = client.request(method, route, json=body if method == "POST" else None)
    assert answer.is_success, answer.text
    return json.loads(answer.content)


def fill(bare: Path) -> None:
    """20,000 commits, the first with 50,000 files, into `main`, by git fast-import."""
    process = subprocess.Popen(["git", "fast-import", "--quiet", "--force"], cwd=bare, stdin=subprocess.PIPE)
    assert process.stdin is not None
    write = process.stdin.write
    for number in range(COMMITS):
        message = f"Change {number}"
        write(f"commit refs/heads/main\nmark :{number + 1}\n".encode())
        write(f"committer Somebody <somebody@example.com> {1_600_000_000 + number * 60} +0000\n".encode())
        write(f"data {len(message)}\n{message}\n".encode())
        if number:
            write(f"from :{number}\n".encode())
            _file(write, number % FILES, f"version {number}\n")
        else:
            for each in range(FILES):
                _file(write, each, f"file {each}\n")
    process.stdin.close()
    assert process.wait() == 0


def _file(write: Callable[[bytes], Any], number: int, text: str) -> None:
    path = f"folder-{number % 100}/file-{number // 100}"
    write(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n".encode())
