"""A client of `soundstage.pty.v1` for an application in this process, and terminals to use it on."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import ASGIApp

from app.terminals.frames import PROTOCOL, Type, frame, resize
from tests.support.serving import Client
from tests.support.sockets import Socket, connected

PATH = "/api/v1/ws/terminal"
OPEN = """mutation ($id: ID!, $input: OpenTerminalInput) {
  openTerminal(sessionId: $id, input: $input) { id status isolation columns rows recorded }
}"""
TICKET = """mutation ($id: ID!, $origin: String) {
  createTerminalTicket(id: $id, origin: $origin) { ticket path expiresIn }
}"""


@dataclass
class Viewer:
    """What a viewer saw, in order, without holes that were not told."""

    socket: Socket
    position: int = 0
    data: bytes = b""
    gaps: list[tuple[int, int]] = field(default_factory=list)
    hello: dict[str, Any] = field(default_factory=dict)
    exit: dict[str, Any] = field(default_factory=dict)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    roles: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def step(self, seconds: float = 10) -> Type | None:
        """One frame; None once the server has closed."""
        message = await self.socket.next_bytes(seconds)
        if message is None:
            return None
        kind, offset, content = Type(message[0]), *struct.unpack(">Q", message[1:9]), message[9:]
        match kind:
            case Type.HELLO:
                self.hello, self.position = orjson.loads(content), offset
            case Type.OUTPUT:
                assert offset == self.position, "a hole that was not told, or something twice"
                self.data, self.position = self.data + content, offset + len(content)
            case Type.GAP:
                assert offset == self.position
                self.position = struct.unpack(">Q", content)[0]
                self.gaps.append((offset, self.position))
            case Type.RESIZE:
                self.sizes.append(struct.unpack(">HH", content))
            case Type.ROLE:
                self.roles.append(orjson.loads(content))
            case Type.EXIT:
                assert offset == self.position
                self.exit = orjson.loads(content)
            case Type.ERROR:
                self.errors.append(orjson.loads(content)["code"])
        return kind

    async def until(self, text: bytes, seconds: float = 10) -> bytes:
        async with asyncio.timeout(seconds):
            while text not in self.data:
                assert await self.step(seconds) is not None, self.data
        return self.data

    async def until_type(self, kind: Type) -> None:
        async with asyncio.timeout(10):
            while (seen := await self.step()) is not kind:
                assert seen is not None

    async def send(self, kind: Type, content: bytes = b"", offset: int = 0) -> None:
        await self.socket.send_bytes(frame(kind, offset, content))

    async def type(self, text: str) -> None:
        await self.send(Type.INPUT, text.encode())

    async def resize(self, columns: int, rows: int) -> None:
        await self.socket.send_bytes(resize(columns, rows))


@asynccontextmanager
async def viewing(
    app: ASGIApp,
    terminal_id: str,
    key: str | None,
    *,
    query: str = "",
    subprotocols: Sequence[str] = (),
    headers: dict[str, str] | None = None,
    path: str = PATH,
) -> AsyncIterator[Viewer]:
    """A viewer that has read the greeting."""
    asked = f"terminal={terminal_id}{query}"
    offered = (PROTOCOL, *subprotocols)
    async with connected(app, path, key=key, query=asked, subprotocols=offered, headers=headers) as socket:
        viewer = Viewer(socket)
        await viewer.until_type(Type.HELLO)
        yield viewer


async def new_session(client: Client, name: str) -> str:
    """The id of a session in a workspace of its own."""
    asked = "mutation ($name: String!) { createWorkspace(input: {name: $name}) { id } }"
    workspace = (await client.data(asked, {"name": name}))["createWorkspace"]["id"]
    asked = "query ($id: ID!) { defaultSession(workspaceId: $id) { id } }"
    found: str = (await client.data(asked, {"id": workspace}))["defaultSession"]["id"]
    return found


async def open_terminal(client: Client, session_id: str, **fields: Any) -> str:
    """The id of a new terminal."""
    made: str = (await client.data(OPEN, {"id": session_id, "input": fields}))["openTerminal"]["id"]
    return made
