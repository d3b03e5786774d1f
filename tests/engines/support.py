"""What the engine tests share: waiting with a deadline, units in one line, and a look for orphans."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from app.engines.base import LogBatch, Observation, Unit, UnitStatus
from app.engines.process import ProcessEngine
from app.runner.process_table import HELPER_MARK, UNIT_MARK, ProcessTable

FOREVER = ("sleep", "1000")


def unit(service: str = "api", *command: str, environment: str = "env1", **fields: Any) -> Unit:
    return Unit(environment, service, fields.pop("replica", 0), command or FOREVER, **fields)


def shell(script: str, service: str = "api", **fields: Any) -> Unit:
    return unit(service, "/bin/sh", "-c", script, **fields)


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 10.0) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not true within {seconds} s: {condition}"
        await asyncio.sleep(0.01)


async def until_status(engine: Any, unit_id: str, *statuses: UnitStatus, seconds: float = 10.0) -> Observation:
    seen: list[Observation] = []

    async def reached() -> Observation | None:
        found = await one(engine, unit_id)
        seen[:] = [found]
        return found if found.status in statuses else None

    try:
        return await until(reached, seconds)
    except AssertionError:
        raise AssertionError(f"{unit_id} is not {statuses} but {seen}") from None


async def one(engine: Any, unit_id: str) -> Observation:
    environment_id = unit_id.split("/", 1)[0]
    return next(seen for seen in await engine.observe(environment_id) if seen.unit_id == unit_id)


async def collect(stream: AsyncIterator[LogBatch]) -> list[LogBatch]:
    return [batch async for batch in stream]


def lines_of(batches: list[LogBatch]) -> list[str]:
    return [line for batch in batches for line in batch.lines]


def assert_covers(batches: list[LogBatch], start: int = 0) -> int:
    """The batches of one unit follow each other without a hole or an overlap; returns where they end."""
    for batch in batches:
        assert batch.start == start
        assert batch.end > batch.start
        start = batch.end
    return start


class Machine:
    """One data directory, its runners and their processes."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def engine(self, **options: Any) -> ProcessEngine:
        return ProcessEngine(self.data, **options)

    def runner_pid(self) -> int:
        return int((self.data / "runner/runner.lock").read_text())

    def kill_runner(self, number: int = signal.SIGKILL) -> int:
        pid = self.runner_pid()
        os.kill(pid, number)
        return pid

    def processes(self, part: str = "") -> list[int]:
        """All processes that carry the mark of this data directory."""
        identity = (self.data / "runner/id").read_text()
        return [
            pid
            for pid, marks in ProcessTable().scan().marks.items()
            if (marks.get(UNIT_MARK, "").startswith(f"{identity}:") and part in marks[UNIT_MARK])
            or marks.get(HELPER_MARK) == identity
        ]

    def cgroups(self) -> list[Path]:
        identity = (self.data / "runner/id").read_text()
        return [p for b in Path("/sys/fs/cgroup").glob(f"**/soundstage-{identity}") for p in b.iterdir() if p.is_dir()]
