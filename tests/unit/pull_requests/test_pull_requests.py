"""Pull requests on real git: opening, merging in three ways, conflicts, races, reviews that follow their lines."""

from __future__ import annotations

import asyncio

import pytest

from app.core.errors import SoundstageError
from app.git.errors import RevisionNotFound
from app.git.worktrees import UncommittedChanges
from app.pull_requests.errors import (
    AlreadyMerged,
    BadPullRequest,
    MergeConflicts,
    MergeMoved,
    NothingToMerge,
    PullRequestClosed,
    PullRequestExists,
    PullRequestNotFound,
)
from app.pull_requests.models import MergeMethod, PullRequestStatus, Side, Verdict
from app.pull_requests.reviews import Remark, Reviews
from app.pull_requests.service import PullRequests
from tests.support.working import Working

pytestmark = pytest.mark.anyio

TEXT = "".join(f"line {number}\n" for number in range(1, 21))


class Pulls:
    """The verbs in units of work of their own, committed."""

    def __init__(self, working: Working) -> None:
        self.working = working

    @property
    def fresh(self) -> PullRequests:
        return PullRequests(self.working.tenant.work(), self.working.tenant.actor, self.working.parts)

    async def open(self, branch: str = "work", **given: str) -> str:
        pulls = self.fresh
        made = await pulls.open(self.working.workspace, "The change", branch, **given)  # type: ignore[arg-type]
        await pulls.work.commit()
        return made.id

    async def merge(self, pull_id: str, method: MergeMethod = MergeMethod.MERGE, **given: str) -> str:
        pulls = self.fresh
        made = await pulls.merge(pull_id, method=method, **given)  # type: ignore[arg-type]
        await pulls.work.commit()
        return made.merged_commit or ""

    async def refreshed(self, pull_id: str) -> PullRequestStatus:
        pulls = self.fresh
        found = await pulls.refresh(pull_id)
        await pulls.work.commit()
        return found.status

    async def review(self, pull_id: str, verdict: Verdict, *remarks: Remark, body: str = "") -> None:
        reviews = Reviews(self.working.tenant.work(), self.working.tenant.actor, self.working.parts)
        pull = await reviews.pull_of(self.working.workspace, self.working.id, pull_id)
        await reviews.add(pull, self.working.id, verdict, body, remarks)
        await reviews.work.commit()

    async def places(self, pull_id: str) -> list[tuple[str, int | None]]:
        reviews = Reviews(self.working.tenant.work(), self.working.tenant.actor, self.working.parts)
        pull = await reviews.pull_of(self.working.workspace, self.working.id, pull_id)
        return [(each.path, each.line) for found in await reviews.all(pull) for each in found.comments]


@pytest.fixture
def pulls(working: Working) -> Pulls:
    return Pulls(working)


async def commit(working: Working, message: str, **files: str) -> str:
    for path, text in files.items():
        working.write(path, text)
    return (await working.control.commit(working.id, message)).id


async def test_opening_one_needs_a_commit_that_the_target_lacks(working: Working, pulls: Pulls) -> None:
    with pytest.raises(NothingToMerge):
        await pulls.open()
    with pytest.raises(RevisionNotFound):
        await pulls.open("nowhere")
    with pytest.raises(BadPullRequest):
        await pulls.open("main", target="main")
    await commit(working, "One", file="1\n")

    first = await pulls.open()

    with pytest.raises(PullRequestExists):
        await pulls.open()
    found = await pulls.fresh.get(first)
    assert (found.number, found.status, found.target_branch) == (1, PullRequestStatus.OPEN, "main")


@pytest.mark.parametrize("method", list(MergeMethod))
async def test_merging_brings_the_files_in(working: Working, pulls: Pulls, method: MergeMethod) -> None:
    other = await working.session(branch="other")
    await commit(working, "One", file="1\n")
    await commit(working, "Two", more="2\n")
    await commit(other, "Elsewhere", elsewhere="3\n")
    await pulls.merge(await pulls.open("other"))
    before = working.git("rev-parse", "main").strip()
    opened = await pulls.open()

    head = await pulls.merge(opened, method)

    assert working.git("rev-parse", "main").strip() == head
    assert working.git("ls-tree", "--name-only", "main").split() == ["README.md", "elsewhere", "file", "more"]
    subjects = working.git("log", "--format=%s", f"{before}..main").splitlines()
    assert (
        subjects
        == {
            MergeMethod.MERGE: ["The change (#2)", "Two", "One"],
            MergeMethod.SQUASH: ["The change (#2)"],
            MergeMethod.REBASE: ["Two", "One"],
        }[method]
    )
    parents = len(working.git("log", "-1", "--format=%P", "main").split())
    assert parents == (2 if method is MergeMethod.MERGE else 1)
    assert working.git("fsck", "--strict", "--no-dangling") == ""
    with pytest.raises(PullRequestClosed):
        await pulls.merge(opened, method)
    assert (await pulls.fresh.counts(working.workspace))[PullRequestStatus.MERGED] == 2


