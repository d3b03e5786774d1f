"""Differences between two states, file by file, as hunks of lines."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.git.errors import FilesMoved
from app.git.program import LITERAL, git

#: Lines of one file, and of one answer, that are told; what is beyond is marked `truncated`.
FILE_LINES, ALL_LINES = 5_000, 50_000
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_OPTIONS = ("--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "--submodule=short", "--full-index")
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_SUBMODULE = "160000"


class FileStatus(enum.StrEnum):
    """What became of a file."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"
    COPIED = "copied"
    TYPE_CHANGED = "type_changed"
    CONFLICTED = "conflicted"


class LineKind(enum.StrEnum):
    """What became of a line."""

    CONTEXT = "context"
    ADDED = "added"
    REMOVED = "removed"


_STATUSES = {
    "A": FileStatus.ADDED,
    "M": FileStatus.MODIFIED,
    "D": FileStatus.DELETED,
    "R": FileStatus.RENAMED,
    "C": FileStatus.COPIED,
    "T": FileStatus.TYPE_CHANGED,
    "U": FileStatus.CONFLICTED,
}
_KINDS = {" ": LineKind.CONTEXT, "+": LineKind.ADDED, "-": LineKind.REMOVED}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a hunk, with its number on each side where it is on that side."""

    kind: LineKind
    old: int | None
    new: int | None
    text: str
    #: Whether the line is the last of its file and has no line end.
    unended: bool = False


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that follow each other. Line numbers begin with 1."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    heading: str
    lines: list[Line]


@dataclass(slots=True)
class FileDiff:
    """What became of one file."""

    path: str
    old_path: str
    status: FileStatus
    old_mode: str
    new_mode: str
    old_id: str
    new_id: str
    binary: bool = False
    additions: int = 0
    deletions: int = 0
    hunks: list[Hunk] = field(default_factory=list)
    #: The same as a patch that `git apply` takes.
    patch: str = ""
    truncated: bool = False

    @property
    def submodule(self) -> bool:
        """Whether it is (or was) a commit of another repository."""
        return _SUBMODULE in (self.old_mode, self.new_mode)


def state(commit: str | None) -> str:
    """What a commit is called in a comparison; the empty tree for None."""
    return commit or _EMPTY_TREE


async def changed_files(
    folder: Path, *states: str, paths: Sequence[str] = (), variables: Mapping[str, str] | None = None
) -> list[FileDiff]:
    """The files that differ between two states, or between one and the index and working copy; without hunks."""
    words = ("diff", *_OPTIONS, "--raw", "-z", "--abbrev=40", *states, "--", *paths)
    found = await git(*words, folder=folder, variables={**LITERAL, **(variables or {})})
    return list(_raw(found.text))


async def fill(
    folder: Path,
    files: Sequence[FileDiff],
    *states: str,
    context: int = 3,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Adds hunks, patches and counts to these files of a comparison; raises `FilesMoved`."""
    if not files:
        return
    paths = sorted({path for file in files for path in (file.path, file.old_path) if path})
    words = ("diff", *_OPTIONS, f"--unified={context}", "--patch", *states, "--", *paths)
    found = await git(*words, folder=folder, variables={**LITERAL, **(variables or {})})
    sections = _sections(found.text)
    if len(sections) != len(files):
        raise FilesMoved()
    told = 0
    for file, section in zip(files, sections, strict=True):  # git writes both in one order
        told += _read(file, section, ALL_LINES - told)


def _raw(text: str) -> Iterator[FileDiff]:
    """`:100644 100644 <id> <id> M\\0path\\0`, two paths for renames and copies (git-diff, raw output format)."""
    parts = iter(text.split("\0"))
    for head in parts:
        if not head.startswith(":"):
            continue
        old_mode, new_mode, old_id, new_id, letter = head[1:].split(" ")
        first = next(parts)
        second = next(parts) if letter[0] in "RC" else first
        yield FileDiff(
            path=second,
            old_path=first if letter[0] in "RC" else "",
            status=_STATUSES.get(letter[0], FileStatus.MODIFIED),
            old_mode=old_mode,
            new_mode=new_mode,
            old_id=old_id,
            new_id=new_id,
        )


def _sections(text: str) -> list[str]:
    """The part of each file: only a file's first line begins with these words, every line of a hunk with a sign."""
    starts = [found.start() for found in re.finditer(r"^(?:diff --git |\* Unmerged path )", text, re.M)]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _read(file: FileDiff, section: str, room: int) -> int:
    """Reads a file's part of a patch; returns the lines that were told."""
    lines = section.split("\n")
    file.binary = any(line.startswith(("Binary files ", "GIT binary patch")) for line in lines[:12])
    old = new = told = 0
    hunk: Hunk | None = None
    for line in lines:
        if found := _HUNK.match(line):
            old, new = int(found[1]), int(found[3])
            hunk = Hunk(old, int(found[2] or 1), new, int(found[4] or 1), found[5], [])
            if not file.truncated:
                file.hunks.append(hunk)
        elif hunk is not None and line[:1] in _KINDS:
            kind = _KINDS[line[0]]
            file.additions += kind is LineKind.ADDED
            file.deletions += kind is LineKind.REMOVED
            file.truncated = file.truncated or told >= min(FILE_LINES, room)
            if not file.truncated:
                told += 1
                sides = (None if kind is LineKind.ADDED else old, None if kind is LineKind.REMOVED else new)
                hunk.lines.append(Line(kind, *sides, line[1:]))
            old += kind is not LineKind.ADDED
            new += kind is not LineKind.REMOVED
        elif hunk is not None and line.startswith("\\") and hunk.lines and not file.truncated:
            last = hunk.lines[-1]
            hunk.lines[-1] = Line(last.kind, last.old, last.new, last.text, unended=True)
    file.patch = "" if file.truncated else section
    return told
