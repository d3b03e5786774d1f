"""Processes as /proc shows them: who is who, who belongs to whom, and signals that cannot hit a stranger."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

#: `<runner id>:<unit id>` in the environment of all processes of a unit.
UNIT_MARK = "SOUNDSTAGE_UNIT"
#: `<runner id>` in the environment of probes and shutdown commands, which no runner adopts.
HELPER_MARK = "SOUNDSTAGE_HELPER"

_TICKS = os.sysconf("SC_CLK_TCK")
#: A process this old does not get another environment any more, so that one look at it is enough.
_SETTLED_AGE = 5.0


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True, slots=True)
class Process:
    """One process for good: a pid may be used again, a pid with a start time not."""

    pid: int
    start: int


@dataclass(frozen=True, slots=True)
class Stat:
    pid: int
    name: str
    state: str
    parent: int
    group: int
    session: int
    start: int

    @property
    def dead(self) -> bool:
        return self.state in "ZXx"


def stat_of(pid: int) -> Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name stands in parentheses and may hold anything, also spaces and parentheses.
    name_end = text.rindex(b")")
    name = text[text.index(b"(") + 1 : name_end].decode(errors="replace")
    fields = text[name_end + 2 :].split()
    return Stat(pid, name, fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))


def is_alive(process: Process) -> bool:
    stat = stat_of(process.pid)
    return stat is not None and stat.start == process.start and not stat.dead


def open_pidfd(process: Process) -> int | None:
    """A descriptor that stands for the process and never for a later one of the same pid."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return None
    stat = stat_of(process.pid)
    if stat is None or stat.start != process.start:
        os.close(handle)
        return None
    return handle


def send(process: Process, number: int) -> None:
    handle = open_pidfd(process)
    if handle is None:
        return
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)


def marks_of(pid: int) -> dict[str, str]:
    try:
        content = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    marks = {}
    for name in (UNIT_MARK, HELPER_MARK):
        at = content.find(f"{name}=".encode())
        if at == 0 or (at > 0 and content[at - 1] == 0):
            value = content[at + len(name) + 1 :].split(b"\0", 1)[0]
            marks[name] = value.decode(errors="replace")
    return marks


@dataclass(slots=True)
class Snapshot:
    """All processes at one moment, without the dead."""

    stats: dict[int, Stat]
    marks: dict[int, dict[str, str]]
    _children: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for stat in self.stats.values():
            self._children.setdefault(stat.parent, []).append(stat.pid)

    def family(self, mark: str, leader: Process | None, members: Iterable[int] = ()) -> list[Process]:
        """All processes of a unit: marked, in the session or group of its leader, in `members`, and their descendants.

        Give a leader only if it was alive under this runner's eyes: the number of a group whose processes
        are all gone may have a new owner.
        """
        found = {pid for pid, marks in self.marks.items() if marks.get(UNIT_MARK) == mark}
        found.update(pid for pid in members if pid in self.stats)
        if leader is not None:
            found.update(s.pid for s in self.stats.values() if leader.pid in (s.session, s.group))
        todo = list(found)
        while todo:
            for child in self._children.get(todo.pop(), ()):
                if child not in found:
                    found.add(child)
                    todo.append(child)
        return [Process(pid, self.stats[pid].start) for pid in found]


class ProcessTable:
    """Takes snapshots: one serves all who ask before it begins."""

    def __init__(self) -> None:
        self._seen: dict[Process, dict[str, str]] = {}
        self._next: asyncio.Task[Snapshot] | None = None
        self._lock = asyncio.Lock()

    async def snapshot(self) -> Snapshot:
        if self._next is None:
            self._next = asyncio.create_task(self._take())
        return await asyncio.shield(self._next)

    async def _take(self) -> Snapshot:
        async with self._lock:
            self._next = None
            return await asyncio.to_thread(self.scan)

    def scan(self) -> Snapshot:
        stats: dict[int, Stat] = {}
        marks: dict[int, dict[str, str]] = {}
        seen: dict[Process, dict[str, str]] = {}
        settled = (time.clock_gettime(time.CLOCK_BOOTTIME) - _SETTLED_AGE) * _TICKS
        me = os.getpid()
        for name in os.listdir("/proc"):  # noqa: PTH208 - much faster
            stat = stat_of(int(name)) if name.isdigit() else None
            if stat is None or stat.dead or stat.pid == me:
                continue
            process = Process(stat.pid, stat.start)
            known = self._seen.get(process)
            found = known if known is not None else marks_of(stat.pid)
            if found or stat.start < settled:
                seen[process] = found
            stats[stat.pid], marks[stat.pid] = stat, found
        self._seen = seen
        return Snapshot(stats, marks)
