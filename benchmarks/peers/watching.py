"""Many subscribers of graphql-transport-ws in one process, which count what they get and look at no more of it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from base64 import b64encode
from dataclasses import dataclass

import uvloop

from benchmarks.peers.load import cpu_of
from benchmarks.peers.ticks import WATCH


@dataclass(frozen=True)
class Watched:
    """What a round came to."""

    messages: int
    #: Microseconds of CPU of the server for each message, and messages in a second.
    cpu: float
    rate: float


def _frame(text: str) -> bytes:
    content = text.encode()
    length = (
        bytes([0x80 | len(content)]) if len(content) < 126 else bytes([0x80 | 126]) + len(content).to_bytes(2, "big")
    )
    return b"\x81" + length + bytes(4) + content  # a mask of zeros is a mask


class _Viewer(asyncio.Protocol):
    messages = subscribed = 0

    def __init__(self, number: int, headers: dict[str, str]) -> None:
        self.number, self.headers = number, headers
        self._buffer, self._open = b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        told = {
            "Host": "127.0.0.1",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Protocol": "graphql-transport-ws",
            **self.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        self.transport.write(f"GET /graphql HTTP/1.1\r\n{lines}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            head, found, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if b" 101 " not in head[:40]:
                raise RuntimeError(head.decode())
            self._open = True
            self.transport.write(_frame('{"type":"connection_init"}'))
        while (size := self._size()) is not None:
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            self._take(frame)

    def _size(self) -> int | None:
        """The length of the first frame, once it is there."""
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        length, head = buffer[1] & 127, 2
        if length == 126:
            length, head = int.from_bytes(buffer[2:4], "big"), 4
        return head + length if len(buffer) >= head + length else None

    def _take(self, frame: bytes) -> None:
        if b'"next"' in frame:
            _Viewer.messages += 1
        elif b"connection_ack" in frame:
            _Viewer.subscribed += 1
            asked = {"id": f"{self.number:08x}-0000-4000-8000", "type": "subscribe", "payload": {"query": WATCH}}
            self.transport.write(_frame(json.dumps(asked)))
        elif b'"error"' in frame:
            raise RuntimeError(frame.decode(errors="replace"))


def watch(port: int, pid: int, headers: dict[str, str], *, viewers: int, seconds: float, rounds: int) -> list[Watched]:
    """Rounds with so many viewers, each on a connection of its own."""
    return uvloop.run(_watch(port, pid, headers, viewers, seconds, rounds))


async def _watch(
    port: int, pid: int, headers: dict[str, str], viewers: int, seconds: float, rounds: int
) -> list[Watched]:
    loop = asyncio.get_running_loop()
    _Viewer.messages = _Viewer.subscribed = 0
    # The first one makes the operation known.
    for number in range(viewers):
        await loop.create_connection(lambda number=number: _Viewer(number, headers), "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.sleep(1.0 if number < 2 else 0.002)
    while _Viewer.subscribed < viewers:
        await asyncio.sleep(0.05)
    await asyncio.sleep(2.0)
    found = []
    for _ in range(rounds):
        cpu, messages, began = cpu_of(pid), _Viewer.messages, time.perf_counter()
        await asyncio.sleep(seconds)
        got, took = _Viewer.messages - messages, time.perf_counter() - began
        found.append(Watched(got, (cpu_of(pid) - cpu) / max(got, 1) * 1e6, got / took))
    return found
