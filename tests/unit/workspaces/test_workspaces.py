"""Workspaces and sessions: real git, both databases."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from pathlib import Path

import pytest

from app.core.errors import Conflict, PreconditionFailed
from app.database.changes import Database
from app.git.errors import BadBranchName, BranchExists, RevisionNotFound
from app.workspaces import jobs
from app.workspaces.errors import BadWorkspace, SessionNotFound, UnknownTemplate, WorkspaceNameTaken, WorkspaceNotFound
from app.workspaces.folders import GRACE, Folders
from app.workspaces.service import WorkspaceParts, Workspaces
from app.workspaces.sessions import Sessions
from tests.support.tenants import Tenant

pytestmark = pytest.mark.anyio


@pytest.fixture
def parts(tmp_path: Path) -> WorkspaceParts:
    return WorkspaceParts(Folders(tmp_path / "workspaces"))


class Verbs:
    """The verbs in units of work of their own, committed."""

    def __init__(self, tenant: Tenant, parts: WorkspaceParts) -> None:
        self.tenant, self.parts = tenant, parts

    async def workspace(self, name: str = "shop", **given: str) -> str:
        work = self.tenant.work()
        made = await Workspaces(work, self.tenant.actor, self.parts).create(name, **given)  # type: ignore[arg-type]
        await work.commit()
        return made.id

    async def session(self, workspace_id: str, **given: str) -> str:
        work = self.tenant.work()
        made = await Sessions(work, self.tenant.actor, self.parts).create(workspace_id, **given)  # type: ignore[arg-type]
        await work.commit()
        return made.id

    @property
    def workspaces(self) -> Workspaces:
        return Workspaces(self.tenant.work(), self.tenant.actor, self.parts)

    @property
    def sessions(self) -> Sessions:
        return Sessions(self.tenant.work(), self.tenant.actor, self.parts)


@pytest.fixture
def verbs(organization: Tenant, parts: WorkspaceParts) -> Verbs:
    return Verbs(organization, parts)


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


async def test_a_workspace_is_a_repository_with_the_templates_files(verbs: Verbs) -> None:
    made = await verbs.workspace(template_id="python-service")

    bare = verbs.parts.folders.repository(made).folder
    assert run(bare, "ls-tree", "-r", "--name-only", "main").split() == [
        ".gitignore",
        "README.md",
        "service.py",
        "soundstage.yaml",
        "test_service.py",
    ]
    assert run(bare, "log", "-1", "--format=%ae") == verbs.tenant.email
    assert run(bare, "fsck", "--strict") == ""


async def test_a_session_is_a_working_copy_on_a_branch_of_its_own(verbs: Verbs) -> None:
    workspace = await verbs.workspace()

    session = await verbs.session(workspace, name="Fix the cart!")

    copy = await verbs.sessions.working_copy(session)
    assert copy.session.branch == f"session/fix-the-cart-{session[-6:]}"
    assert run(copy.folder, "rev-parse", "--abbrev-ref", "HEAD") == copy.session.branch
    assert (copy.folder / "README.md").exists()
    assert run(copy.folder, "status", "--porcelain") == ""


async def test_deleting_a_session_keeps_its_branch(verbs: Verbs) -> None:
    workspace = await verbs.workspace()
    session = await verbs.session(workspace, branch="feature/one")
    copy = await verbs.sessions.working_copy(session)

    sessions = verbs.sessions
    await sessions.delete(session)
    await sessions.work.commit()
    await verbs.parts.close()

    assert not copy.folder.exists()
    assert "feature/one" in await verbs.workspaces.branches(workspace)
    with pytest.raises(SessionNotFound):
        await verbs.sessions.get(session)


async def test_deleting_a_workspace_ends_everything_in_it(verbs: Verbs) -> None:
    workspace = await verbs.workspace()
    session = await verbs.session(workspace)

    workspaces = verbs.workspaces
    await workspaces.delete(workspace)
    await workspaces.work.commit()
    await verbs.parts.close()

    assert not verbs.parts.folders.workspace(workspace).exists()
    assert await verbs.sessions.find(session) is None
    with pytest.raises(WorkspaceNotFound):
        await verbs.workspaces.get(workspace)


async def test_the_default_session_is_made_once_even_by_many_at_once(verbs: Verbs) -> None:
    workspace = await verbs.workspace()

    async def open_it() -> str:
        sessions = verbs.sessions
        found = await sessions.default(workspace)
        await sessions.work.commit()
        return found.id

    found = await asyncio.gather(*(open_it() for _ in range(8)))

    assert len(set(found)) == 1
    page = await verbs.sessions.page(10, None, workspace)
    assert [(session.id, session.is_default) for session in page.items] == [(found[0], True)]


async def test_who_may_not_write_does_not_make_the_default_session(verbs: Verbs) -> None:
    workspace = await verbs.workspace()

    with pytest.raises(SessionNotFound, match="no default session yet"):
        await verbs.sessions.default(workspace, may_create=False)


async def test_two_workspaces_of_one_name_are_refused_and_nothing_is_left(verbs: Verbs) -> None:
    await verbs.workspace("shop")

    with pytest.raises(WorkspaceNameTaken):
        await verbs.workspace("shop")

    os.utime(verbs.parts.folders.root)
    assert len((await verbs.workspaces.page(10, None)).items) == 1


async def test_what_has_no_row_is_swept_but_not_what_is_just_being_made(database: Database, verbs: Verbs) -> None:
    kept = await verbs.workspace()
    session = await verbs.session(kept)
    folders = verbs.parts.folders
    old = folders.root / ("wsp_" + "0" * 26)
    young = folders.root / ("wsp_" + "1" * 26)
    lost_copy = folders.session(kept, "ses_" + "0" * 26)
    for folder in (old, young, lost_copy):
        folder.mkdir(parents=True)
    past = time.time() - GRACE - 1
    for folder in (old, lost_copy, folders.workspace(kept), folders.session(kept, session)):
        os.utime(folder, (past, past))

    swept = await jobs.sweep(database, folders)

    assert swept == 2
    assert [old.exists(), young.exists(), lost_copy.exists()] == [False, True, False]
    assert (folders.session(kept, session) / "README.md").exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 101])
async def test_a_bad_name_is_refused(verbs: Verbs, name: str) -> None:
    with pytest.raises(BadWorkspace):
        await verbs.workspace(name)


@pytest.mark.parametrize(
    "branch",
    [
        "a..b",
        "/a",
        "a/",
        "-a",
        "a.lock",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "a\\b",
        "@{1}",
        "@",
        "HEAD",
        "a/.b",
        "a\x00b",
        "x" * 201,
    ],
)
async def test_a_bad_branch_name_is_refused(verbs: Verbs, branch: str) -> None:
    workspace = await verbs.workspace()

    with pytest.raises(BadBranchName):
        await verbs.session(workspace, branch=branch)


@pytest.mark.parametrize("base", ["no-such", "--help", "main:README.md", "a\nb", "x" * 500, "HEAD^{tree}"])
async def test_an_unknown_base_is_told(verbs: Verbs, base: str) -> None:
    workspace = await verbs.workspace()

    with pytest.raises(RevisionNotFound):
        await verbs.session(workspace, base=base)

    assert (await verbs.sessions.page(10, None, workspace)).items == []


async def test_a_branch_is_checked_out_once(verbs: Verbs) -> None:
    workspace = await verbs.workspace()
    await verbs.session(workspace, branch="feature")

    for branch in ("feature", "main"):
        with pytest.raises(BranchExists):
            await verbs.session(workspace, branch=branch)


async def test_an_unknown_template_is_told_with_those_that_are_there(verbs: Verbs) -> None:
    with pytest.raises(UnknownTemplate, match="python-service"):
        await verbs.workspace(template_id="../../etc")


async def test_a_change_at_another_version_is_refused(verbs: Verbs) -> None:
    workspace = await verbs.workspace()
    first, second = verbs.workspaces, verbs.workspaces

    await first.update(workspace, description="one")
    await second.update(workspace, description="two")
    await first.work.commit()

    with pytest.raises(Conflict):
        await second.work.commit()
    with pytest.raises(PreconditionFailed):
        await verbs.workspaces.update(workspace, description="three", expected_version=1)
    with pytest.raises(RevisionNotFound):
        await verbs.workspaces.update(workspace, default_branch="nowhere")


async def test_no_hook_and_no_setting_of_a_person_runs_anything(
    verbs: Verbs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await verbs.workspace()
    mark = tmp_path / "ran"
    hook = verbs.parts.folders.repository(workspace).folder / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[core]\n\tfsmonitor = "touch {mark}; false"\n\thooksPath = {hook.parent}\n')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path))

    await verbs.session(workspace)

    assert not mark.exists()


async def test_upkeep_packs_and_indexes_without_touching_what_is_there(database: Database, verbs: Verbs) -> None:
    workspace = await verbs.workspace()
    session = await verbs.session(workspace)
    folder = verbs.parts.folders.session(workspace, session)
    (folder / "uncommitted").write_text("1")
    run(folder, "add", "uncommitted")
    bare = verbs.parts.folders.repository(workspace).folder

    await jobs.maintain(database, verbs.parts.folders)
    await jobs.maintain(database, verbs.parts.folders)

    assert (bare / "objects" / "info" / "commit-graphs").is_dir()
    assert run(folder, "status", "--porcelain") == "A  uncommitted"
    assert run(bare, "fsck", "--strict", "--no-dangling") == ""


async def test_a_broken_repository_holds_up_no_other(database: Database, verbs: Verbs) -> None:
    broken, other = await verbs.workspace("broken"), await verbs.workspace("other")
    (verbs.parts.folders.repository(broken).folder / "HEAD").unlink()

    await jobs.maintain(database, verbs.parts.folders)

    graphs = verbs.parts.folders.repository(other).folder / "objects" / "info" / "commit-graphs"
    assert graphs.is_dir()
