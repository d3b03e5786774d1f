"""200 open terminals and what a key costs in them; reconnecting; a printer and a stuck viewer beside; throughput."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import statistics
import struct
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import websockets
from websockets.asyncio.client import ClientConnection

from app.terminals.frames import PROTOCOL, Type, frame
from tests.support.program import Program, program

TERMINALS = 200
KEYS = 2_000
#: Keys a second over all terminals: 200 people who type.
RATE = 400
OPEN = """mutation ($id: ID!, $command: [String!]) {
  openTerminal(sessionId: $id, input: { command: $command, columns: 120, rows: 40 }) { id }
}"""
PRINTER = ["yes", "the quick brown fox jumps over the lazy dog and runs far away, as it did yesterday"]
MIB = 1024 * 1024


class Bench:
    """One running server with a session."""

    def __init__(self, server: Program) -> None:
        self.server = server
        made = self.ask('mutation { createWorkspace(input: {name: "bench"}) { id } }')["createWorkspace"]["id"]
        found = self.ask("query ($id: ID!) { defaultSession(workspaceId: $id) { id } }", id=made)
        self.session = found["defaultSession"]["id"]

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL answer."""
        answer = self.server.request("POST", "/graphql", {"query": query, "variables": variables}).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def open(self, *command: str) -> str:
        """The id of a new terminal."""
        return str(self.ask(OPEN, id=self.session, command=list(command))["openTerminal"]["id"])

    @asynccontextmanager
    async def viewer(self, terminal_id: str, offset: int = 0, **options: Any) -> AsyncIterator[ClientConnection]:
        """A viewer of a terminal, as a program that is no browser."""
        url = self.server.url.replace("http", "ws")
        async with websockets.connect(
            f"{url}/api/v1/ws/terminal?terminal={terminal_id}&offset={offset}",
            subprotocols=[websockets.Subprotocol(PROTOCOL)],
            additional_headers=self.server.headers,
            compression=None,
            max_size=None,
            proxy=None,
            **options,
        ) as socket:
            yield socket

    def processes(self) -> list[psutil.Process]:
        """The server and the runner."""
        assert self.server.process is not None
        return [psutil.Process(self.server.process.pid), psutil.Process(self.server.runner_pid())]


async def press(socket: ClientConnection) -> float:
    """Seconds from a key to its echo."""
    began = time.perf_counter()
    await socket.send(frame(Type.INPUT, 0, b"x"))
    async for message in socket:
        if message[0] == Type.OUTPUT:
            return time.perf_counter() - began
    raise AssertionError("the terminal ended")


async def type_in(sockets: list[ClientConnection]) -> list[float]:
    """Keys in terminals by chance, at a steady rate, each when its turn has come."""
    free = {socket: asyncio.Lock() for socket in sockets}
    times: list[float] = []

    async def one(at: float) -> None:
        await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
        socket = random.choice(sockets)
        async with free[socket]:
            times.append(await press(socket))

    begin = asyncio.get_running_loop().time() + 0.2
    await asyncio.gather(*(one(begin + number / RATE) for number in range(KEYS)))
    return times


async def echo(bench: Bench) -> list[str]:
    """The time of a key with many terminals open; and again beside a printer and a viewer that is stuck."""
    rows = []
    async with AsyncExitStack() as stack:
        known = [bench.open("cat") for _ in range(TERMINALS)]
        sockets = [await stack.enter_async_context(bench.viewer(one)) for one in known]
        for socket in sockets:
            await press(socket)
        rows.append(_times(f"echo of a key, {TERMINALS} open terminals", await type_in(sockets)))
        printer = bench.open(*PRINTER)
        stuck = await stack.enter_async_context(bench.viewer(printer, max_queue=1, ping_interval=None))
        before = [process.memory_info().rss for process in bench.processes()]
        times = await type_in(sockets)
        grown = [process.memory_info().rss - size for process, size in zip(bench.processes(), before, strict=True)]
        name = "the same beside a program that prints as fast as it can, its one viewer stuck"
        rows.append(_times(name, times, f"memory {_grown(grown)}"))
        stuck.transport.abort()
        for one in (*known, printer):
            bench.ask("mutation ($id: ID!) { closeTerminal(id: $id) { id } }", id=one)
    return rows


