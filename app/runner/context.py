"""What all supervisors of one runner share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.runner import process_table, spawn
from app.runner.cgroups import Cgroups
from app.runner.folders import DataFolder
from app.runner.isolation import Isolator
from app.runner.log_keeper import LogKeeper
from app.runner.process_table import Process, ProcessTable
from app.runner.reaper import Reaper
from app.runner.records import Records


class Revisions:
    """Grow over the lives of all runners, since time does."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last

    def seen(self, revision: int) -> None:
        self._last = max(self._last, revision)


@dataclass(slots=True)
class Context:
    runner_id: str
    data: DataFolder
    records: Records
    table: ProcessTable
    reaper: Reaper
    cgroups: Cgroups
    isolator: Isolator
    keeper: LogKeeper
    revisions: Revisions
    boot: str
    #: Called with the id of an environment in which something changed.
    changed: Callable[[str], None]


async def run_helper(
    reaper: Reaper, command: Sequence[str], variables: Mapping[str, str], folder: Path, timeout: float
) -> int | None:
    """Run a probe or a shutdown command to its end; killed with its group when the time is up: then None."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        child = spawn.spawn(command, variables, folder, null)
    finally:
        os.close(null)
    ended = reaper.child(child.pid)
    process = child.process()
    child.open()
    try:
        # Not wait_for: up to Python 3.11 it swallows a cancellation that comes together with the result.
        async with asyncio.timeout(timeout):
            return await asyncio.shield(ended)
    except TimeoutError:
        return None
    finally:
        # While its leader is not reaped the number of the group is its own.
        if not ended.done() and process_table.is_alive(process):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


async def kill_all(table: ProcessTable, find: Callable[[process_table.Snapshot], Sequence[Process]]) -> None:
    """SIGKILL to what `find` finds, again and again until it finds nothing: processes may fork meanwhile."""
    delay = 0.002
    while True:
        found = find(await table.snapshot())
        if not found:
            return
        for process in found:
            process_table.send(process, signal.SIGKILL)
        await asyncio.sleep(delay)
        delay = min(delay * 1.5, 0.1)
