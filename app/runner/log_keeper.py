"""Watches the logs grow: notes the time, and frees the oldest part of those that are too long."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from app.runner.log_files import IndexWriter, read_start, size_of, write_start

_log = logging.getLogger(__name__)
INTERVAL = 0.1
DEFAULT_LIMIT = 64 * 1024 * 1024
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
#: How far to look for the end of a line, so that what is kept begins with a whole one.
_LINE_SEARCH = 1024 * 1024

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


def punch_hole(path: Path, end: int) -> bool:
    """Free the room of all bytes before `end`; the size stays. False where the file system cannot."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if _libc.fallocate(handle, _PUNCH_HOLE | _KEEP_SIZE, 0, end) == 0:
            return True
        code = ctypes.get_errno()
        if code in (errno.EOPNOTSUPP, errno.ENOSYS):
            return False
        raise OSError(code, os.strerror(code), str(path))
    finally:
        os.close(handle)


class _Watched:
    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.index = IndexWriter(path)
        self.size = -1
        self.start = read_start(path)


class LogKeeper:
    """`paths` gives the logs of the units that run."""

    def __init__(self, paths: Callable[[], Iterable[Path]], limit: int = DEFAULT_LIMIT) -> None:
        self._paths = paths
        self._limit = limit
        self._watched: dict[Path, _Watched] = {}
        self._cannot_punch = False

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(INTERVAL)

    def look(self) -> None:
        before, self._watched = self._watched, {}
        for path in self._paths():
            watched = before.pop(path, None) or _Watched(path)
            self._watched[path] = watched
            self._look_at(path, watched)
        # One more look at those that have ended: their last lines.
        for path, watched in before.items():
            self._look_at(path, watched)

    def _look_at(self, path: Path, watched: _Watched) -> None:
        try:
            size = os.stat(watched.name).st_size  # noqa: PTH116 - for hundreds of logs, ten times a second
            if size != watched.size:
                self._note(path, watched, size)
        except FileNotFoundError:
            return
        except OSError as error:
            _log.warning("log %s: %s", path, error)

    def _note(self, path: Path, watched: _Watched, size: int) -> None:
        watched.size = size
        watched.index.append(size)
        if size - watched.start > self._limit and not self._cannot_punch:
            self._free(path, watched)

    def _free(self, path: Path, watched: _Watched) -> None:
        start = line_start(path, watched.size - self._limit * 3 // 4)
        # First the mark, then the hole: a reader who finds zeros sees from the mark that they are none of its bytes.
        before = watched.start
        write_start(path, start)
        watched.start = start
        if not punch_hole(path, start):
            write_start(path, before)
            watched.start = before
            self._cannot_punch = True
            _log.warning("%s: this file system cannot free parts of a file; logs shrink when their unit restarts", path)

    def shrink_between_runs(self, path: Path) -> None:
        """Where parts cannot be freed: go on in a new file whose beginning is a hole, so that offsets stay valid."""
        size = size_of(path)
        if not self._cannot_punch or size - read_start(path) <= self._limit:
            return
        fresh = path.with_suffix(".log.new")
        with fresh.open("wb") as file:
            file.truncate(size)
        write_start(path, size)
        fresh.replace(path)
        self._watched.pop(path, None)


def line_start(path: Path, offset: int) -> int:
    """The offset of the first line that begins at or after `offset`; `offset` itself where lines are that long."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.pread(handle, _LINE_SEARCH, offset)
    finally:
        os.close(handle)
    return offset + content.find(b"\n") + 1
