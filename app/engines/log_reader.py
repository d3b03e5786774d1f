"""Reads a unit's log file: forwards from an offset, and its last lines. Blocking: to be called in a thread."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

from app.engines.base import LINE_LIMIT, LogBatch
from app.engines.log_lines import BATCH_LINES, Source, Splitter, last_lines, texts_of
from app.runner.log_files import TimeIndex, read_start, size_of

CHUNK = 256 * 1024


def sources(logs: Path, environment_id: str, service: str = "") -> dict[Source, Path]:
    """The logs of an environment, as its folder shows them."""
    found = {}
    try:
        names = sorted(path.name for path in logs.iterdir())
    except FileNotFoundError:
        return {}
    for name in names:
        stem, dot, replica = name.removesuffix(".log").rpartition(".")
        if name.endswith(".log") and dot and replica.isdigit() and service in ("", stem):
            found[Source(environment_id, stem, int(replica))] = logs / name
    return found


def read_bytes(path: Path, start: int, end: int) -> bytes:
    """What is there between the offsets; empty when the file is gone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(handle, end - start, start)
    finally:
        os.close(handle)


class ForwardReader:
    """Batches of a file between two offsets, chunk by chunk."""

    def __init__(self, source: Source, path: Path, start: int, end: int) -> None:
        self._source = source
        self._path = path
        self._end = end
        self._splitter = Splitter(source, start)
        self._index = TimeIndex.read(path)

    @property
    def position(self) -> int:
        return self._splitter.position

    def next(self) -> list[LogBatch]:
        """The batches of the next chunk that has any; empty at the end."""
        batches: list[LogBatch] = []
        while not batches and self._splitter.read_position < self._end:
            start = self._splitter.read_position
            content = read_bytes(self._path, start, min(start + CHUNK, self._end))
            # Looked at after the read: what was freed meanwhile reads as zeros.
            freed = read_start(self._path)
            if freed > self.position:
                batches.append(self._skip(min(freed, self._end)))
            elif not content:
                break
            else:
                batches.extend(self._split(content, start))
        if not batches and self._splitter.waiting:
            batches.append(self._splitter.flush(self._time_of(self.position)))
        return batches

    def _split(self, content: bytes, start: int) -> Iterator[LogBatch]:
        """Bytes that were seen at one time make one batch, so that each line has its own time."""
        done = 0
        while done < len(content):
            moment = self._index.end_of_moment(start + done)
            until = len(content) if moment is None else min(moment - start, len(content))
            yield from self._splitter.feed(content[done:until], self._time_of(start + done))
            done = until

    def _time_of(self, offset: int) -> float:
        return self._index.time_of(offset) or time.time()

    def _skip(self, end: int) -> LogBatch:
        gap = self._source.gap(self.position, end, time.time())
        self._splitter = Splitter(self._source, end)
        return gap


def last_of(files: dict[Source, Path], count: int, since: float | None) -> list[LogBatch]:
    """The last lines of all files together, in the order of their times."""
    pieces = [piece for source, path in files.items() for piece in _pieces(source, path, count, since)]
    pieces.sort(key=lambda piece: piece[0].at)
    return last_lines(pieces, count)


def _pieces(source: Source, path: Path, count: int, since: float | None) -> Iterator[tuple[LogBatch, list[bytes]]]:
    index = TimeIndex.read(path)
    end = size_of(path)
    first = read_start(path)
    if since is not None:
        first = max(first, _line_begin(path, first, index.offset_at(since)))
    begin = _start_of_last(path, first, end, count)
    content = read_bytes(path, begin, end)
    if not content:
        return
    lines = content.removesuffix(b"\n").split(b"\n")
    position, done = begin, 0
    while done < len(lines):
        until = index.end_of_moment(position) or end
        taken: list[bytes] = []
        stop = position
        for line in itertools.islice(lines, done, done + BATCH_LINES):
            if taken and stop >= until:
                break
            taken.append(line)
            stop += len(line) + 1
        at = index.time_of(position) or time.time()
        yield source.batch(position, min(stop, end), at, texts_of(taken)), taken
        done += len(taken)
        position = stop


def _line_begin(path: Path, first: int, offset: int) -> int:
    """Where the line begins that the byte at `offset` belongs to."""
    start = max(first, offset - LINE_LIMIT)
    return start + read_bytes(path, start, offset).rfind(b"\n") + 1


def _start_of_last(path: Path, first: int, end: int, count: int) -> int:
    """The offset at which the last `count` lines begin, not before `first`."""
    position, missing = end, count + 1
    if end > first and read_bytes(path, end - 1, end) != b"\n":
        missing -= 1
    while position > first:
        start = max(first, position - CHUNK)
        content = read_bytes(path, start, position)
        seen = content.count(b"\n")
        if seen >= missing:
            at = len(content)
            for _ in range(missing):
                at = content.rindex(b"\n", 0, at)
            return start + at + 1
        missing -= seen
        position = start
    return first
