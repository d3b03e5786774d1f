"""Follows logs for any number of viewers: each file is read once, and nobody waits for a slow viewer."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from app.engines.base import LogBatch
from app.engines.log_lines import BATCH_LINES
from app.engines.log_reader import ForwardReader, sources
from app.engines.log_tailer import EnvironmentLogs, Tailer
from app.runner.folders import DataFolder
from app.runner.log_files import size_of
from app.runner.records import was_destroyed

INTERVAL = 0.05
#: Rounds after which folders are listed although they look unchanged: their times are coarse.
_LIST_ROUNDS = 10
#: Batches of one unit before the others have their turn.
_TURN = 64
#: From this many followers of one environment on, each waits for so many seconds times their number; at most a second.
_FEW, _PACE, _LONGEST_PACE = 20, 0.002, 1.0


class LogHub:
    def __init__(self, data: DataFolder) -> None:
        self._data = data
        self._environments: dict[str, EnvironmentLogs] = {}
        self._polling: asyncio.Task[None] | None = None
        self._closed = False

    async def read(self, environment_id: str, service: str, after: Mapping[str, int]) -> AsyncIterator[LogBatch]:
        """Everything up to the present end."""
        folder = self._data.environment(environment_id).logs
        for source, path in sources(folder, environment_id, service).items():
            start, end = after.get(source.unit_id, 0), size_of(path)
            if start >= end:
                continue
            reader = await asyncio.to_thread(ForwardReader, source, path, start, end)
            while batches := await asyncio.to_thread(reader.next):
                for batch in batches:
                    yield batch

    async def follow(self, environment_id: str, service: str, after: Mapping[str, int]) -> AsyncIterator[LogBatch]:
        """Everything, then what comes, until the environment is destroyed."""
        logs = self._enter(environment_id)
        wake = asyncio.Event()
        logs.followers.add(wake)
        cursors: dict[str, Cursor] = {}
        try:
            while not self._closed:
                wake.clear()
                for source, tailer in logs.tailers.items():
                    if source.unit_id not in cursors and service in ("", source.service):
                        cursors[source.unit_id] = Cursor(tailer, after.get(source.unit_id, 0))
                idle = True
                for cursor in cursors.values():
                    async for batch in cursor.available():
                        idle = False
                        yield batch
                if idle and logs.ended:
                    return
                if idle:
                    await wake.wait()
                    await asyncio.sleep(_pace(len(logs.followers)))
        finally:
            self._leave(logs, wake)

    async def close(self) -> None:
        self._closed = True
        for logs in self._environments.values():
            logs.wake()
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    def _enter(self, environment_id: str) -> EnvironmentLogs:
        logs = self._environments.get(environment_id)
        if logs is None or logs.ended:
            logs = EnvironmentLogs(environment_id, self._data.environment(environment_id).logs)
            logs.list()
            logs.ended = not logs.tailers and was_destroyed(self._data, environment_id)
            self._environments[environment_id] = logs
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll(), name="log hub")
        return logs

    def _leave(self, logs: EnvironmentLogs, wake: asyncio.Event) -> None:
        logs.followers.discard(wake)
        if not logs.followers and self._environments.get(logs.environment_id) is logs:
            del self._environments[logs.environment_id]

    async def _poll(self) -> None:
        rounds = 0
        while self._environments:
            rounds += 1
            busy = False
            for logs in list(self._environments.values()):
                news = logs.list(again=rounds % _LIST_ROUNDS == 0)
                grown = [tailer for tailer in logs.tailers.values() if tailer.has_news(time.monotonic())]
                if grown:
                    for tailer, batches in await asyncio.to_thread(_look_at, grown):
                        tailer.publish(batches)
                        news = news or bool(batches)
                        busy = busy or len(batches) > _TURN
                if news:
                    logs.wake()
            await asyncio.sleep(0 if busy else INTERVAL)


def _look_at(tailers: list[Tailer]) -> list[tuple[Tailer, list[LogBatch]]]:
    return [(tailer, tailer.look()) for tailer in tailers]


def _pace(followers: int) -> float:
    """Seconds that a follower lets lines gather: many take turns, so that together they leave room for others."""
    if followers < _FEW:
        return 0.0
    return min(_LONGEST_PACE, followers * _PACE) * random.uniform(0.5, 1.5)  # noqa: S311 - only spreads them


def _merged(batches: Sequence[LogBatch]) -> Iterator[tuple[int, LogBatch]]:
    """Batches that follow each other as one, with how many they were."""
    while batches:
        count, lines = 1, len(batches[0].lines)
        while not batches[0].gap and count < len(batches) and not batches[count].gap:
            lines += len(batches[count].lines)
            if lines > BATCH_LINES:
                break
            count += 1
        first, last = batches[0], batches[count - 1]
        if count > 1:
            text = tuple(line for batch in batches[:count] for line in batch.lines)
            first = replace(first, end=last.end, at=last.at, lines=text)
        yield count, first
        batches = batches[count:]


class Cursor:
    """How far one follower is in one log: in the file first, then in the ring that all share."""

    def __init__(self, tailer: Tailer, position: int) -> None:
        self._tailer = tailer
        self._position = min(position, max(tailer.end, size_of(tailer.path)))
        #: The number of the next batch, once the follower has caught up.
        self._next: int | None = None
        self._reader: ForwardReader | None = None

    async def available(self) -> AsyncIterator[LogBatch]:
        """What is there now, or a part of it."""
        if self._next is None:
            async for batch in self._catch_up():
                yield batch
        if self._next is None:
            return
        tailer = self._tailer
        if self._next < tailer.first:
            yield self._fallen_behind()
        ready = list(islice(tailer.ring, self._next - tailer.first, self._next - tailer.first + _TURN))
        for count, batch in _merged(ready):
            self._next += count
            self._position = batch.end
            yield batch

    def _fallen_behind(self) -> LogBatch:
        tailer = self._tailer
        self._next = tailer.first
        start, self._position = self._position, tailer.ring[0].start
        return tailer.source.gap(start, self._position, time.time())

    async def _catch_up(self) -> AsyncIterator[LogBatch]:
        target = self._join()
        if target is None:
            return
        reader = await asyncio.to_thread(ForwardReader, self._tailer.source, self._tailer.path, self._position, target)
        while batches := await asyncio.to_thread(reader.next):
            for batch in batches:
                self._position = batch.end
                yield batch
        if self._position < target:
            # The file is gone or was cut: nothing more will come from it.
            yield self._tailer.source.gap(self._position, target, time.time())
            self._position = target
        self._join()

    def _join(self) -> int | None:
        """Join the ring where a batch begins; otherwise the offset up to which the file has to be read."""
        tailer = self._tailer
        if self._position >= tailer.end:
            self._next = tailer.next
            return None
        for number, batch in enumerate(tailer.ring, tailer.first):
            if batch.start == self._position:
                self._next = number
                return None
            if batch.start > self._position:
                return batch.start
            if batch.end > self._position:
                return batch.end
        return tailer.end
