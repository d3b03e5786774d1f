"""Recordings are kept as long as they are to be, and those of open terminals in any case."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.ids import new_id
from app.engines.base import Isolation
from app.engines.memory import MemoryEngine
from app.terminals import repository
from app.terminals.errors import RecordingNotFound
from app.terminals.jobs import forget_recordings
from app.terminals.models import Terminal, TerminalStatus
from app.terminals.service import TerminalParts, Terminals
from tests.support.clock import MockClock
from tests.support.working import Working

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)


class Shelf:
    """Terminals with recordings."""

    def __init__(self, working: Working, folder: Path, clock: MockClock, days: int) -> None:
        self.working, self.clock = working, clock
        self.parts = TerminalParts(
            MemoryEngine(), working.parts, node="node", recordings=folder, recording_days=days, clock=clock
        )

    async def record(self, age: timedelta, status: TerminalStatus = TerminalStatus.ENDED) -> str:
        terminal = Terminal(
            id=new_id("trm"),
            organization_id=self.working.tenant.id,
            session_id=self.working.id,
            node="node",
            command=[],
            columns=80,
            rows=24,
            isolation=Isolation.PLAIN,
            status=status,
            recorded=True,
            created_by=self.working.tenant.user_id,
            created_at=self.clock() - age,
        )
        work = self.working.tenant.work()
        work.write(repository.ADD, **terminal.__dict__)
        await work.commit()
        file = self.parts.recording(terminal)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}\n")
        written = (self.clock() - age).timestamp()
        os.utime(file, (written, written))
        return terminal.id

    async def has(self, terminal_id: str) -> bool:
        verbs = Terminals(self.working.tenant.work(), self.working.tenant.actor, self.parts)
        try:
            return (await verbs.recording(terminal_id)).is_file()
        except RecordingNotFound:
            return False

    async def forget(self) -> int:
        return await forget_recordings(self.working.tenant.database, self.parts)


async def test_old_recordings_go_and_their_terminals_stay(working: Working, tmp_path: Path, clock: MockClock) -> None:
    shelf = Shelf(working, tmp_path / "recordings", clock, days=30)
    old, young = await shelf.record(31 * DAY), await shelf.record(29 * DAY)
    silent = await shelf.record(31 * DAY, TerminalStatus.OPEN)

    assert await shelf.forget() == 1

    assert [await shelf.has(each) for each in (old, young, silent)] == [False, True, True]
    verbs = Terminals(working.tenant.work(), working.tenant.actor, shelf.parts)
    assert (await verbs.get(old)).recorded
    clock.forward(2 * DAY.total_seconds())
    assert await shelf.forget() == 1
    assert await shelf.forget() == 0


async def test_without_days_they_are_kept_for_ever(working: Working, tmp_path: Path, clock: MockClock) -> None:
    shelf = Shelf(working, tmp_path / "recordings", clock, days=0)
    old = await shelf.record(4_000 * DAY)

    assert await shelf.forget() == 0
    assert await shelf.has(old)


async def test_where_nothing_was_recorded_nothing_is_missed(working: Working, tmp_path: Path, clock: MockClock) -> None:
    assert await Shelf(working, tmp_path / "nowhere", clock, days=1).forget() == 0
