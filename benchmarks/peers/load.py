"""Loads a server of HTTP/1.1 with a closed loop: so many connections, each with one request at a time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import uvloop

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """What a round came to."""

    requests: int
    #: Microseconds of CPU of the server process for each request, and requests in a second.
    cpu: float
    rate: float


#: A request, or what makes another one each time.
Sent = bytes | Callable[[], bytes]


class _Client(asyncio.Protocol):
    def __init__(self, sent: Sent, until: float) -> None:
        self.next = sent if callable(sent) else lambda: sent
        self.until = until
        self.answered = self.failed = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(self.next())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._buffer = b""
        self.answered += 1
        self.failed += head[9:12] != b"200"
        if time.perf_counter() < self.until:
            self.transport.write(self.next())
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def request(method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """The bytes of a request."""
    told = {"Host": "127.0.0.1", "Content-Type": "application/json", **(headers or {})}
    told["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def load(port: int, pid: int, sent: Sent, *, seconds: float, connections: int) -> Load:
    """One round. Raises `RuntimeError` for an answer that is not 200."""
    return uvloop.run(_load(port, pid, sent, seconds, connections))


def cpu_of(pid: int) -> float:
    """Seconds of CPU of a process and its children."""
    process = psutil.Process(pid)
    return sum(sum(each.cpu_times()[:2]) for each in (process, *process.children(recursive=True)))


async def _load(port: int, pid: int, sent: Sent, seconds: float, connections: int) -> Load:
    loop = asyncio.get_running_loop()
    used, began = cpu_of(pid), time.perf_counter()
    clients = [
        (await loop.create_connection(lambda: _Client(sent, began + seconds), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    ended = asyncio.gather(*(client.ended for client in clients))
    while not ended.done():  # never asleep: a server slower than this would else pay for waking it with each answer
        await asyncio.sleep(0)
    answered, took = sum(client.answered for client in clients), time.perf_counter() - began
    if any(client.failed for client in clients):
        raise RuntimeError("An answer was not 200.")
    return Load(answered, (cpu_of(pid) - used) / answered * 1e6, answered / took)
