"""One client of a language server, as the server's other side sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import orjson

from app.core.errors import SoundstageError
from app.language_servers.errors import ClientTooSlow
from app.language_servers.roots import ClientRoot, client_root

#: Messages and bytes that wait for one viewer.
MOST_WAITING, LARGEST_WAITING = 2_000, 64 * 1024 * 1024


class Viewer:
    """What it is sent, and what it asked for."""

    def __init__(self) -> None:
        self.root: ClientRoot = client_root(None)
        self.initialized = False
        #: Its requests that the server has not answered: its id by the server's.
        self.asked: dict[int, Any] = {}
        #: Requests of the server that it has not answered.
        self.owes: set[int] = set()
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._over: SoundstageError | None = None
        self._ended = False

    def send(self, message: dict[str, Any]) -> None:
        """Leaves a message for it. One that does not read is cut off, and disturbs nobody."""
        if self._ended:
            return
        body = orjson.dumps(message)
        self._waiting.append(body)
        self._size += len(body)
        if len(self._waiting) > MOST_WAITING or self._size > LARGEST_WAITING:
            self._waiting.clear()
            self.cut(ClientTooSlow())
        self._news.set()

    def cut(self, error: SoundstageError | None = None) -> None:
        """Ends it, once it has read what waits for it."""
        self._over, self._ended = self._over or error, True
        self._news.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """What it is sent, until it ends; raises what it was cut off with."""
        while True:
            while self._waiting:
                body = self._waiting.popleft()
                self._size -= len(body)
                yield body
            if self._ended:
                if self._over is not None:
                    raise self._over
                return
            self._news.clear()
            await self._news.wait()
