"""What differs in a working copy, while anything may change in it; what git itself says is the measure."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from app.git.diffs import FileDiff, FileStatus, changed_files, with_hunks
from app.git.looking import changes, looking
from app.git.worktrees import discard

pytestmark = pytest.mark.anyio


class Copy:
    """A repository with its working copy."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main", *options)

    def git(self, *words: str, ok: bool = True) -> str:
        own = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "core.quotePath=false")
        return subprocess.run(["git", *own, *words], cwd=self.folder, capture_output=True, text=True, check=ok).stdout

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x")
        return self.git("rev-parse", "HEAD").strip()


@pytest.fixture(params=["sha1", "sha256"])
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Copy:
    return Copy(tmp_path / "copy", f"--object-format={request.param}")


def statuses(files: list[FileDiff]) -> dict[str, FileStatus]:
    return {file.path: file.status for file in files}


async def test_a_patch_is_what_git_itself_says(copy: Copy) -> None:
    for path in ("plain", 'odd "name"\t\\ é', "line\nbreak", "with space/file", "-dash"):
        copy.write(path, "1\n")
    copy.write("moved", "".join(f"{number}\n" for number in range(40)))
    copy.commit()
    for file in copy.folder.rglob("*"):
        if file.is_file() and ".git" not in file.parts and file.name != "moved":
            file.write_text("2\n")
    (copy.folder / "moved").rename(copy.folder / "elsewhere")
    (copy.folder / "plain").chmod(0o755)

    async with looking(copy.folder) as look:
        told = await look.with_hunks(look.files)

    copy.git("add", "--intent-to-add", "elsewhere")
    expected = copy.git("diff", "--full-index", "--find-renames", "HEAD")
    assert sorted("".join(file.patch for file in told).splitlines()) == sorted(expected.splitlines())
    assert statuses(told)["line\nbreak"] is FileStatus.MODIFIED
    assert {file.path for file in told} == {
        *("plain", 'odd "name"\t\\ é', "line\nbreak", "with space/file", "-dash", "elsewhere")
    }


async def test_a_file_that_becomes_a_link_has_both_parts(copy: Copy) -> None:
    copy.write("file", "1\n")
    copy.write("other", "1\n")
    first = copy.commit()
    (copy.folder / "file").unlink()
    (copy.folder / "file").symlink_to("other")
    copy.write("other", "2\n")

    async with looking(copy.folder) as look:
        [file, other] = await look.with_hunks(look.files)
    second = copy.commit()
    between = await with_hunks(copy.folder, await changed_files(copy.folder, first, second), first, second)

    for told, next_one in ((file, other), (between[0], between[1])):
        assert (told.status, told.additions, told.deletions) == (FileStatus.TYPE_CHANGED, 1, 1)
        assert [len(hunk.lines) for hunk in told.hunks] == [1, 1]
        assert (next_one.path, next_one.additions) == ("other", 1)


async def test_what_changes_between_two_looks_is_told_as_it_is_then(copy: Copy) -> None:
    for name in ("back", "gone", "stays"):
        copy.write(name, "1\n")
    copy.commit()
    for name in ("back", "gone", "stays", "new", "fleeting"):
        copy.write(name, "2\n")

    async with looking(copy.folder) as look:
        copy.write("back", "1\n")
        copy.write("later", "3\n")
        (copy.folder / "gone").unlink()
        (copy.folder / "fleeting").unlink()
        told = {file.path: file for file in await look.with_hunks(look.files)}

    assert set(told) == {"back", "fleeting", "gone", "new", "stays"}
    assert {path for path, file in told.items() if file.hunks} == {"gone", "new", "stays"}
    assert told["gone"].status is FileStatus.DELETED


async def test_what_vanishes_while_git_looks_is_left_out(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    copy.write("kept", "1\n")
    copy.commit()
    copy.write("fleeting", "1\n")
    copy.write("new", "1\n")

    async def later(*args: object, **options: object) -> list[FileDiff]:
        (copy.folder / "fleeting").unlink(missing_ok=True)
        return await changed_files(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("app.git.diffs.changed_files", later)
    assert statuses(await changes(copy.folder)) == {"new": FileStatus.ADDED}


async def test_the_commit_is_the_one_that_was_compared_with(copy: Copy) -> None:
    copy.write("file", "1\n")
    first = copy.commit()
    copy.write("file", "2\n")

    async with looking(copy.folder) as look:
        copy.commit()
        [file] = await look.with_hunks(look.files)

    assert look.commit == first
    assert [line.text for hunk in file.hunks for line in hunk.lines] == ["1", "2"]


async def test_only_the_files_count_and_not_what_is_staged(copy: Copy) -> None:
    for name in ("untracked-now", "removed", "folder-now"):
        copy.write(name, f"{name}\n")
    copy.commit()
    copy.git("rm", "--quiet", "--cached", "untracked-now")
    copy.git("rm", "--quiet", "removed")
    (copy.folder / "folder-now").unlink()
    copy.write("folder-now/file", "1\n")
    copy.write("fleeting", "1\n")
    copy.git("add", "fleeting")
    (copy.folder / "fleeting").unlink()

    assert statuses(await changes(copy.folder)) == {
        "folder-now": FileStatus.DELETED,
        "folder-now/file": FileStatus.ADDED,
        "removed": FileStatus.DELETED,
    }


async def test_conflicts_are_told_with_what_stands_in_the_file(copy: Copy) -> None:
    copy.write("file", "1\n")
    copy.write("removed", "1\n")
    copy.commit()
    copy.git("checkout", "--quiet", "-b", "other")
    copy.write("file", "theirs\n")
    copy.write("removed", "theirs\n")
    copy.commit()
    copy.git("checkout", "--quiet", "main")
    copy.write("file", "ours\n")
    (copy.folder / "removed").unlink()
    copy.commit()
    copy.git("merge", "other", ok=False)

    async with looking(copy.folder) as look:
        [file, removed] = await look.with_hunks(look.files)

    assert (file.status, removed.status) == (FileStatus.CONFLICTED, FileStatus.CONFLICTED)
    assert "theirs" in [line.text for hunk in file.hunks for line in hunk.lines]


async def test_a_repository_within_is_one_entry_and_is_left_alone(copy: Copy) -> None:
    copy.write("file", "1\n")
    copy.commit()
    copy.git("init", "--quiet", "empty")
    copy.git("init", "--quiet", "within")
    copy.write("within/precious", "1\n")
    copy.write("file", "2\n")

    found = await changes(copy.folder)

    assert statuses(found) == {"empty": FileStatus.ADDED, "file": FileStatus.MODIFIED, "within": FileStatus.ADDED}
    assert {file.path for file in found if file.submodule} == {"empty", "within"}
    assert await discard(copy.folder) == ["file"]
    assert (copy.folder / "within" / "precious").exists()


async def test_thousands_of_new_files_are_no_matter(copy: Copy) -> None:
    copy.write("file", "1\n")
    copy.commit()
    for number in range(3000):
        copy.write(f"folder-{number % 10}/{'long-' * 20}{number}", "1\n")

    async with looking(copy.folder) as look:
        told = await look.with_hunks(look.files[:300])

    assert len(look.files) == 3000
    assert all(file.additions == 1 for file in told)


async def test_before_the_first_commit_all_is_new(copy: Copy) -> None:
    copy.write("file", "1\n")

    async with looking(copy.folder) as look:
        assert (look.commit, statuses(look.files)) == (None, {"file": FileStatus.ADDED})
