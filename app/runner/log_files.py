"""A unit's output on disk: one file for its whole life, beside it a time index and the offset at which it begins.

A position is a byte offset in the file, for ever: old parts are freed by punching a hole, never by moving bytes.
`api.0.log` holds the output, `api.0.start` the offset before which it was freed, `api.0.index` pairs of
(size, microseconds) as the runner saw them.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import time
from array import array
from dataclasses import dataclass
from pathlib import Path

_PAIR = 16
#: Pairs in an index; when there are more, every second one of the older half goes.
INDEX_LIMIT = 65_536


def index_path(log: Path) -> Path:
    return log.with_suffix(".index")


def start_path(log: Path) -> Path:
    return log.with_suffix(".start")


def size_of(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def read_start(log: Path) -> int:
    """The offset of the first byte that is still there."""
    try:
        return int(start_path(log).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def write_start(log: Path, start: int) -> None:
    written = start_path(log).with_suffix(".start.new")
    written.write_text(str(start))
    written.replace(start_path(log))


@dataclass(frozen=True, slots=True)
class TimeIndex:
    """When the file was seen to have which size."""

    sizes: array[int]
    times: array[int]

    @classmethod
    def read(cls, log: Path) -> TimeIndex:
        pairs = array("Q")
        with contextlib.suppress(FileNotFoundError):
            content = index_path(log).read_bytes()
            # The runner may have died in the middle of a pair.
            pairs.frombytes(content[: len(content) // _PAIR * _PAIR])
        return cls(pairs[0::2], pairs[1::2])

    def time_of(self, offset: int) -> float | None:
        """When the byte at the offset was first seen; None when that is not known yet."""
        at = bisect.bisect_right(self.sizes, offset)
        return self.times[at] / 1e6 if at < len(self.times) else None

    def end_of_moment(self, offset: int) -> int | None:
        """The offset up to which bytes were seen at the same time as the one at `offset`."""
        at = bisect.bisect_right(self.sizes, offset)
        return self.sizes[at] if at < len(self.sizes) else None

    def offset_at(self, moment: float) -> int:
        """The offset of the first byte that was seen after the moment."""
        at = bisect.bisect_right(self.times, int(moment * 1e6))
        return self.sizes[at - 1] if at else 0


class IndexWriter:
    """Appends to the index of one log."""

    def __init__(self, log: Path) -> None:
        self._path = index_path(log)
        self._size = size_of(self._path) // _PAIR * _PAIR
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self._path, self._size)

    def append(self, size: int) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, array("Q", (size, time.time_ns() // 1000)).tobytes())
        finally:
            os.close(handle)
        self._size += _PAIR
        if self._size > INDEX_LIMIT * _PAIR:
            self._thin()

    def _thin(self) -> None:
        content = self._path.read_bytes()
        half = len(content) // _PAIR // 2 * _PAIR
        older = b"".join(content[at : at + _PAIR] for at in range(_PAIR, half, 2 * _PAIR))
        written = self._path.with_suffix(".index.new")
        written.write_bytes(older + content[half:])
        written.replace(self._path)
        self._size = len(older) + len(content) - half
