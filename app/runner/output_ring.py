"""The last mebibyte of a terminal's output, in a file that the runner writes and every server reads by itself.

A position is a byte offset in the whole output, for ever. The header tells how far the output goes, and how far a write
that is under way will go: a reader that looks at it again after it has read knows which of its bytes were
overwritten meanwhile. So nobody waits for anybody, and a reader's pace costs the program nothing.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

#: Bytes that are kept.
CAPACITY = 1024 * 1024
#: What a reader gets after a gap: enough for any screen, and little enough to be read before it is gone.
TAIL = 256 * 1024
_HEADER_SIZE = 64
#: Bytes announced, bytes written, whether it has ended, and the three together: a header torn in two is read again.
_HEADER = struct.Struct("<QQQQ")
_TRIES = 1_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive bytes from `start`; none where nothing is there yet."""

    start: int
    data: bytes
    #: Nothing follows, ever.
    ended: bool

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self.start + len(self.data)


class RingWriter:
    """The one writer of a ring."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # All of its room at once: a disk that fills up later takes nothing from an open terminal.
            os.posix_fallocate(self._handle, 0, _HEADER_SIZE + CAPACITY)
            _, self.offset, self.ended = _read_header(self._handle)
        except BaseException:
            os.close(self._handle)
            raise

    def append(self, data: bytes) -> None:
        """Adds output, at most `CAPACITY` bytes at a time."""
        end = self.offset + len(data)
        self._announce(end, self.offset)
        place = self.offset % CAPACITY
        first = data[: CAPACITY - place]
        os.pwrite(self._handle, first, _HEADER_SIZE + place)
        if len(first) < len(data):
            os.pwrite(self._handle, data[len(first) :], _HEADER_SIZE)
        self.offset = end
        self._announce(end, end)

    def finish(self) -> None:
        """Nothing follows."""
        self.ended = True
        self._announce(self.offset, self.offset)

    def close(self) -> None:
        """Lets go of the file, which stays."""
        os.close(self._handle)

    def _announce(self, announced: int, written: int) -> None:
        ended = int(self.ended)
        os.pwrite(self._handle, _HEADER.pack(announced, written, ended, announced ^ written ^ ended), 0)


class RingReader:
    """One of any number of readers."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self, after: int, most: int) -> Piece:
        """What follows `after`, at most so many bytes; from further on where the bytes there are gone."""
        _, end, ended = _read_header(self._handle)
        start = min(after, end)
        if start < end - CAPACITY:
            start = end - TAIL
        data = self._read(start, min(most, end - start))
        announced, _, _ = _read_header(self._handle)
        lost = announced - CAPACITY - start
        if lost > 0:
            # Overtaken while it was read: what was not overwritten is good.
            start, data = start + lost, data[lost:]
            return Piece(start, data, False)
        return Piece(start, data, ended and start + len(data) == end)

    def _read(self, start: int, length: int) -> bytes:
        place = start % CAPACITY
        first = os.pread(self._handle, min(length, CAPACITY - place), _HEADER_SIZE + place)
        if len(first) == length:
            return first
        return first + os.pread(self._handle, length - len(first), _HEADER_SIZE)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._handle)


def _read_header(handle: int) -> tuple[int, int, bool]:
    for _ in range(_TRIES):
        announced, written, ended, check = _HEADER.unpack(os.pread(handle, _HEADER.size, 0).ljust(_HEADER.size, b"\0"))
        if announced ^ written ^ ended == check:
            return announced, written, bool(ended)
    raise OSError("the header of a terminal's output is damaged")
