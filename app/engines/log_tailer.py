"""One reader for each log that is followed, whose batches all followers share."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from pathlib import Path

from app.engines.base import LINE_LIMIT, LogBatch
from app.engines.log_lines import Source, Splitter
from app.engines.log_reader import CHUNK, read_bytes, sources
from app.runner.log_files import read_start, size_of

#: Bytes of output that are kept in memory for each followed log: so far may a follower fall behind.
RING_BYTES = 8 * 1024 * 1024
#: Seconds for which an incomplete line waits for its end.
_PATIENCE = 1.0
#: Chunks of one log that are read in one round, so that no log keeps the others waiting.
_ROUND = 8


class Tailer:
    """The newest batches of one log. `look` runs in a thread, everything else in the event loop."""

    def __init__(self, source: Source, path: Path) -> None:
        self.source = source
        self._path = path
        size = size_of(path)
        begin = max(read_start(path), size - LINE_LIMIT)
        newline = read_bytes(path, begin, size).rfind(b"\n")
        # Where a line begins; in the middle of one only if it is longer than readers get to see.
        self.end = size if newline < 0 and size - begin == LINE_LIMIT else begin + newline + 1
        self._splitter = Splitter(source, self.end)
        self._waiting_since: float | None = None
        self.ring: deque[LogBatch] = deque()
        #: The number of the oldest batch in the ring.
        self.first = 0
        self._bytes = 0

    @property
    def next(self) -> int:
        """The number that the next batch will get."""
        return self.first + len(self.ring)

    @property
    def path(self) -> Path:
        return self._path

    def has_news(self, now: float) -> bool:
        impatient = self._waiting_since is not None and now - self._waiting_since >= _PATIENCE
        return impatient or size_of(self._path) > self._splitter.read_position

    def look(self) -> list[LogBatch]:
        """Read what is new."""
        now = time.time()
        batches: list[LogBatch] = []
        for _ in range(_ROUND):
            start = self._splitter.read_position
            content = read_bytes(self._path, start, start + CHUNK)
            freed = read_start(self._path)
            if freed > self._splitter.position:
                batches.append(self.source.gap(self._splitter.position, freed, now))
                self._splitter = Splitter(self.source, freed)
                continue
            batches.extend(self._splitter.feed(content, now))
            if len(content) < CHUNK:
                break
        self._be_patient(batches)
        return batches

    def _be_patient(self, batches: list[LogBatch]) -> None:
        now = time.monotonic()
        if not self._splitter.waiting:
            self._waiting_since = None
        elif batches or self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since >= _PATIENCE:
            batches.append(self._splitter.flush(time.time()))
            self._waiting_since = None

    def publish(self, batches: list[LogBatch]) -> None:
        self.ring.extend(batches)
        for batch in batches:
            self._bytes += batch.end - batch.start
            self.end = batch.end
        while self._bytes > RING_BYTES and len(self.ring) > 1:
            oldest = self.ring.popleft()
            self._bytes -= oldest.end - oldest.start
            self.first += 1


class EnvironmentLogs:
    """The followed logs of one environment, and who follows."""

    def __init__(self, environment_id: str, folder: Path) -> None:
        self.environment_id = environment_id
        self._folder = folder
        self._identity: tuple[int, int] | None = None
        self._listed: int | None = None
        self.tailers: dict[Source, Tailer] = {}
        self.followers: set[asyncio.Event] = set()
        self.ended = False

    def list(self, *, again: bool = False) -> bool:
        """Look for logs of new units, and for the end of the environment; true when there is news."""
        try:
            stat = self._folder.stat()
        except FileNotFoundError:
            return self._end() if self._identity is not None else False
        identity = (stat.st_dev, stat.st_ino)
        if self._identity is not None and identity != self._identity:
            return self._end()
        self._identity = identity
        if stat.st_mtime_ns == self._listed and not again:
            return False
        self._listed = stat.st_mtime_ns
        found = sources(self._folder, self.environment_id)
        new = [source for source in found if source not in self.tailers]
        for source in new:
            self.tailers[source] = Tailer(source, found[source])
        return bool(new)

    def _end(self) -> bool:
        news = not self.ended
        self.ended = True
        return news

    def wake(self) -> None:
        for follower in self.followers:
            follower.set()
