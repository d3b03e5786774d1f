"""500 writes, commits and merges from 20 clients in one workspace: nothing is lost, and every conflict is told."""

from __future__ import annotations

import itertools
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.program import Program, program

CLIENTS, ROUNDS, LEDGERS = 20, 5, 4
METHODS = ("merge", "squash", "rebase")
#: What a client may be told, and does again.
CONFLICTS = {"file_changed", "file_exists", "conflict", "merge_moved", "uncommitted_changes", "ref_moved"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with program(tmp_path_factory.mktemp("many")) as started:
        yield started


@dataclass
class Told:
    """What the server acknowledged, and what it refused."""

    lines: dict[str, list[str]] = field(default_factory=lambda: {f"ledger-{number}": [] for number in range(LEDGERS)})
    commits: list[str] = field(default_factory=list)
    merged: list[dict[str, Any]] = field(default_factory=list)
    operations: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def done(self, operation: str) -> None:
        with self.lock:
            self.operations[operation] += 1

    def conflict(self, answer: httpx.Response) -> str:
        """The code of a refusal, which has to be a conflict that says what it is."""
        code: str = answer.json()["error"]["code"]
        assert answer.status_code == 409, f"{answer.request.url}: {answer.status_code} {answer.text}"
        with self.lock:
            self.refused[code] += 1
        return code


class Shop:
    """The workspace, and what its clients do in it."""

    def __init__(self, server: Program, name: str, clients: int) -> None:
        self.server, self.told = server, Told()
        self.id: str = self.post("/api/v1/workspace", name=name).json()["id"]
        self.shared = self.session("shared")
        self.own = [self.session(f"client-{number}") for number in range(clients)]

    def post(self, route: str, /, **body: Any) -> httpx.Response:
        return self.server.request("POST", route, body)

    def session(self, branch: str) -> str:
        made = self.post("/api/v1/sessions", workspaceId=self.id, branch=branch)
        assert made.is_success, made.text
        return str(made.json()["id"])

    def files(self, session: str, operation: str, path: str, **body: Any) -> httpx.Response:
        return self.post(f"/api/v1/workspace/{session}/filesystem", operation=operation, path=path, **body)

    def again(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """Asks until there is no conflict any more."""
        for _ in range(200):
            answer = ask()
            if answer.is_success:
                return answer
            code = self.told.conflict(answer)
            assert code in CONFLICTS, answer.text
        raise AssertionError("a conflict that never ends")

    def client(self, number: int) -> None:
        for turn in range(ROUNDS):
            self.append(f"ledger-{number % LEDGERS}", f"{number}/{turn}")
            self.commit_shared(f"ledger-{number % LEDGERS}", number, turn)
            self.write_own(number, turn)
            self.commit_own(number, turn)
            self.merge_own(number, turn)

    def append(self, ledger: str, line: str) -> None:
        """Reads, adds a line, and writes where nobody else has written meanwhile."""

        def once() -> httpx.Response:
            found = self.files(self.shared, "read", ledger)
            there = found.json() if found.status_code == 200 else {"text": "", "version": "absent"}
            text = f"{there['text']}{line}\n"
            return self.files(self.shared, "write", ledger, text=text, expectedVersion=there["version"])

        self.again(once)
        with self.told.lock:
            self.told.lines[ledger].append(line)
        self.told.done("write")

    def commit_shared(self, ledger: str, number: int, turn: int) -> None:
        """Somebody else may have committed the line along with theirs: that is told, too."""
        body = {"message": f"{number}/{turn}", "paths": [ledger]}
        answer = self.post(f"/api/v1/workspace/{self.shared}/version-controls/commit", **body)
        if answer.is_success:
            self.told.commits.append(answer.json()["id"])
        else:
            self.told.conflict(answer)
            assert "nothing to commit" in answer.text.lower(), answer.text
        self.told.done("commit")

    def write_own(self, number: int, turn: int) -> None:
        path, session = f"clients/{number}/{turn}", self.own[number]
        self.again(lambda: self.files(session, "write", path, text=f"{number}/{turn}\n", expectedVersion="absent"))
        self.told.done("write")

    def commit_own(self, number: int, turn: int) -> None:
        body = {"message": f"Turn {turn}"}
        self.again(lambda: self.post(f"/api/v1/workspace/{self.own[number]}/version-controls/commit", **body))
        self.told.done("commit")

    def merge_own(self, number: int, turn: int) -> None:
        base = f"/api/v1/workspace/{self.id}/pull-requests"
        asked = {"title": f"{number}/{turn}", "sourceBranch": f"client-{number}", "targetBranch": "shared"}
        pull = self.again(lambda: self.post(base, **asked)).json()
        method = METHODS[number % len(METHODS)]
        merged = self.again(lambda: self.post(f"{base}/{pull['id']}/merge", method=method)).json()
        assert merged["status"] == "merged"
        self.told.merged.append(merged)
        self.told.done("merge")


@pytest.mark.timeout(240)
def test_500_operations_of_20_clients_lose_nothing(server: Program) -> None:
    shop = Shop(server, "many", CLIENTS)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(shop.client, range(CLIENTS)))

    told = shop.told
    print(f"refused: {dict(told.refused)}")
    assert told.operations == {"write": 200, "commit": 200, "merge": 100}
    assert told.refused, "nobody ever was in another's way: this test tests nothing"
    final = shop.post(f"/api/v1/workspace/{shop.shared}/version-controls/commit", message="What is left")
    assert final.status_code in (201, 409)

    bare = server.data_dir / "workspaces" / shop.id / "repository.git"
    copy = server.data_dir / "workspaces" / shop.id / "sessions" / shop.shared
    assert git(copy, "status", "--porcelain") == ""
    for ledger, lines in told.lines.items():
        assert sorted(git(bare, "show", f"shared:{ledger}").split()) == sorted(lines)
        assert (copy / ledger).read_text() == git(bare, "show", f"shared:{ledger}")
    for number, turn in itertools.product(range(CLIENTS), range(ROUNDS)):
        assert git(bare, "show", f"shared:clients/{number}/{turn}") == f"{number}/{turn}\n"
    history = set(git(bare, "rev-list", "shared").split())
    assert set(told.commits) <= history
    assert {merged["mergedCommit"] for merged in told.merged} <= history
    assert len({merged["number"] for merged in told.merged}) == 100
    assert git(bare, "fsck", "--full", "--strict", "--no-dangling") == ""


def test_of_two_merges_at_once_one_is_told_that_it_lost(server: Program) -> None:
    shop = Shop(server, "two", 1)
    outcomes: Counter[str] = Counter()
    for turn in range(5):
        shop.write_own(0, turn)
        shop.commit_own(0, turn)
        base = f"/api/v1/workspace/{shop.id}/pull-requests"
        asked = {"title": "Together", "sourceBranch": "client-0", "targetBranch": "shared"}
        pull = shop.post(base, **asked).json()["id"]

        def merge(number: int, pull: str = pull, base: str = base) -> str:
            answer = shop.post(f"{base}/{pull}/merge", method=METHODS[number])
            return "merged" if answer.is_success else shop.told.conflict(answer)

        with ThreadPoolExecutor(2) as pool:
            outcomes.update(pool.map(merge, range(2)))

    assert outcomes["merged"] == 5
    assert sum(outcomes.values()) == 10


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout
