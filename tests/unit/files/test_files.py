"""Files of a working copy: what is written is there, and nothing leads out of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from app.core.errors import InvalidRequest, SoundstageError
from app.files.errors import (
    BadPattern,
    FileChanged,
    FileExists,
    FileNotFound,
    FileTooLarge,
    FolderNotEmpty,
    NotAFile,
    NotAFolder,
)
from app.files.service import Files
from app.files.tree import ABSENT, LARGEST_READ
from app.git.paths import BadPath
from tests.support.paths import TRAVERSALS
from tests.support.working import Working

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Files are no matter of the database."""
    name: str = request.param
    return name


@pytest.fixture
def files(working: Working) -> Files:
    return Files(working.tenant.work(), working.tenant.actor, working.parts)


async def test_what_was_written_is_read_again(working: Working, files: Files) -> None:
    entry, version = await files.write(working.id, "shop/cart.py", b"items = []\n")

    found = await files.read(working.id, "./shop//cart.py")

    assert (working.folder / "shop/cart.py").read_bytes() == found.data == b"items = []\n"
    assert (found.version, found.entry.path, entry.size) == (version, "shop/cart.py", 11)
    assert [each.name for each in (working.folder / "shop").iterdir()] == ["cart.py"]


async def test_a_write_at_another_version_is_refused_with_the_present_one(working: Working, files: Files) -> None:
    _, first = await files.write(working.id, "file", b"1", expected=ABSENT)
    _, second = await files.write(working.id, "file", b"2", expected=first)

    with pytest.raises(FileChanged) as told:
        await files.write(working.id, "file", b"3", expected=first)
    with pytest.raises(FileExists):
        await files.write(working.id, "file", b"3", expected=ABSENT)
    with pytest.raises(FileChanged):
        await files.write(working.id, "gone", b"3", expected=first)

    assert told.value.details["version"] == second
    assert (working.folder / "file").read_bytes() == b"2"


async def test_of_writes_at_one_version_one_wins(working: Working, files: Files) -> None:
    _, version = await files.write(working.id, "file", b"0")

    async def one(number: int) -> bool:
        try:
            await files.write(working.id, "file", str(number).encode(), expected=version)
        except FileChanged:
            return False
        return True

    won = await asyncio.gather(*(one(number) for number in range(1, 21)))

    assert sum(won) == 1
    assert (working.folder / "file").read_text() == str(won.index(True) + 1)


async def test_a_file_keeps_its_mode_and_can_become_executable(working: Working, files: Files) -> None:
    working.write("run.sh", "#!/bin/sh\n").chmod(0o755)

    kept, _ = await files.write(working.id, "run.sh", b"#!/bin/sh\necho\n")
    plain, _ = await files.write(working.id, "run.sh", b"x", executable=False)
    made, _ = await files.write(working.id, "other.sh", b"#!/bin/sh\n", executable=True)

    assert [entry.executable for entry in (kept, plain, made)] == [True, False, True]


async def test_a_large_file_is_read_by_ranges(working: Working, files: Files) -> None:
    with working.write("large", b"").open("wb") as file:
        file.truncate(LARGEST_READ + 10)
        file.seek(LARGEST_READ)
        file.write(b"0123456789")

    with pytest.raises(FileTooLarge):
        await files.read(working.id, "large")
    found = await files.read(working.id, "large", LARGEST_READ - 2, 8)
    end = await files.read(working.id, "large", LARGEST_READ + 10, 8)

    assert (found.data, end.data) == (b"\0\x00012345", b"")
    with pytest.raises(FileTooLarge):
        await files.write(working.id, "larger", b"x" * (LARGEST_READ + 1))
    with pytest.raises(InvalidRequest):
        await files.read(working.id, "large", -1)


async def test_what_is_no_file_is_told(working: Working, files: Files) -> None:
    working.write("folder/file", "1")
    os.mkfifo(working.folder / "pipe")

    for path in ("folder", "pipe", ""):
        with pytest.raises(NotAFile):
            await files.read(working.id, path)
    with pytest.raises(NotAFile):
        await files.write(working.id, "folder", b"x")
    with pytest.raises(FileNotFound):
        await files.read(working.id, "folder/other")
    with pytest.raises(NotAFolder):
        await files.read(working.id, "folder/file/deeper")


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_no_path_leads_out(working: Working, files: Files, path: str) -> None:
    """The table has links too: they are made here, each to something outside that must stay as it is."""
    outside = working.folder.parent.parent.parent.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("precious")
    (working.folder / "link-to-folder").symlink_to(outside)
    (working.folder / "link-to-file").symlink_to(outside / "secret")
    (working.folder / "link-to-root").symlink_to("/")
    (working.folder / "link-to-parent").symlink_to("..")
    (working.folder / "link-to-proc").symlink_to("/proc/self")

    calls = {
        "read": lambda: files.read(working.id, path),
        "write": lambda: files.write(working.id, path, b"stolen"),
        "delete": lambda: files.delete(
            working.id, path + "/secret" if path == "link-to-folder" else path, recursive=True
        ),
        "move": lambda: files.move(working.id, path + "/secret", "taken"),
        "move to": lambda: files.move(working.id, "README.md", path + "/x"),
        "folder": lambda: files.make_folder(working.id, path + "/made"),
        "list": lambda: files.children(working.id, path, 10, None),
    }
    allowed = ("delete",) if path.startswith("link-to-") and "/" not in path else ()
    for name, call in calls.items():
        if name in allowed:
            continue
        with pytest.raises(SoundstageError) as told:
            await call()
        assert told.value.status in (404, 422), f"{name}: {told.value}"

    assert (outside / "secret").read_text() == "precious"
    assert [each.name for each in outside.iterdir()] == ["secret"]
    assert (working.folder / "README.md").exists()


