"""Writes an answer down while it is made: each part at its position, and that its task still lives."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from app.assistant import repository
from app.assistant.conversation import Composer, storable
from app.assistant.errors import AnswerStopped, ModelFailed
from app.assistant.models import Answer, AnswerPart
from app.core.clock import Clock
from app.core.streams import Wakeups
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork

#: Parts that come within it are written together.
TOGETHER_SECONDS = 0.03
#: How often a silent answer says that it lives, and looks whether it is to stop.
KEEP_SECONDS = 2.0
LEASE = timedelta(seconds=15)
#: Of one answer.
MOST_PARTS = 20_000
MOST_CHARACTERS = 1_000_000


class Recorder:
    """The stream of one answer. `emit` never waits; `keep` has an owner that closes it."""

    def __init__(self, database: Database, answer: Answer, wakeups: Wakeups, clock: Clock) -> None:
        self.database, self.answer, self.wakeups, self.clock = database, answer, wakeups, clock
        self.composer = Composer()
        self._unwritten: list[dict[str, Any]] = []
        self._position = self._characters = 0
        self._something = asyncio.Event()
        self._closed = False

    def emit(self, part: Mapping[str, Any]) -> None:
        """Adds a part. A delta joins the one before it, where that is not written yet."""
        part = storable(part)
        name = next((name for name in ("delta", "inputTextDelta") if name in part), "")
        self._bound(len(part[name]) if name else 0)
        if name and self._joins(part, name):
            self.composer.take(part)
            self._unwritten[-1][name] += part[name]
        else:
            self.end(part)

    def end(self, part: Mapping[str, Any]) -> None:
        """Adds a part of the end, which has its place whatever came before."""
        part = storable(part)
        self.composer.take(part)
        self._unwritten.append(dict(part))
        self._something.set()

    def close(self) -> None:
        """Ends `keep` behind the transaction that is under way: cancelled in it, its parts would be lost."""
        self._closed = True
        self._something.set()

    def look(self) -> None:
        """Looks at once whether the answer is to stop."""
        self._something.set()

    async def keep(self) -> None:
        """Writes what there is, until it is closed, or the answer is stopped: then it raises `AnswerStopped`."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._something.wait(), KEEP_SECONDS)
            if self._closed:
                return
            self._something.clear()
            work = self._work()
            work.write(
                repository.KEEP,
                expect=1,
                otherwise=AnswerStopped(),
                id=self.answer.id,
                until=self.clock() + LEASE,
            )
            self.write_parts(work)
            await work.commit()
            await asyncio.sleep(TOGETHER_SECONDS)

    def write_parts(self, work: UnitOfWork) -> None:
        """Adds what is not written yet to a transaction; those who watch are woken after it."""
        parts, self._unwritten = self._unwritten, []
        for part in parts:
            self._position += 1
            row = AnswerPart(
                answer_id=self.answer.id,
                position=self._position,
                organization_id=self.answer.organization_id,
                part=part,
            )
            work.write(repository.ADD_PART, **row.__dict__)
        work.after_commit(lambda: self.wakeups.notify(self.answer.id))

    def _work(self) -> UnitOfWork:
        return UnitOfWork(self.database, self.answer.organization_id)

    def _joins(self, part: Mapping[str, Any], name: str) -> bool:
        if not self._unwritten:
            return False
        last = self._unwritten[-1]
        return all(last.get(key) == part.get(key) for key in {*last, *part} - {name})

    def _bound(self, characters: int) -> None:
        self._characters += characters
        if self._position + len(self._unwritten) >= MOST_PARTS or self._characters > MOST_CHARACTERS:
            raise ModelFailed(f"The answer is longer than {MOST_CHARACTERS:,} characters or {MOST_PARTS:,} parts.")
