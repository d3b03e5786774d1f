"""A server of somebody else's on this machine, which takes webhooks and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson

#: Status, headers and body of an answer.
Answering = Callable[["Taken"], tuple[int, dict[str, str], bytes]]


@dataclass
class Taken:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came, and what is answered."""

    port: int = 0
    status: int = 200
    answer: bytes = b"{}"
    #: Seconds until an answer.
    slow: float = 0.0
    answering: Answering | None = None
    taken: list[Taken] = field(default_factory=list)
    #: Requests at once, now and at most.
    open: int = 0
    most_open: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def bodies(self) -> list[dict[str, object]]:
        return [orjson.loads(taken.body) for taken in self.taken]


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that listens until the end."""
    made = Receiver()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            made.open += 1
            made.most_open = max(made.most_open, made.open)
            await _one(made, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            made.open -= 1
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


async def _one(made: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    taken = Taken(method, path, headers, body)
    made.taken.append(taken)
    await asyncio.sleep(made.slow)
    given = (made.status, {}, made.answer) if made.answering is None else made.answering(taken)
    status, sent, answer = given
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(answer)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in sent.items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + answer)
    await writer.drain()