def test_the_table_of_traversals_is_long() -> None:
    assert len(set(TRAVERSALS)) >= 60


async def test_a_link_is_told_and_deleted_but_not_followed(working: Working, files: Files) -> None:
    (working.folder / "link").symlink_to("README.md")

    [entry] = [each for each in (await files.children(working.id, "", 10, None)).items if each.path == "link"]
    await files.delete(working.id, "link")

    assert (entry.kind, entry.target) == ("link", "README.md")
    assert (working.folder / "README.md").exists()


async def test_a_folder_that_becomes_a_link_is_not_followed(working: Working, files: Files, tmp_path: Path) -> None:
    """A program swaps a folder for a link, again and again, while files are written below it."""
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    swapping = subprocess.Popen(
        ["sh", "-c", f"while :; do mkdir -p a; rm -rf a; ln -sfn {outside} a; rm -f a; done"], cwd=working.folder
    )
    try:
        for number in range(300):
            try:
                await files.write(working.id, f"a/file-{number}", b"x")
            except (SoundstageError, OSError):
                continue
    finally:
        swapping.kill()
        swapping.wait()

    assert list(outside.iterdir()) == []


async def test_moving_and_deleting(working: Working, files: Files) -> None:
    working.write("a/one", "1")
    working.write("b", "2")

    with pytest.raises(FileExists):
        await files.move(working.id, "a/one", "b")
    await files.move(working.id, "a/one", "b", replace=True)
    await files.move(working.id, "a", "c/d")
    with pytest.raises(BadPath):
        await files.move(working.id, "c", "c/e")
    with pytest.raises(FolderNotEmpty):
        await files.delete(working.id, "c")
    await files.delete(working.id, "c", recursive=True)

    assert (working.folder / "b").read_text() == "1"
    assert not (working.folder / "c").exists()
    with pytest.raises(FileNotFound):
        await files.delete(working.id, "c")
    with pytest.raises(BadPath):
        await files.delete(working.id, "", recursive=True)


async def test_a_folder_is_listed_by_pages_without_what_is_ignored(working: Working, files: Files) -> None:
    working.write(".gitignore", "*.log\nbuild/\n")
    for name in ("b.log", "build/x", "one", "two", "ümlaut", "folder/deep/file"):
        working.write(name, "1")

    first = await files.children(working.id, "", 3, None)
    second = await files.children(working.id, "", 10, first.items[-1].path)
    everything = await files.children(working.id, "", 100, None, ignored=True)
    deep = await files.below(working.id, "", 100, None)

    assert [entry.path for entry in (*first.items, *second.items)] == [
        ".gitignore",
        "README.md",
        "folder",
        "one",
        "two",
        "ümlaut",
    ]
    assert (first.has_more, second.has_more) == (True, False)
    assert {entry.path for entry in everything.items} >= {"b.log", "build"}
    assert [entry.path for entry in deep.items] == [
        ".gitignore",
        "README.md",
        "folder/deep/file",
        "one",
        "two",
        "ümlaut",
    ]


async def test_what_is_ignored_is_hidden_in_folders_of_any_name(working: Working, files: Files) -> None:
    working.write(".gitignore", "*.log\nbuild/\n")
    for folder in ("plain", "odd [a]*?", "back\\slash", "deep/er"):
        for name in ("kept", "x.log", "build/x", "sub/y.log"):
            working.write(f"{folder}/{name}", "1")

        found = await files.children(working.id, folder, 100, None)

        assert [entry.name for entry in found.items] == ["kept", "sub"], folder
    inside = await files.children(working.id, "plain/build", 100, None)
    assert [entry.name for entry in inside.items] == ["x"], "who opens an ignored folder sees what is in it"


async def test_searching_finds_lines_in_committed_and_in_new_files(working: Working, files: Files) -> None:
    working.write("shop/cart.py", "import os\nTotal = 1  # total\n")
    working.write("ignored.log", "total\n")
    working.write(".gitignore", "*.log\n")

    found, more = await files.search(working.id, "total")
    exact, _ = await files.search(working.id, "Total", match_case=True)
    regular, _ = await files.search(working.id, "^import (os|sys)$", regular=True)
    nowhere, _ = await files.search(working.id, "total", path="README.md")

    assert [(match.path, match.line, match.column, match.text) for match in found] == [
        ("shop/cart.py", 2, 1, "Total = 1  # total")
    ]
    assert (more, len(exact), len(regular), nowhere) == (False, 1, 1, [])
    with pytest.raises(BadPattern):
        await files.search(working.id, "(", regular=True)
    assert await files.find(working.id, "CART", 10) == ["shop/cart.py"]
