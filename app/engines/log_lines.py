"""Bytes of output into batches of lines with exact positions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from app.engines.base import LINE_LIMIT, LogBatch

BATCH_LINES = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """Whose output it is."""

    environment_id: str
    service: str
    replica: int

    @property
    def unit_id(self) -> str:
        return f"{self.environment_id}/{self.service}/{self.replica}"

    def batch(self, start: int, end: int, at: float, lines: tuple[str, ...]) -> LogBatch:
        moment = datetime.fromtimestamp(at, UTC)
        return LogBatch(self.unit_id, self.service, self.replica, start, end, moment, lines)

    def gap(self, start: int, end: int, at: float) -> LogBatch:
        moment = datetime.fromtimestamp(at, UTC)
        return LogBatch(self.unit_id, self.service, self.replica, start, end, moment, gap=True)


def text_of(line: bytes, length: int | None = None) -> str:
    """One line for a reader; `length` tells how long it was, where `line` is only its beginning."""
    length = len(line) if length is None else length
    if length > LINE_LIMIT:
        # Half a character at the cut is not the program's fault: leave it out.
        shown = line[:LINE_LIMIT].decode("utf-8", "backslashreplace" if _is_binary(line) else "ignore")
        return f"{shown}… [cut: the line has {length} bytes]"
    return line.removesuffix(b"\r").decode("utf-8", "backslashreplace")


def _is_binary(line: bytes) -> bool:
    try:
        line[: LINE_LIMIT - 4].decode()
    except UnicodeDecodeError as error:
        return error.end < LINE_LIMIT - 8
    return False


class Splitter:
    """Cuts a stream of bytes into batches. A line that is not complete waits, of a long one only the beginning."""

    def __init__(self, source: Source, position: int) -> None:
        self._source = source
        #: The offset up to which batches were made.
        self.position = position
        self._head = b""
        self._length = 0

    @property
    def waiting(self) -> int:
        """Bytes of an incomplete line."""
        return self._length

    @property
    def read_position(self) -> int:
        return self.position + self._length

    def feed(self, content: bytes, at: float) -> Iterator[LogBatch]:
        """Batches of all lines that are complete with `content`, which follows what was fed before."""
        if self._length:
            end = content.find(b"\n")
            if end < 0:
                self._keep(content)
                return
            self._keep(content[:end])
            yield self.flush(at, newline=1)
            content = content[end + 1 :]
        *lines, rest = content.split(b"\n")
        for start in range(0, len(lines), BATCH_LINES):
            yield self._batch(lines[start : start + BATCH_LINES], at)
        self._keep(rest)

    def flush(self, at: float, newline: int = 0) -> LogBatch:
        """The waiting line as it is now; what follows of it will be a line of its own."""
        end = self.position + self._length + newline
        batch = self._source.batch(self.position, end, at, (text_of(self._head, self._length),))
        self.position, self._head, self._length = end, b"", 0
        return batch

    def _keep(self, content: bytes) -> None:
        if len(self._head) < LINE_LIMIT:
            self._head += content[: LINE_LIMIT - len(self._head)]
        self._length += len(content)

    def _batch(self, lines: list[bytes], at: float) -> LogBatch:
        end = self.position + sum(map(len, lines)) + len(lines)
        batch = self._source.batch(self.position, end, at, texts_of(lines))
        self.position = end
        return batch


def texts_of(lines: list[bytes]) -> tuple[str, ...]:
    joined = b"\n".join(lines)
    if b"\r" in joined or (len(joined) > LINE_LIMIT and max(map(len, lines)) > LINE_LIMIT):
        return tuple(map(text_of, lines))
    # Decoding once is several times faster; a line end is never part of a character.
    return tuple(joined.decode("utf-8", "backslashreplace").split("\n"))


def last_lines(batches: list[tuple[LogBatch, list[bytes]]], count: int) -> list[LogBatch]:
    """The last `count` lines of batches in the order of time, each given with its raw lines."""
    chosen: list[LogBatch] = []
    for batch, raw in reversed(batches):
        if count <= 0:
            break
        if len(raw) > count:
            dropped = sum(len(line) + 1 for line in itertools.islice(raw, len(raw) - count))
            source = Source(batch.unit_id.split("/", 1)[0], batch.service, batch.replica)
            lines = batch.lines[-count:]
            batch = source.batch(batch.start + dropped, batch.end, batch.at.timestamp(), lines)
        count -= len(batch.lines)
        chosen.append(batch)
    return chosen[::-1]
