"""History, differences and commits of a session, on real git; what git itself says is the measure."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.core.errors import InvalidRequest, SoundstageError
from app.git.diffs import FILE_LINES, FileStatus, LineKind
from app.git.errors import RevisionNotFound
from app.git.paths import BadPath
from app.git.worktrees import NothingToCommit, PathNotFound, UncommittedChanges, WorkingCopyLocked
from app.version_control.service import Filter, NotAnAncestor
from tests.support.working import Working

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """git is no matter of the database."""
    name: str = request.param
    return name


async def test_a_commit_has_the_user_as_its_author(working: Working) -> None:
    working.write("cart.py", "items = []\n")

    made = await working.control.commit(working.id, "Add the cart\n\nIt is empty.")

    assert (made.subject, made.body) == ("Add the cart", "It is empty.")
    assert made.author_email == working.tenant.email
    assert working.git("log", "-1", "--format=%H %ce").split() == [made.id, working.tenant.email]
    assert working.git("status", "--porcelain") == ""


async def test_a_commit_of_some_paths_leaves_the_others(working: Working) -> None:
    working.write("one", "1")
    working.write("two", "2")
    working.write("folder/three", "3")

    await working.control.commit(working.id, "Some", ["one", "folder"])

    assert working.git("show", "--name-only", "--format=", "HEAD").split() == ["folder/three", "one"]
    assert working.git("status", "--porcelain").split() == ["??", "two"]


async def test_nothing_to_commit_is_told(working: Working) -> None:
    with pytest.raises(NothingToCommit):
        await working.control.commit(working.id, "Nothing")
    working.write("one", "1")
    with pytest.raises(PathNotFound):
        await working.control.commit(working.id, "Another", ["two"])


async def test_a_log_is_paged_from_where_it_began(working: Working) -> None:
    for number in range(7):
        working.write("file", f"{number}\n")
        await working.control.commit(working.id, f"Change {number}")

    first = await working.control.log(working.id, 3)
    working.write("file", "meanwhile\n")
    await working.control.commit(working.id, "Meanwhile")
    second = await working.control.log(working.id, 3, first.cursor)
    third = await working.control.log(working.id, 3, second.cursor)

    subjects = [commit.subject for page in (first, second, third) for commit in page.commits]
    assert subjects == [*(f"Change {number}" for number in reversed(range(7))), "Begin with the template empty"]
    assert third.cursor is None


async def test_a_log_is_filtered_by_path_and_author(working: Working) -> None:
    working.write("shop/cart.py", "1")
    await working.control.commit(working.id, "The cart")
    working.write("README.md", "2")
    await working.control.commit(working.id, "The text")
    working.write("*", "a name that is a pattern elsewhere")
    await working.control.commit(working.id, "The star")

    async def subjects(**wanted: str) -> list[str]:
        return [
            commit.subject for commit in (await working.control.log(working.id, 10, wanted=Filter(**wanted))).commits
        ]

    assert await subjects(path="shop") == ["The cart"]
    assert await subjects(path="*") == ["The star"]
    assert len(await subjects(author=working.tenant.email)) == 4
    assert await subjects(author="somebody else") == []


@pytest.mark.parametrize("revision", ["nowhere", "--all", "", "HEAD:README.md", "x\0y", "0" * 40])
async def test_an_unknown_revision_is_told(working: Working, revision: str) -> None:
    with pytest.raises(RevisionNotFound):
        await working.control.commit_of(working.id, revision)
    with pytest.raises(RevisionNotFound):
        await working.control.diff(working.id, revision, "HEAD")


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../b", ".git/config", "a/.GIT/x", "a\0b", "x" * 300, "a/" * 3000]
)
async def test_a_path_out_of_the_working_copy_is_refused(working: Working, path: str) -> None:
    for call in (
        working.control.diff(working.id, None, "HEAD", path=path),
        working.control.commit(working.id, "x", [path]),
        working.control.discard(working.id, [path]),
        working.control.log(working.id, 1, wanted=Filter(path=path)),
    ):
        with pytest.raises(BadPath):
            await call


async def test_a_diff_is_told_in_hunks_with_line_numbers(working: Working) -> None:
    text = [f"line {number}\n" for number in range(1, 41)]
    working.write("file", "".join(text))
    first = await working.control.commit(working.id, "First")
    text[1] = "changed\n"
    del text[30]
    working.write("file", "".join([*text, "no end"]))
    second = await working.control.commit(working.id, "Second")

    found = await working.control.diff(working.id, first.id, second.id, context=1)

    [file] = found.files
    assert (file.status, file.additions, file.deletions) == (FileStatus.MODIFIED, 2, 2)
    shown = [[(line.kind, line.old, line.new, line.text) for line in hunk.lines] for hunk in file.hunks]
    assert shown[0] == [
        (LineKind.CONTEXT, 1, 1, "line 1"),
        (LineKind.REMOVED, 2, None, "line 2"),
        (LineKind.ADDED, None, 2, "changed"),
        (LineKind.CONTEXT, 3, 3, "line 3"),
    ]
    assert shown[1] == [
        (LineKind.CONTEXT, 30, 30, "line 30"),
        (LineKind.REMOVED, 31, None, "line 31"),
        (LineKind.CONTEXT, 32, 31, "line 32"),
    ]
    assert file.hunks[-1].lines[-1].unended
    assert file.patch == working.git("diff", "--full-index", "-U1", first.id, second.id)


async def test_the_working_copy_tells_every_kind_of_change_apart(working: Working) -> None:
    working.write("changed", "1\n")
    working.write("gone", "2\n")
    working.write("moved", "".join(f"{number}\n" for number in range(50)))
    working.write("image", b"\x89PNG\0\1\2")
    working.write("ignored.log", "x")
    working.write(".gitignore", "*.log\n")
    working.write('odd "name"\t', "3\n")
    await working.control.commit(working.id, "Before")
    working.write("changed", "one\n")
    (working.folder / "gone").unlink()
    (working.folder / "moved").rename(working.folder / "elsewhere")
    working.write("image", b"\x89PNG\0\3\4")
    working.write("new/file", "new\n")
    working.write("staged", "staged\n")
    working.write('odd "name"\t', "three\n")
    working.git("add", "staged")
    (working.folder / "link").symlink_to("/etc/passwd")
    working.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(working.bare.folder), "part")

    found = await working.control.working_copy_diff(working.id)

    told = {file.path: file for file in found.files}
    assert {path: file.status for path, file in told.items()} == {
        ".gitmodules": FileStatus.ADDED,
        "changed": FileStatus.MODIFIED,
        "elsewhere": FileStatus.RENAMED,
        "gone": FileStatus.DELETED,
        "image": FileStatus.MODIFIED,
        "link": FileStatus.ADDED,
        "new/file": FileStatus.ADDED,
        'odd "name"\t': FileStatus.MODIFIED,
        "part": FileStatus.ADDED,
        "staged": FileStatus.ADDED,
    }
    assert told["elsewhere"].old_path == "moved"
    assert [path for path, file in told.items() if file.binary] == ["image"]
    assert [path for path, file in told.items() if file.submodule] == ["part"]
    assert told["link"].new_mode == "120000"
    assert [line.text for line in told["link"].hunks[0].lines] == ["/etc/passwd"]
    assert [line.text for line in told['odd "name"\t'].hunks[0].lines] == ["3", "three"]


async def test_looking_changes_nothing_in_the_working_copy(working: Working) -> None:
    working.write("new", "1\n")
    before = working.git("status", "--porcelain=v2")

    await working.control.working_copy_diff(working.id)
    await working.control.suggested_message(working.id)

    assert working.git("status", "--porcelain=v2") == before
    assert [file.name for file in working.bare.folder.rglob("index.read-*")] == []


async def test_a_large_file_is_cut_and_many_files_are_paged(working: Working) -> None:
    working.write("large", "x\n" * (FILE_LINES + 10))
    for number in range(5):
        working.write(f"small-{number}", "1\n")

    first = await working.control.working_copy_diff(working.id, first=4)
    second = await working.control.working_copy_diff(working.id, first=4, after=first.cursor)

    assert [file.path for file in (*first.files, *second.files)] == ["large", *(f"small-{each}" for each in range(5))]
    assert (first.count, second.cursor) == (6, None)
    [large, *others] = first.files
    assert large.truncated
    assert (large.additions, sum(len(hunk.lines) for hunk in large.hunks)) == (FILE_LINES + 10, FILE_LINES)
    assert not any(file.truncated for file in others)
    with pytest.raises(InvalidRequest):
        await working.control.working_copy_diff(working.id, after="x")


async def test_a_message_is_made_from_the_change(working: Working) -> None:
    working.write("shop/cart.py", "1\n")
    assert await working.control.suggested_message(working.id) == "Add shop/cart.py"
    working.write("shop/price.py", "1\n")
    assert (await working.control.suggested_message(working.id)).splitlines()[0] == "Add 2 files in shop"
    working.write("README.md", "other\n")
    assert (await working.control.suggested_message(working.id)).splitlines() == [
        "Update 3 files",
        "",
        "- Update README.md",
        "- Add shop/cart.py",
        "- Add shop/price.py",
    ]


async def test_discarding_takes_back_what_was_named_and_nothing_else(working: Working) -> None:
    working.write("kept", "1\n")
    working.write("file", "1\n")
    working.write("gone", "1\n")
    await working.control.commit(working.id, "Before")
    working.write("kept", "2\n")
    working.write("file", "2\n")
    working.write("folder/new", "2\n")
    (working.folder / "gone").unlink()

    taken = await working.control.discard(working.id, ["file", "folder", "gone"])

    assert taken == ["file", "folder/new", "gone"]
    assert working.git("status", "--porcelain").split() == ["M", "kept"]
    assert not (working.folder / "folder").exists()
    with pytest.raises(PathNotFound):
        await working.control.discard(working.id, ["nothing"])
    assert await working.control.discard(working.id) == ["kept"]
    assert working.git("status", "--porcelain") == ""


async def test_discarding_a_link_leaves_what_it_points_to(
    working: Working, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "file"
    outside.write_text("precious")
    (working.folder / "link").symlink_to(outside)
    (working.folder / "folder-link").symlink_to(outside.parent)

    await working.control.discard(working.id)

    assert outside.read_text() == "precious"
    assert working.git("status", "--porcelain") == ""


async def test_a_rollback_is_a_new_commit_with_old_files(working: Working) -> None:
    working.write("file", "1\n")
    first = await working.control.commit(working.id, "One")
    working.write("file", "2\n")
    working.write("more", "2\n")
    second = await working.control.commit(working.id, "Two")

    made = await working.control.rollback(working.id, first.id)

    assert made.parents == (second.id,)
    assert (working.folder / "file").read_text() == "1\n"
    assert not (working.folder / "more").exists()
    assert working.git("status", "--porcelain") == ""
    assert working.git("rev-parse", "work").strip() == made.id
    with pytest.raises(NothingToCommit):
        await working.control.rollback(working.id, first.id)


async def test_a_rollback_keeps_uncommitted_changes_or_refuses(working: Working) -> None:
    working.write("file", "1\n")
    first = await working.control.commit(working.id, "One")
    working.write("file", "2\n")
    await working.control.commit(working.id, "Two")
    working.write("file", "3\n")

    with pytest.raises(UncommittedChanges):
        await working.control.rollback(working.id, first.id)

    assert (working.folder / "file").read_text() == "3\n"
    assert working.git("log", "-1", "--format=%s").strip() == "Two"


async def test_a_rollback_stays_within_its_history(working: Working) -> None:
    other = await working.session(branch="other")
    other.write("file", "1\n")
    elsewhere = await other.control.commit(other.id, "Elsewhere")

    with pytest.raises(NotAnAncestor):
        await working.control.rollback(working.id, elsewhere.id)


async def test_many_at_once_in_one_working_copy_queue_up(working: Working) -> None:
    async def one(number: int) -> None:
        working.write(f"file-{number}", f"{number}\n")
        await working.control.commit(working.id, f"Change {number}", [f"file-{number}"])

    await asyncio.gather(
        *(one(number) for number in range(25)), *(working.control.working_copy_diff(working.id) for _ in range(10))
    )

    assert int(working.git("rev-list", "--count", "main..work")) == 25
    assert working.git("status", "--porcelain") == ""
    assert working.git("fsck", "--strict", "--no-dangling") == ""


async def test_somebody_elses_lock_is_told(working: Working) -> None:
    working.write("file", "1\n")
    index = working.git("rev-parse", "--path-format=absolute", "--git-path", "index").strip()
    lock = Path(index + ".lock")
    lock.touch()

    with pytest.raises(WorkingCopyLocked):
        await working.control.commit(working.id, "x")

    lock.unlink()
    await working.control.commit(working.id, "x")


async def test_hooks_and_filters_of_the_repository_are_never_run(
    working: Working, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mark = tmp_path_factory.mktemp("ran") / "mark"
    for name in (
        "pre-commit",
        "post-commit",
        "commit-msg",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
    ):
        hook = working.bare.folder / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
        hook.chmod(0o755)
    working.git("config", "core.fsmonitor", f"touch {mark}; false")
    working.git("config", "diff.external", f"touch {mark}; false")
    working.git("config", "diff.evil.textconv", f"touch {mark}; cat")
    working.write(".gitattributes", "*.txt diff=evil\n")
    working.write("a.txt", "1\n")

    await working.control.working_copy_diff(working.id)
    made = await working.control.commit(working.id, "One")
    await working.control.diff(working.id, None, made.id)
    working.write("a.txt", "2\n")
    await working.control.discard(working.id)

    assert not mark.exists()


async def test_an_error_of_git_has_no_path_of_the_machine(working: Working) -> None:
    (working.folder / ".git").unlink()

    with pytest.raises(SoundstageError) as told:
        await working.control.commit(working.id, "x")

    assert str(working.parts.folders.root) not in told.value.message
