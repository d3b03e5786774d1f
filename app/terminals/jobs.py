"""Keeps the rows of terminals in step with the engine: ends, sizes, and what belongs to nobody."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import structlog

from app.core.clock import now
from app.core.errors import SoundstageError
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.engines.base import Terminals, TerminalState
from app.terminals import repository
from app.terminals.models import Terminal
from app.terminals.service import TerminalParts, ending, lost

log = structlog.get_logger(__name__)
#: Seconds between two looks when the engine tells nothing.
LOOK_SECONDS = 5.0
#: Seconds in which the row of a terminal that was opened has to be there.
GRACE_SECONDS = 60.0


class Keeper:
    """One for each server."""

    def __init__(self, database: Database, parts: TerminalParts) -> None:
        self.database, self.parts = database, parts
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()

    def start(self) -> None:
        """Begins, where the engine has terminals."""
        terminals = self.parts.engine.terminals
        if terminals is not None:
            self._tasks = [asyncio.create_task(self._listen(terminals)), asyncio.create_task(self._keep(terminals))]

    async def close(self) -> None:
        """Ends; terminals go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def look(self, terminals: Terminals) -> None:
        """One round."""
        work = UnitOfWork(self.database, None)
        rows = {row.id: row for row in await work.all(repository.OPEN_OF_NODE, node=self.parts.node)}
        states = {state.id: state for state in await terminals.states()}
        for row in rows.values():
            self._compare(work, row, states.get(row.id))
        if work.has_changes:
            await work.commit()
        gone = await work.all(repository.OF_GONE_SESSIONS, node=self.parts.node)
        unknown = [state for state in states.values() if state.id not in rows and _is_left(state)]
        for terminal_id in {*(row.id for row in gone), *(state.id for state in unknown)}:
            log.info("terminals.closed", terminal=terminal_id)
            with suppress(SoundstageError):
                await terminals.close(terminal_id)

    def _compare(self, work: UnitOfWork, row: Terminal, state: TerminalState | None) -> None:
        if state is None:
            if (now() - row.created_at).total_seconds() > LOOK_SECONDS:
                work.write(repository.SEE_END, id=row.id, **lost(now()))
        elif state.ended_at is not None:
            work.write(repository.SEE_END, id=row.id, **ending(state))
        elif (row.columns, row.rows) != (state.columns, state.rows):
            work.write(repository.SEE_SIZE, id=row.id, columns=state.columns, rows=state.rows)

    async def _listen(self, terminals: Terminals) -> None:
        while True:
            with suppress(SoundstageError):
                async for _ in terminals.endings():
                    self._wake.set()
            await asyncio.sleep(LOOK_SECONDS)

    async def _keep(self, terminals: Terminals) -> None:
        while True:
            try:
                await self.look(terminals)
            except SoundstageError as error:
                log.warning("terminals.not_seen", error=error.message)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()


async def forget_recordings(database: Database, parts: TerminalParts) -> int:
    """Takes away the recordings that were kept long enough, whoever's they are; says of how many terminals."""
    if not parts.recording_days:
        return 0
    before = parts.clock() - timedelta(days=parts.recording_days)
    found = await UnitOfWork(database, None).all(repository.OPEN_OF_NODE, node=parts.node)
    forgotten = await asyncio.to_thread(_forget, parts.recordings, before.timestamp(), {row.id for row in found})
    if forgotten:
        log.info("terminals.recordings_forgotten", terminals=forgotten)
    return forgotten


def _forget(folder: Path, before: float, still_open: set[str]) -> int:
    forgotten = 0
    for file in folder.glob("*/*.cast"):
        # What is being written is old only where its program says nothing.
        if file.stem not in still_open and file.stat().st_mtime < before:
            file.unlink(missing_ok=True)
            forgotten += 1
    return forgotten


def _is_left(state: TerminalState) -> bool:
    return state.ended_at is None and time.time() - state.started_at > GRACE_SECONDS