async def test_a_rebase_keeps_authors_and_dates(working: Working, pulls: Pulls) -> None:
    other = await working.session(branch="other")
    await commit(other, "Elsewhere", elsewhere="3\n")
    working.write("file", "1\n")
    working.git("add", ".")
    working.git(
        *("-c", "user.name=Ada", "-c", "user.email=ada@example.com"),
        *("commit", "-q", "-m", "By Ada", "--date", "2020-02-03T04:05:06+00:00"),
    )
    await pulls.merge(await pulls.open("other"))

    await pulls.merge(await pulls.open(), MergeMethod.REBASE)

    assert working.git("log", "-1", "--format=%an %ae %aI %cE", "main").split() == [
        "Ada",
        "ada@example.com",
        "2020-02-03T04:05:06+00:00",
        working.tenant.email,
    ]


@pytest.mark.parametrize("method", list(MergeMethod))
async def test_a_conflict_is_told_on_all_sides_and_nothing_moves(
    working: Working, pulls: Pulls, method: MergeMethod
) -> None:
    await commit(working, "Base", file=TEXT)
    await pulls.merge(await pulls.open(), MergeMethod.REBASE)
    other = await working.session(branch="other")
    await commit(working, "Ours", file=TEXT.replace("line 5", "work"))
    await commit(other, "Theirs", file=TEXT.replace("line 5", "other"))
    await pulls.merge(await pulls.open("other"))
    opened, before = await pulls.open(), working.git("rev-parse", "main")

    with pytest.raises(MergeConflicts) as told:
        await pulls.merge(opened, method)

    assert told.value.details["paths"] == ["file"]
    assert working.git("rev-parse", "main") == before
    standing = await pulls.fresh.standing(await pulls.fresh.get(opened))
    assert (standing.mergeable, [each.path for each in standing.conflicts]) == (False, ["file"])
    [content] = await pulls.fresh.conflict_content(await pulls.fresh.get(opened))
    assert content.base == TEXT
    assert content.ours == TEXT.replace("line 5", "other")
    assert content.theirs == TEXT.replace("line 5", "work")
    assert content.merged is not None
    assert "<<<<<<<" in content.merged


async def test_a_file_deleted_on_one_side_is_a_conflict_with_a_missing_side(working: Working, pulls: Pulls) -> None:
    await commit(working, "Base", file=TEXT)
    await pulls.merge(await pulls.open(), MergeMethod.REBASE)
    other = await working.session(branch="other")
    (other.folder / "file").unlink()
    await commit(other, "Gone")
    await commit(working, "Changed", file=TEXT.replace("line 5", "work"))
    await pulls.merge(await pulls.open("other"))

    [content] = await pulls.fresh.conflict_content(await pulls.fresh.get(await pulls.open()))

    assert (content.ours, content.base, content.theirs) == (None, TEXT, TEXT.replace("line 5", "work"))


@pytest.mark.parametrize("method", list(MergeMethod))
async def test_of_two_merges_at_once_one_wins(working: Working, pulls: Pulls, method: MergeMethod) -> None:
    await commit(working, "One", file="1\n")
    opened = await pulls.open()

    told = await asyncio.gather(*(pulls.merge(opened, method) for _ in range(4)), return_exceptions=True)

    lost = [each for each in told if isinstance(each, SoundstageError)]
    assert len(lost) == 3
    assert {each.status for each in lost} == {409}
    assert working.git("log", "--format=%s", "main").splitlines().count("One") <= 1
    assert (await pulls.fresh.get(opened)).status is PullRequestStatus.MERGED


async def test_different_ones_into_one_branch_all_come_in(working: Working, pulls: Pulls) -> None:
    opened = []
    for number in range(6):
        other = await working.session(branch=f"branch-{number}")
        await commit(other, f"Change {number}", **{f"file-{number}": "1\n"})
        opened.append(await pulls.open(f"branch-{number}"))

    await asyncio.gather(*(pulls.merge(each) for each in opened))

    files = working.git("ls-tree", "--name-only", "main").split()
    assert files == ["README.md", *(f"file-{number}" for number in range(6))]


