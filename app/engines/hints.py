"""Hints of change for any number of listeners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class Hints:
    """Ids of changed environments, each once for every listener that has not fetched it yet."""

    def __init__(self) -> None:
        self._listeners: list[tuple[dict[str, None], asyncio.Event]] = []
        self._closed = False

    def publish(self, environment_id: str) -> None:
        for waiting, wake in self._listeners:
            waiting[environment_id] = None
            wake.set()

    def close(self) -> None:
        self._closed = True
        for _, wake in self._listeners:
            wake.set()

    async def listen(self) -> AsyncIterator[str]:
        waiting: dict[str, None] = {}
        wake = asyncio.Event()
        listener = (waiting, wake)
        self._listeners.append(listener)
        try:
            while not self._closed:
                await wake.wait()
                wake.clear()
                while waiting:
                    name = next(iter(waiting))
                    del waiting[name]
                    yield name
        finally:
            self._listeners = [other for other in self._listeners if other is not listener]
