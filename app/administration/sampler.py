"""Keeps the history of the installation: a sample each minute, in the background."""

from __future__ import annotations

import asyncio

import structlog

from app.administration.service import SAMPLED_EVERY, Administration
from app.core.errors import SoundstageError
from app.database.changes import Database

log = structlog.get_logger(__name__)
#: A sample that takes longer is given up; the next one is due then.
DEADLINE = 30.0


class Sampler:
    """`start`, then it runs until `close`. Of several on one database, the first of each minute keeps its sample."""

    def __init__(self, database: Database, every: float = SAMPLED_EVERY.total_seconds()) -> None:
        self.database, self.every = database, every
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins with a sample now."""
        self._task = asyncio.create_task(self._run(), name="metrics sampler")

    async def close(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(DEADLINE):
                    await Administration(self.database).sample()
            except (SoundstageError, TimeoutError) as error:
                log.warning("metrics.not_sampled", error=str(error))
            except Exception:
                log.exception("metrics.not_sampled")
            await asyncio.sleep(self.every)