async def test_a_branch_that_moved_is_not_merged_unseen(working: Working, pulls: Pulls) -> None:
    seen = await commit(working, "One", file="1\n")
    opened = await pulls.open()
    await commit(working, "Two", file="2\n")

    with pytest.raises(MergeMoved):
        await pulls.merge(opened, expected_source=seen)


async def test_a_target_that_is_checked_out_goes_along_or_nothing_happens(working: Working, pulls: Pulls) -> None:
    target = await working.session(branch="target")
    await commit(working, "One", file="1\n")
    opened = await pulls.open(target="target")
    target.write("file", "in the way\n")

    with pytest.raises(UncommittedChanges):
        await pulls.merge(opened)
    assert (target.folder / "file").read_text() == "in the way\n"
    assert target.git("log", "--format=%s").splitlines() == ["Begin with the template empty"]
    (target.folder / "file").unlink()
    await pulls.merge(opened)

    assert (target.folder / "file").read_text() == "1\n"
    assert target.git("status", "--porcelain") == ""


@pytest.mark.parametrize("method", list(MergeMethod))
async def test_a_merge_whose_row_was_lost_is_found_by_a_refresh(
    working: Working, pulls: Pulls, method: MergeMethod
) -> None:
    await commit(working, "One", file="1\n")
    opened = await pulls.open()
    await pulls.fresh.merge(opened, method=method)  # and no commit, as after a crash

    with pytest.raises(AlreadyMerged):
        await pulls.merge(opened, method)
    assert await pulls.refreshed(opened) is PullRequestStatus.MERGED


async def test_closing_and_opening_again(working: Working, pulls: Pulls) -> None:
    await commit(working, "One", file="1\n")
    opened = await pulls.open()
    service = pulls.fresh
    await service.update(opened, closed=True, title="Another title")
    await service.work.commit()

    with pytest.raises(PullRequestClosed):
        await pulls.merge(opened)
    again = pulls.fresh
    found = await again.update(opened, closed=False)
    await again.work.commit()

    assert (found.title, found.status, found.version) == ("Another title", PullRequestStatus.OPEN, 3)
    await pulls.merge(opened)
    with pytest.raises(PullRequestClosed):
        await pulls.fresh.update(opened, closed=True)


async def test_comments_follow_their_lines(working: Working, pulls: Pulls) -> None:
    await commit(working, "File", file=TEXT)
    opened = await pulls.open()
    await pulls.review(
        opened,
        Verdict.REQUEST_CHANGES,
        Remark("file", 3, "stays"),
        Remark("file", 10, "moves"),
        Remark("file", 15, "changes"),
        Remark("README.md", 1, "elsewhere", Side.OLD),
    )

    assert await pulls.places(opened) == [("file", 3), ("file", 10), ("file", 15), ("README.md", 1)]
    changed = TEXT.replace("line 5\n", "line 5\nnew\nnew\n").replace("line 15", "changed")
    await commit(working, "Change", file=changed)
    assert await pulls.places(opened) == [("file", 3), ("file", 12), ("file", None), ("README.md", 1)]
    (working.folder / "file").rename(working.folder / "renamed")
    await commit(working, "Rename")
    assert await pulls.places(opened) == [("renamed", 3), ("renamed", 12), ("renamed", None), ("README.md", 1)]
    (working.folder / "renamed").unlink()
    await commit(working, "Delete")
    assert await pulls.places(opened) == [("file", None), ("file", None), ("file", None), ("README.md", 1)]


@pytest.mark.parametrize(
    "remark",
    [
        Remark("file", 0, "x"),
        Remark("file", 21, "x"),
        Remark("nowhere", 1, "x"),
        Remark("file", 1, " "),
        Remark("../x", 1, "x"),
    ],
)
async def test_a_comment_on_nothing_is_refused(working: Working, pulls: Pulls, remark: Remark) -> None:
    await commit(working, "File", file=TEXT)
    opened = await pulls.open()

    with pytest.raises(SoundstageError) as told:
        await pulls.review(opened, Verdict.COMMENT, remark)
    assert told.value.status == 422
    with pytest.raises(BadPullRequest):
        await pulls.review(opened, Verdict.COMMENT)


async def test_a_session_of_another_workspace_sees_none(working: Working, pulls: Pulls) -> None:
    await commit(working, "File", file=TEXT)
    opened = await pulls.open()
    reviews = Reviews(working.tenant.work(), working.tenant.actor, working.parts)

    with pytest.raises(PullRequestNotFound):
        await reviews.pull_of("wsp_" + "0" * 26, working.id, opened)
