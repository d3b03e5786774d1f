"""A WebSocket client for an application in this process: no network, no second event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp


class Refused(Exception):
    """The server did not accept the WebSocket, but answered with this status and body, or closed with this code."""

    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body
        super().__init__(f"{status}: {body}")


@dataclass
class Socket:
    """An accepted WebSocket."""

    subprotocol: str | None
    headers: dict[str, str]
    _in: asyncio.Queue[dict[str, Any]]
    _out: asyncio.Queue[dict[str, Any]]
    #: Set once the server has closed: (code, reason).
    closed: tuple[int, str] | None = None
    frames: list[Any] = field(default_factory=list)

    async def next(self, seconds: float = 10) -> Any:
        """The next frame, parsed; None once the server has closed."""
        async with asyncio.timeout(seconds):
            message = await self._out.get()
        if message["type"] == "websocket.close":
            self.closed = (message.get("code", 1000), message.get("reason") or "")
            return None
        self.frames.append(json.loads(message["text"]))
        return self.frames[-1]

    async def next_bytes(self, seconds: float = 10) -> bytes | None:
        """The next frame of bytes; None once the server has closed."""
        async with asyncio.timeout(seconds):
            message = await self._out.get()
        if message["type"] == "websocket.close":
            self.closed = (message.get("code", 1000), message.get("reason") or "")
            return None
        content: bytes = message["bytes"]
        return content

    async def send_bytes(self, message: bytes) -> None:
        await self._in.put({"type": "websocket.receive", "bytes": message})

    async def all(self) -> list[Any]:
        """Every frame until the server closes."""
        while await self.next() is not None:
            pass
        return self.frames

    async def send(self, message: Any) -> None:
        await self._in.put({"type": "websocket.receive", "text": json.dumps(message)})


@asynccontextmanager
async def connected(
    app: ASGIApp,
    path: str,
    *,
    key: str | None = None,
    query: str = "",
    subprotocols: Sequence[str] = (),
    headers: dict[str, str] | None = None,
) -> AsyncIterator[Socket]:
    """An open WebSocket; raises `Refused`. At the end the client is gone and the application has returned."""
    given = {**({"authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("soundstage.test", 80),
        "subprotocols": list(subprotocols),
        "extensions": {"websocket.http.response": {}},
    }
    to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    await to_app.put({"type": "websocket.connect"})
    serving = asyncio.ensure_future(app(scope, to_app.get, from_app.put))  # type: ignore[arg-type]
    try:
        yield await _accepted(from_app, to_app)
    finally:
        await to_app.put({"type": "websocket.disconnect", "code": 1001})
        async with asyncio.timeout(10):
            await serving


async def _accepted(from_app: asyncio.Queue[dict[str, Any]], to_app: asyncio.Queue[dict[str, Any]]) -> Socket:
    async with asyncio.timeout(10):
        first = await from_app.get()
        if first["type"] == "websocket.http.response.start":
            body = (await from_app.get())["body"]
            raise Refused(first["status"], json.loads(body) if body else None)
    if first["type"] == "websocket.close":
        raise Refused(first.get("code", 1000), first.get("reason"))
    assert first["type"] == "websocket.accept", first
    headers = {name.decode(): value.decode() for name, value in first.get("headers", ())}
    return Socket(first.get("subprotocol"), headers, to_app, from_app)
