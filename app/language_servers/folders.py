"""The folders of a worktree that are watched, and what stands in them: never through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Folders that are watched at most.
MOST_FOLDERS = 10_000
#: What programs put beside the code: watched nowhere, whatever git is told.
IGNORED = frozenset(
    {
        *(".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".nox", ".idea"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".cache", ".gradle", ".terraform"),
    }
)

Identity = tuple[int, int]


def is_ignored(path: str) -> bool:
    """Whether a path is one that is never told."""
    return any(part in IGNORED for part in path.split("/"))


@dataclass
class Folders:
    """Folders by their path from the root, the root itself included."""

    root: Path
    known: dict[str, Identity] = field(default_factory=dict)
    #: Whether all fitted in.
    complete: bool = True

    def add(self, path: str, hidden: Iterable[str] = ()) -> list[str]:
        """Takes in a folder with all below it, but for what is ignored; returns the files that it found."""
        files, waiting, hide = [], [path], set(hidden)
        while waiting:
            folder = waiting.pop()
            if len(self.known) >= MOST_FOLDERS and folder not in self.known:
                self.complete = False
                break
            with self._opened(folder) as handle:
                if handle is None:
                    continue
                self.known[folder] = _identity(os.fstat(handle))
                with os.scandir(handle) as entries:
                    for entry in entries:
                        below = f"{folder}/{entry.name}" if folder else entry.name
                        if entry.name in IGNORED or below in hide:
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(below)
                        else:
                            files.append(below)
        return files

    def remove(self, path: str) -> None:
        """Forgets a folder with all below it."""
        for known in [each for each in self.known if each == path or each.startswith(f"{path}/")]:
            del self.known[known]

    def paths(self) -> list[str]:
        """Where they are on the disk."""
        return [str(self.root / path) if path else str(self.root) for path in self.known]

    def kind(self, folder: str, name: str) -> str:
        """What stands in a folder: file, folder, nothing, or `elsewhere` where the folder is not the one it was."""
        with self._opened(folder) as handle:
            if handle is None or self.known.get(folder) != _identity(os.fstat(handle)):
                return "elsewhere"
            try:
                found = os.stat(name, dir_fd=handle, follow_symlinks=False)
            except OSError:
                return "nothing"
            return "folder" if stat.S_ISDIR(found.st_mode) else "file"

    def _opened(self, path: str) -> _Opened:
        return _Opened(self.root, path)


class _Opened:
    """A folder, opened part by part; None where it is gone or a link is in the way."""

    def __init__(self, root: Path, path: str) -> None:
        self._root, self._path, self._handle = root, path, -1

    def __enter__(self) -> int | None:
        try:
            for part in self._parts():
                below = os.open(part, _FLAGS, dir_fd=self._handle if self._handle >= 0 else None)
                self._close()
                self._handle = below
        except OSError:
            self._close()
            return None
        return self._handle

    def __exit__(self, *_: object) -> None:
        self._close()

    def _parts(self) -> Iterator[str]:
        yield str(self._root)
        yield from self._path.split("/") if self._path else ()

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino
