"""What differs between the last commit and the working copy.

One `git status` looks at all files and names the commit that it compared with. What it found goes into a small index of
one's own; comparing that with the files needs no second look at all of them, and finds renames among untracked files.
Files may change meanwhile: one that no longer differs is left out, or has no hunks.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.git import diffs
from app.git.diffs import SUBMODULE, FileDiff, FileStatus
from app.git.index import IndexEntry, write
from app.git.program import READING, git

_STATUS = ("status", "--porcelain=v2", "-z", "--branch", "--no-ahead-behind", "--untracked-files=all", "--no-renames")


@dataclass
class _Status:
    commit: str | None = None
    entries: list[IndexEntry] = field(default_factory=list)
    conflicted: set[str] = field(default_factory=set)
    #: Repositories within the working copy that no commit knows.
    nested: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Look:
    """What was found; good as long as `looking` is open."""

    folder: Path
    #: The commit that the working copy is at; None before the first.
    commit: str | None
    #: Every file that differs, by path, without hunks.
    files: list[FileDiff]
    _variables: dict[str, str]

    async def with_hunks(self, files: Sequence[FileDiff], context: int = 3) -> list[FileDiff]:
        """These files with their hunks as they are now."""
        filled = await diffs.with_hunks(self.folder, files, context=context, variables=self._variables)
        return [_marked(new, old.status) for new, old in zip(filled, files, strict=True)]


@asynccontextmanager
async def looking(folder: Path) -> AsyncIterator[Look]:
    """Looks at a working copy, untracked files included; nothing of it is written."""
    found = _parsed((await git(*_STATUS, folder=folder, variables=READING)).out)
    with tempfile.TemporaryDirectory(prefix="soundstage-index-") as own:
        index, objects = Path(own, "index"), Path(own, "objects")
        variables = {**READING, "GIT_INDEX_FILE": str(index), "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects)}
        files = [_without_hunks(path, FileStatus.ADDED, SUBMODULE) for path in found.nested]
        if found.entries:
            hash_name = await _hash_name(folder, found.commit)
            await asyncio.to_thread(write, index, objects, found.entries, hash_name)
            files += _told(await diffs.changed_files(folder, variables=variables), found)
        yield Look(folder, found.commit, sorted(files, key=lambda file: file.path), variables)


async def changes(folder: Path) -> list[FileDiff]:
    """All files that differ from the last commit, untracked ones included; without hunks."""
    async with looking(folder) as look:
        return look.files


async def _hash_name(folder: Path, commit: str | None) -> str:
    if commit is None:
        return (await git("rev-parse", "--show-object-format", folder=folder)).text.strip()
    return "sha1" if len(commit) == len(diffs.NO_ID) else "sha256"


def _parsed(out: bytes) -> _Status:
    """`1 XY sub mH mI mW hH hI path`, `u XY sub m1 m2 m3 mW h1 h2 h3 path`, `? path` (git-status, porcelain v2)."""
    status = _Status()
    for line in out.split(b"\0"):
        kind, _, rest = line.partition(b" ")
        if kind == b"1":
            parts = rest.split(b" ", 7)
            status.entries.append(_entry(parts[7], parts[2], parts[5]))
        elif kind == b"u":
            parts = rest.split(b" ", 9)
            status.entries.append(_entry(parts[9], parts[3], parts[7]))  # ours
            status.conflicted.add(parts[9].decode(errors="replace"))
        elif kind == b"?" and rest.endswith(b"/"):
            status.nested.append(rest[:-1].decode(errors="replace"))
        elif kind == b"?":
            status.entries.append(IndexEntry(rest))
        elif line.startswith(b"# branch.oid ") and not line.endswith(b"(initial)"):
            status.commit = line.rpartition(b" ")[2].decode()
    unique = {entry.path: entry for entry in reversed(status.entries)}  # taken from the index only: told as both
    return _Status(status.commit, list(unique.values()), status.conflicted, status.nested)


def _entry(path: bytes, mode: bytes, object_id: bytes) -> IndexEntry:
    number = int(mode, 8)
    return IndexEntry(path, number, object_id.decode()) if number else IndexEntry(path)


def _told(files: list[FileDiff], status: _Status) -> list[FileDiff]:
    added = {entry.path.decode(errors="replace") for entry in status.entries if not entry.id}
    # What was to be added and has gone is told as deleted.
    there = [file for file in files if not (file.status is FileStatus.DELETED and file.path in added)]
    told = [_marked(file, FileStatus.CONFLICTED) if file.path in status.conflicted else file for file in there]
    missing = status.conflicted - {file.path for file in told}
    return told + [_without_hunks(path, FileStatus.CONFLICTED, diffs.NO_MODE) for path in missing]


def _marked(file: FileDiff, status: FileStatus) -> FileDiff:
    if status is FileStatus.CONFLICTED:
        file.status = status
    return file


def _without_hunks(path: str, status: FileStatus, mode: str) -> FileDiff:
    return FileDiff(path, "", status, diffs.NO_MODE, mode, diffs.NO_ID, diffs.NO_ID)
