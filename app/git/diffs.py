"""Differences between two states, file by file, as hunks of lines."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.git.program import LITERAL, git

#: Lines of one file, and of one answer, that are told; what is beyond is marked `truncated`.
FILE_LINES, ALL_LINES = 5_000, 50_000
NO_MODE, NO_ID = "000000", "0" * 40
SUBMODULE = "160000"
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_OPTIONS = (
    *("--raw", "--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "--submodule=short"),
    *("--full-index", "--no-abbrev", "--src-prefix=a/", "--dst-prefix=b/"),
)
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_UNMERGED = "* Unmerged path "
_ESCAPED = re.compile(r"\\([0-7]{3}|.)")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


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
        return SUBMODULE in (self.old_mode, self.new_mode)


def state(commit: str | None) -> str:
    """What a commit is called in a comparison; the empty tree for None."""
    return commit or _EMPTY_TREE


async def changed_files(
    folder: Path, *states: str, paths: Sequence[str] = (), variables: Mapping[str, str] | None = None
) -> list[FileDiff]:
    """The files that differ between two states, or between the index and the working copy; without hunks."""
    words = ("diff", *_OPTIONS, *states, "--", *paths)
    found = await git(*words, folder=folder, variables={**LITERAL, **(variables or {})})
    return [file for file, _ in _raw(found.text)]


async def with_hunks(
    folder: Path,
    files: Sequence[FileDiff],
    *states: str,
    context: int = 3,
    variables: Mapping[str, str] | None = None,
) -> list[FileDiff]:
    """These files of a comparison with hunks, patches and counts; one that no longer differs stays as it is.

    What git says in one call stands on its own: nothing here depends on what another call said.
    """
    if not files:
        return []
    paths = sorted({path for file in files for path in (file.path, file.old_path) if path})
    words = ("diff", *_OPTIONS, f"--unified={context}", "--patch", *states, "--", *paths)
    found = await git(*words, folder=folder, variables={**LITERAL, **(variables or {})})
    sections = _sections(found.text)
    told, filled = 0, {}
    for file, head in _raw(found.text):
        told += _read(file, sections.get(head, ""), ALL_LINES - told)
        filled[file.path] = file
    return [filled.get(file.path, file) for file in files]


def _raw(text: str) -> Iterator[tuple[FileDiff, str]]:
    """`:100644 100644 <id> <id> M\\tpath`, two paths for renames (git-diff, raw output format).

    With each file the line that its part of the patch begins with.
    """
    for line in text.split("\n"):
        if not line.startswith(":"):
            return
        head, *names = line.split("\t")
        old_mode, new_mode, old_id, new_id, letter = head[1:].split(" ")
        file = FileDiff(
            path=_unquoted(names[-1]),
            old_path=_unquoted(names[0]) if len(names) > 1 else "",
            status=_STATUSES.get(letter[0], FileStatus.MODIFIED),
            old_mode=old_mode,
            new_mode=new_mode,
            old_id=old_id,
            new_id=new_id,
        )
        yield file, f"diff --git {_prefixed('a/', names[0])} {_prefixed('b/', names[-1])}"


def _sections(text: str) -> dict[str, str]:
    """The part of each file by its first line, which is not quoted or signed as all others are.

    A file that becomes a link has two parts, which begin with the same line.
    """
    starts = [found.start() for found in re.finditer(rf"^(?:diff --git |{re.escape(_UNMERGED)})", text, re.M)]
    sections: dict[str, str] = {}
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        head = text[start : text.index("\n", start)]
        sections[head] = sections.get(head, "") + text[start:end]
    return sections


def _prefixed(prefix: str, name: str) -> str:
    return f'"{prefix}{name[1:]}' if name.startswith('"') else prefix + name


def _unquoted(name: str) -> str:
    """A path as it is: git quotes those with characters that would be in the way."""
    if not name.startswith('"'):
        return name
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1]) or _character(found[1]), name[1:-1])


def _character(escaped: str) -> str:
    return chr(int(escaped, 8)) if len(escaped) == 3 else escaped


def _read(file: FileDiff, section: str, room: int) -> int:
    """Reads a file's part of a patch; returns the lines that were told."""
    lines = section.split("\n")
    file.binary = any(line.startswith(("Binary files ", "GIT binary patch")) for line in lines[:12])
    old = new = told = 0
    hunk: Hunk | None = None
    for line in lines:
        if line.startswith("diff --git "):
            hunk = None
        elif found := _HUNK.match(line):
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
