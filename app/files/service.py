"""The files of a session's working copy: reading, writing, listing and searching."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.core.actor import Actor
from app.core.errors import InvalidRequest
from app.core.paging import Page
from app.database.unit_of_work import UnitOfWork
from app.files.errors import BadPattern, FileNotFound, NotAFolder
from app.files.tree import LARGEST_READ, Content, Entry, Tree
from app.git.errors import GitFailed
from app.git.paths import check_path
from app.git.program import READING, git
from app.workspaces.service import WorkspaceParts
from app.workspaces.sessions import Sessions, WorkingCopy

T = TypeVar("T")

MOST_MATCHES = 2_000
LONGEST_LINE = 1_000
#: What means something in a glob.
_GLOB = re.compile(r"[*?\[\]\\]")


@dataclass(frozen=True, slots=True)
class Match:
    """A line that a search found. `column` counts characters from 1."""

    path: str
    line: int
    column: int
    text: str


class Files:
    """An actor's files, in one session at a time. Changes of one working copy wait for each other."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: WorkspaceParts) -> None:
        self.parts = parts
        self.sessions = Sessions(work, actor, parts)

    async def read(self, session_id: str, path: str, offset: int = 0, length: int | None = None) -> Content:
        """A file or a range of it. Raises `FileNotFound`, `NotAFile`, `NotAFolder`, `FileTooLarge` or `BadPath`."""
        if offset < 0 or (length is not None and not 0 <= length <= LARGEST_READ):
            raise InvalidRequest(f"A range begins at 0 or later and has 0 to {LARGEST_READ:,} bytes.")
        tree = await self._tree(session_id)
        return await asyncio.to_thread(tree.read, path, offset, length)

    async def write(
        self, session_id: str, path: str, data: bytes, *, expected: str | None = None, executable: bool | None = None
    ) -> tuple[Entry, str]:
        """Writes a file as a whole; returns it with its new version. Raises `FileChanged` at another version."""
        return await self._change(
            session_id,
            lambda tree: (tree.write(path, data, expected=expected, executable=executable), tree.version(path)),
        )

    async def make_folder(self, session_id: str, path: str) -> Entry:
        """A folder with those above it."""
        return await self._change(session_id, lambda tree: tree.make_folder(path))

    async def delete(self, session_id: str, path: str, *, recursive: bool = False) -> Entry:
        """Takes away a file, a link or a folder."""
        return await self._change(session_id, lambda tree: tree.delete(path, recursive=recursive))

    async def move(self, session_id: str, path: str, to: str, *, replace: bool = False) -> Entry:
        """Moves a file, a link or a folder."""
        return await self._change(session_id, lambda tree: tree.move(path, to, replace=replace))

    async def children(
        self, session_id: str, path: str, limit: int, after: str | None, *, ignored: bool = False
    ) -> Page[Entry]:
        """What is in a folder, by path; what git ignores only where `ignored` is asked for."""
        copy = await self.sessions.working_copy(session_id)
        found = await asyncio.to_thread(Tree(copy.folder).children, path)
        hidden = set() if ignored or not found else await _ignored(copy.folder, check_path(path))
        return _page([entry for entry in found if entry.path not in hidden], limit, after, lambda entry: entry.path)

    async def below(self, session_id: str, path: str, limit: int, after: str | None) -> Page[Entry]:
        """All files below a folder, by path, without those that git ignores."""
        copy = await self.sessions.working_copy(session_id)
        paths = await _known_files(copy.folder, check_path(path))
        page = _page(paths, limit, after, str)
        tree = Tree(copy.folder)
        return Page(await asyncio.to_thread(_entries, tree, page.items), page.has_more)

    async def search(
        self,
        session_id: str,
        pattern: str,
        *,
        path: str = "",
        regular: bool = False,
        match_case: bool = False,
        limit: int = 200,
    ) -> tuple[list[Match], bool]:
        """Lines that hold a text or match a regular expression (POSIX, extended), and whether there are more."""
        if not pattern or len(pattern) > 1_000 or "\n" in pattern or "\0" in pattern:
            raise InvalidRequest("A pattern is one line of 1 to 1,000 characters.")
        copy = await self.sessions.working_copy(session_id)
        words = ["grep", "-I", "-z", "--line-number", "--column", "--untracked", "--no-color"]
        words += ["--extended-regexp" if regular else "--fixed-strings", *([] if match_case else ["--ignore-case"])]
        words += ["--max-count=200", "-e", pattern, "--", *([check_path(path)] if path else [])]
        try:
            found = await git(*words, folder=copy.folder, variables=READING, ok=(0, 1), timeout=20)
        except GitFailed as error:
            raise BadPattern() if regular else error from error
        matches = [match for line in found.text.split("\n") if (match := _match(line)) is not None]
        return matches[:limit], len(matches) > limit

    async def find(self, session_id: str, text: str, limit: int) -> list[str]:
        """Paths of files that hold a text, whatever the case; those whose name begins with it come first."""
        copy = await self.sessions.working_copy(session_id)
        wanted = text.lower()
        paths = [path for path in await _known_files(copy.folder, "") if wanted in path.lower()]
        return sorted(paths, key=lambda path: (not _name(path).startswith(wanted), len(path), path))[:limit]

    async def _tree(self, session_id: str) -> Tree:
        return Tree((await self.sessions.working_copy(session_id)).folder)

    async def _change(self, session_id: str, change: Callable[[Tree], T]) -> T:
        copy: WorkingCopy = await self.sessions.working_copy(session_id)
        async with self.parts.folders.turns.of(copy.session.id):
            return await asyncio.to_thread(change, Tree(copy.folder))


def _name(path: str) -> str:
    return path.rpartition("/")[2].lower()


async def _ignored(folder: Path, path: str) -> set[str]:
    """What git ignores directly in a folder. Not by `check-ignore`, which takes 0.6 ms a path in a large repository."""
    children = f"{_GLOB.sub(_escaped, path)}/*" if path else "*"
    words = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory", "--", f":(glob){children}")
    found = await git(*words, folder=folder, variables={"GIT_OPTIONAL_LOCKS": "0"})
    return {each.rstrip("/") for each in found.text.split("\0")}


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


async def _known_files(folder: Path, path: str) -> list[str]:
    words = (
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--deduplicate",
        "--",
        *([path] if path else []),
    )
    found = await git(*words, folder=folder, variables=READING)
    return sorted(each for each in found.text.split("\0") if each)


def _entries(tree: Tree, paths: Sequence[str]) -> list[Entry]:
    return [entry for path in paths if (entry := _entry(tree, path)) is not None]


def _entry(tree: Tree, path: str) -> Entry | None:
    try:
        return tree.entry(path)
    except (FileNotFound, NotAFolder):
        return None  # deleted since git saw it


def _page(items: Sequence[T], limit: int, after: str | None, key: Callable[[T], str]) -> Page[T]:
    behind = [item for item in items if after is None or key(item) > after]
    return Page(behind[:limit], len(behind) > limit)


_MATCH = re.compile(r"([^\0]+)\0(\d+)\0(\d+)\0(.*)", re.DOTALL)


def _match(line: str) -> Match | None:
    found = _MATCH.fullmatch(line)
    return None if found is None else Match(found[1], int(found[2]), int(found[3]), found[4][:LONGEST_LINE])
