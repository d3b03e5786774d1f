"""Terminals while the server is killed with -9: no byte lost or doubled, same program; and viewers that are stuck."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
import psutil
import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from app.terminals.frames import PROTOCOL, Type, frame
from tests.support.program import Program, program

pytestmark = pytest.mark.anyio

#: Numbered lines, each a little later.
COUNTER = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.001; done"
#: As much as the machine gives.
PRINTER = "stty -opost; exec yes 'the quick brown fox jumps over the lazy dog'"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with program(tmp_path_factory.mktemp("terminals")) as started:
        yield started


def ask(server: Program, query: str, **variables: Any) -> Any:
    answer = server.request("POST", "/graphql", {"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer
    return answer["data"]


@pytest.fixture(scope="module")
def session(server: Program) -> str:
    made = ask(server, 'mutation { createWorkspace(input: {name: "shop"}) { id } }')["createWorkspace"]["id"]
    found = ask(server, "query ($id: ID!) { defaultSession(workspaceId: $id) { id } }", id=made)
    return str(found["defaultSession"]["id"])


def open_terminal(server: Program, session: str, script: str, **fields: Any) -> str:
    asked = "mutation ($id: ID!, $input: OpenTerminalInput) { openTerminal(sessionId: $id, input: $input) { id } }"
    given = {"command": ["/bin/sh", "-c", script], **fields}
    return str(ask(server, asked, id=session, input=given)["openTerminal"]["id"])


class Viewer:
    """Reads on over cuts, at its offset."""

    def __init__(self, server: Program, terminal_id: str) -> None:
        self.server, self.terminal_id = server, terminal_id
        self.position, self.data, self.gaps = 0, bytearray(), 0
        self.exit: dict[str, Any] = {}

    @asynccontextmanager
    async def connected(self, **options: Any) -> AsyncIterator[ClientConnection]:
        url = self.server.url.replace("http", "ws")
        async with websockets.connect(
            f"{url}/api/v1/ws/terminal?terminal={self.terminal_id}&offset={self.position}",
            subprotocols=[websockets.Subprotocol(PROTOCOL)],
            additional_headers=self.server.headers,
            proxy=None,
            **options,
        ) as socket:
            yield socket

    def take(self, message: bytes) -> None:
        kind, offset, content = message[0], *struct.unpack(">Q", message[1:9]), message[9:]
        if kind == Type.OUTPUT:
            assert offset == self.position, "a hole that was not told, or something twice"
            self.position += len(content)
            self.data += content
        elif kind == Type.GAP:
            self.gaps += 1
            self.position = struct.unpack(">Q", content)[0]
        elif kind == Type.EXIT:
            self.exit = orjson.loads(content)

    async def read(self, size: int = 0, text: bytes = b"", seconds: float = 20) -> None:
        """On one connection, until so much more was read or a text came."""
        wanted = self.position + size
        async with asyncio.timeout(seconds), self.connected() as socket:
            while (size and self.position < wanted) or (text and text not in self.data):
                message = await socket.recv()
                assert isinstance(message, bytes)
                self.take(message)

    async def follow(self) -> None:
        """For as long as it takes, over any number of cuts."""
        while not self.exit:
            with suppress(OSError, websockets.WebSocketException):
                async with self.connected() as socket:
                    async for message in socket:
                        assert isinstance(message, bytes)
                        self.take(message)
            await asyncio.sleep(0.05)


async def test_no_byte_is_lost_or_doubled_when_the_server_is_killed(server: Program, session: str) -> None:
    known = open_terminal(server, session, f"trap 'echo the end; exit 5' USR1; {COUNTER}")
    viewer = Viewer(server, known)
    following = asyncio.create_task(viewer.follow())

    for _ in range(4):
        before = viewer.position
        async with asyncio.timeout(30):
            while viewer.position < before + 2_000:
                await asyncio.sleep(0.02)
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(server.start)
    _leader(known).send_signal(signal.SIGUSR1)
    await asyncio.wait_for(following, 30)

    assert viewer.gaps == 0
    lines = viewer.data.decode().split("\r\n")
    assert lines[-2] == "the end"
    numbers = [int(line.split()[1]) for line in lines[:-2]]
    assert numbers == list(range(1, len(numbers) + 1)), "the same program, each line once"
    assert viewer.exit["exitCode"] == 5


def _leader(terminal_id: str) -> psutil.Process:
    """The first process of a terminal."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            mark = process.environ().get("SOUNDSTAGE_UNIT", "")
            if mark.endswith(terminal_id) and os.getsid(process.pid) == process.pid:
                return process
    raise AssertionError("it is gone")


async def test_a_stuck_viewer_and_a_printer_disturb_nobody(server: Program, session: str) -> None:
    assert server.process is not None
    printer, quiet = open_terminal(server, session, PRINTER), open_terminal(server, session, "stty -echo; exec cat")
    stuck, other, typist = Viewer(server, printer), Viewer(server, printer), Viewer(server, quiet)
    async with stuck.connected(max_queue=1, ping_interval=None) as socket:
        await other.read(size=30_000_000, seconds=60)
        sizes = [psutil.Process(pid).memory_info().rss for pid in (server.process.pid, server.runner_pid())]
        async with typist.connected() as keys:
            async with asyncio.timeout(20):
                for number in range(20):
                    await keys.send(frame(Type.INPUT, 0, b"%d\r" % number))
                    while b"%d\r\n" % number not in typist.data:
                        message = await keys.recv()
                        assert isinstance(message, bytes)
                        typist.take(message)
        await other.read(size=30_000_000, seconds=60)
        grown = [
            psutil.Process(pid).memory_info().rss - size
            for pid, size in zip((server.process.pid, server.runner_pid()), sizes, strict=True)
        ]
        async with asyncio.timeout(20):
            while stuck.gaps == 0:
                message = await socket.recv()
                assert isinstance(message, bytes)
                stuck.take(message)
    assert max(grown) < 20 * 1024 * 1024
    ask(server, "mutation ($id: ID!) { closeTerminal(id: $id) { status } }", id=printer)


async def test_a_recording_is_played_back(server: Program, session: str) -> None:
    known = open_terminal(server, session, "echo first; sleep 0.1; echo second", record=True)
    viewer = Viewer(server, known)

    await asyncio.wait_for(viewer.follow(), 20)

    played = server.request("GET", f"/api/v1/terminals/{known}/recording")
    header, *events = map(orjson.loads, played.content.splitlines())
    assert header["version"] == 2
    assert "".join(event[2] for event in events) == viewer.data.decode() == "first\r\nsecond\r\n"


async def test_a_working_copy_is_committed_from_its_terminal(server: Program, session: str) -> None:
    viewer = Viewer(
        server, open_terminal(server, session, "echo hi > made; git add made; git commit -qm 'From a shell'")
    )

    await asyncio.wait_for(viewer.follow(), 20)

    assert viewer.exit["exitCode"] == 0, viewer.data
    asked = "query ($id: ID!) { session(id: $id) { branch } }"
    assert ask(server, asked, id=session)["session"]["branch"]
