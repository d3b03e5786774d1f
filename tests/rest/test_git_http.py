"""The real git, cloning and pushing over HTTP with an API key."""

from __future__ import annotations

import gzip
import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.audit.repository import ALL_EVENTS
from app.core.actor import Role
from app.settings import Settings
from tests.support.live import LiveServer
from tests.support.waiting import soon

_numbers = itertools.count(1)


class Remote:
    """A workspace of the live server, as git sees it."""

    def __init__(self, live: LiveServer) -> None:
        self.live = live
        self.id: str = self._made()

    def _made(self) -> Any:
        asked = "mutation ($name: String!) { createWorkspace(input: {name: $name}) { id } }"
        return self.ask(asked, name=f"shop {next(_numbers)}")["createWorkspace"]["id"]

    def ask(self, query: str, **variables: Any) -> Any:
        answer = self.live.http.post("/graphql", json={"query": query, "variables": variables}).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def url(self, key: str | None = None) -> str:
        address = self.live.url.removeprefix("http://")
        user = f"git:{self.live.key if key is None else key}@" if key != "" else ""
        return f"http://{user}{address}/git/{self.id}.git"


def git(folder: Path, *words: str, ok: bool = True) -> str:
    environment = {
        **os.environ,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode == 0) is ok, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One server for all: each test has a workspace of its own."""
    with LiveServer(Settings(data_dir=tmp_path_factory.mktemp("live") / "data", database_url="")) as started:
        yield started


@pytest.fixture
def remote(live: LiveServer) -> Remote:
    return Remote(live)


def clone(remote: Remote, folder: Path, key: str | None = None) -> Path:
    git(folder, "clone", "-q", remote.url(key), "copy")
    return folder / "copy"


def test_a_clone_is_changed_and_pushed(remote: Remote, tmp_path: Path) -> None:
    copy = clone(remote, tmp_path)
    (copy / "file").write_text("1\n")
    git(copy, "add", ".")
    git(copy, "commit", "-q", "-m", "From elsewhere")

    git(copy, "push", "-q", "origin", "main", "main:refs/heads/feature")

    branches = remote.ask("query ($id: ID!) { workspaceBranches(workspaceId: $id) { name commit } }", id=remote.id)
    head = git(copy, "rev-parse", "HEAD").strip()
    assert branches["workspaceBranches"] == [{"name": "feature", "commit": head}, {"name": "main", "commit": head}]
    again = tmp_path / "again"
    again.mkdir()
    assert (clone(remote, again) / "file").read_text() == "1\n"


def test_a_push_of_many_megabytes_and_a_shallow_clone(remote: Remote, tmp_path: Path) -> None:
    copy = clone(remote, tmp_path)
    (copy / "large").write_bytes(os.urandom(20 * 1024 * 1024))
    git(copy, "add", ".")
    git(copy, "commit", "-q", "-m", "Large")
    git(copy, "push", "-q")

    git(tmp_path, "clone", "-q", "--depth", "1", remote.url(), "shallow")

    assert (tmp_path / "shallow" / "large").stat().st_size == 20 * 1024 * 1024


def test_a_push_is_one_audit_event_with_the_branches(remote: Remote, tmp_path: Path) -> None:
    copy = clone(remote, tmp_path)
    git(copy, "commit", "-q", "--allow-empty", "-m", "Empty")
    git(copy, "push", "-q", "origin", "main:refs/heads/feature")

    async def events() -> list[Any]:
        return await remote.live.tenant.work().all(ALL_EVENTS)

    told = remote.live.run(events())
    pushes = [event for event in told if event.action == "repository.push" and event.resource == remote.id]
    [event] = pushes
    assert event.resource == remote.id
    assert [branch["name"] for branch in event.details["branches"]] == ["feature"]


def test_a_push_sets_automations_going(remote: Remote, tmp_path: Path) -> None:
    session = remote.ask("mutation ($id: ID!) { createSession(input: {workspaceId: $id}) { id } }", id=remote.id)[
        "createSession"
    ]["id"]
    given = {
        "name": "look at what came",
        "trigger": {"events": ["repository.pushed"], "filter": {"id": remote.id}},
        "action": {"kind": "CREATE_TASK", "sessionId": session, "title": "$event.branches.0.name"},
    }
    make = """mutation ($id: ID!, $input: CreateAutomationInput!) {
      createAutomation(workspaceId: $id, input: $input) { automation { id } } }"""
    remote.ask(make, id=remote.id, input=given)
    copy = clone(remote, tmp_path)
    git(copy, "commit", "-q", "--allow-empty", "-m", "Empty")

    git(copy, "push", "-q", "origin", "main:refs/heads/feature")

    asked = "query ($id: ID!) { tasks(sessionId: $id) { nodes { title } } }"
    soon(lambda: remote.ask(asked, id=session)["tasks"]["nodes"] == [{"title": "feature"}])


def test_a_push_that_is_no_fast_forward_is_refused_by_name(remote: Remote, tmp_path: Path) -> None:
    one = clone(remote, tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    two = clone(remote, other)
    for copy in (one, two):
        (copy / "file").write_text(f"{copy}\n")
        git(copy, "add", ".")
        git(copy, "commit", "-q", "-m", "Change")
    git(one, "push", "-q")

    assert "rejected" in git(two, "push", ok=False)


def test_a_push_to_a_sessions_branch_takes_its_files_along(remote: Remote, tmp_path: Path) -> None:
    made = remote.ask(
        'mutation ($id: ID!) { createSession(input: {workspaceId: $id, branch: "work"}) { id } }', id=remote.id
    )["createSession"]["id"]
    copy = clone(remote, tmp_path)
    git(copy, "checkout", "-q", "work")
    (copy / "file").write_text("1\n")
    git(copy, "add", ".")
    git(copy, "commit", "-q", "-m", "From elsewhere")
    git(copy, "push", "-q")
    read = 'query ($id: ID!) { file(sessionId: $id, path: "file") { text } workingCopyDiff(sessionId: $id) { count } }'

    assert remote.ask(read, id=made) == {"file": {"text": "1\n"}, "workingCopyDiff": {"count": 0}}
    remote.ask('mutation ($id: ID!) { writeFile(sessionId: $id, path: "file", text: "2\\n") { version } }', id=made)
    (copy / "file").write_text("3\n")
    git(copy, "commit", "-q", "-a", "-m", "Again")
    assert "remote rejected" in git(copy, "push", ok=False)
    assert remote.ask(read, id=made)["file"] == {"text": "2\n"}


def test_who_may_not_is_refused(remote: Remote, tmp_path: Path) -> None:
    live = remote.live
    viewer = live.run(live.tenant.key(Role.VIEWER))
    other = live.run(live.tenant.key(Role.OWNER, "environments:read"))

    assert "Authentication failed" in git(tmp_path, "clone", remote.url("sk_live_wrong"), "x", ok=False)
    assert "could not read Username" in git(tmp_path, "clone", remote.url(""), "x", ok=False)
    assert "403" in git(tmp_path, "clone", remote.url(other), "x", ok=False)
    copy = clone(remote, tmp_path, viewer)
    git(copy, "commit", "-q", "--allow-empty", "-m", "Empty")
    assert "403" in git(copy, "push", ok=False)


def test_another_organizations_repository_is_not_there(remote: Remote, tmp_path: Path) -> None:
    from tests.support.tenants import found

    stranger = remote.live.run(found(remote.live.product.database))

    foreign = git(tmp_path, "clone", remote.url(stranger.api_key), "x", ok=False)
    missing = git(tmp_path, "clone", remote.url().replace(remote.id, "wsp_" + "0" * 26), "x", ok=False)

    assert "not found" in foreign
    assert "not found" in missing


@pytest.mark.parametrize("path", ["../../etc", "%2e%2e", "wsp_x", "..%2f..", "wsp_%00"])
def test_a_path_leads_to_no_other_folder(remote: Remote, path: str) -> None:
    answer = remote.live.http.get(f"/git/{path}.git/info/refs", params={"service": "git-upload-pack"})

    assert answer.status_code in (400, 404)


def test_what_is_no_git_is_told(remote: Remote) -> None:
    http, base = remote.live.http, f"/git/{remote.id}.git"
    kind = {"Content-Type": "application/x-git-upload-pack-request"}

    assert http.get(f"{base}/info/refs").status_code == 400
    assert http.get(f"{base}/info/refs", params={"service": "git-evil"}).status_code == 400
    assert http.post(f"{base}/git-receive-pack", content=b"0000").status_code == 415
    push = {"Content-Type": "application/x-git-receive-pack-request", "Content-Encoding": "gzip"}
    assert http.post(f"{base}/git-receive-pack", content=b"no gzip", headers=push).status_code == 400
    bomb = gzip.compress(b"0" * 3_000_000)
    told = http.post(f"{base}/git-receive-pack", content=bomb, headers=push)
    assert told.status_code in (200, 500), told.text
    assert http.get(f"{base}/HEAD").status_code == 404
    assert httpx.post(f"{remote.live.url}{base}/git-upload-pack", headers=kind).status_code == 401


def test_an_agent_is_judged(remote: Remote, tmp_path: Path) -> None:
    made = remote.ask(
        'mutation { enrollAgent(input: {name: "pusher"}) { credential } '
        'createPolicy(input: {name: "look", rules: [{type: "action_denylist", actions: ["repository.push"]}]}) { id } }'
    )
    credential = made["enrollAgent"]["credential"]

    copy = clone(remote, tmp_path, credential)
    git(copy, "commit", "-q", "--allow-empty", "-m", "Empty")

    assert "403" in git(copy, "push", ok=False)