async def replay(bench: Bench) -> str:
    """Seconds from connecting until the whole kept output is there."""
    known = bench.open("/bin/sh", "-c", f"stty -opost; head -c {2 * MIB} /dev/zero; exec cat")
    await asyncio.sleep(1.0)
    times = []
    for _ in range(50):
        began = time.perf_counter()
        async with bench.viewer(known, offset=MIB) as socket:
            async for message in socket:
                assert isinstance(message, bytes)
                end = struct.unpack(">Q", message[1:9])[0] + len(message) - 9
                if message[0] == Type.OUTPUT and end >= 2 * MIB:
                    break
            times.append(time.perf_counter() - began)
    return _times("connecting again and the last MiB of output", times)


async def throughput(bench: Bench, seconds: float) -> str:
    """What one viewer gets of one program that prints."""
    known = bench.open(*PRINTER)
    got = gaps = lost = 0
    async with bench.viewer(known) as socket:
        await socket.recv()
        before = [process.memory_info().rss for process in bench.processes()]
        busy = [sum(process.cpu_times()[:2]) for process in bench.processes()]
        began = time.perf_counter()
        async for message in socket:
            assert isinstance(message, bytes)
            if message[0] == Type.OUTPUT:
                got += len(message) - 9
            elif message[0] == Type.GAP:
                gaps += 1
                lost += struct.unpack(">Q", message[9:17])[0] - struct.unpack(">Q", message[1:9])[0]
            if time.perf_counter() - began > seconds:
                break
        passed = time.perf_counter() - began
        grown = [process.memory_info().rss - size for process, size in zip(bench.processes(), before, strict=True)]
        used = [sum(process.cpu_times()[:2]) - then for process, then in zip(bench.processes(), busy, strict=True)]
    bench.ask("mutation ($id: ID!) { closeTerminal(id: $id) { id } }", id=known)
    speed = f"{got / passed / 1e6:.1f} MB/s"
    cpu = f"server {used[0] / passed * 100:.0f} %, runner {used[1] / passed * 100:.0f} % of a core"
    speed += f"; a bare loop reads {await asyncio.to_thread(bare, seconds / 2):.1f}"
    missed = f"{gaps} gaps ({lost / 1e6:.1f} MB)"
    return f"| one terminal to one viewer, {passed:.0f} s | {speed} | {missed}; {cpu}; memory {_grown(grown)} |"


def bare(seconds: float) -> float:
    """MB/s of the same program read by a loop that does nothing else: what this machine's pseudo-terminals give."""
    master, slave = os.openpty()
    with subprocess.Popen(PRINTER, stdout=slave) as printer:
        os.close(slave)
        got, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            got += len(os.read(master, 65_536))
        passed = time.perf_counter() - began
        printer.kill()
        os.close(master)
    return got / passed / 1e6


def _grown(sizes: list[int]) -> str:
    return f"server {sizes[0] / MIB:+.1f} MiB, runner {sizes[1] / MIB:+.1f} MiB"


def _times(name: str, times: list[float], more: str = "") -> str:
    cuts = statistics.quantiles(times, n=100)
    return f"| {name} | median {cuts[49] * 1000:.1f} ms | p99 {cuts[98] * 1000:.1f} ms{'; ' if more else ''}{more} |"


async def _measure(bench: Bench, seconds: float) -> list[str]:
    return [*await echo(bench), await replay(bench), await throughput(bench, seconds)]


def measure(seconds: float = 10.0) -> list[str]:
    """Rows of a table."""
    folder = Path(tempfile.mkdtemp())
    os.environ["SOUNDSTAGE_TERMINALS_PER_ORGANIZATION"] = str(TERMINALS + 10)
    try:
        with program(folder) as server:
            return asyncio.run(_measure(Bench(server), seconds))
    finally:
        del os.environ["SOUNDSTAGE_TERMINALS_PER_ORGANIZATION"]
        shutil.rmtree(folder, ignore_errors=True)
