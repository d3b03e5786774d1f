"""A service that writes 50,000 lines a second, three followers, and the API beside them; then 500 followers."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
import psutil
import websockets

from tests.support.program import Program, program

#: Writes `rate` numbered lines a second for `seconds`, in bursts of 10 ms.
WRITER = """
import sys, time
rate, seconds = int(sys.argv[1]), float(sys.argv[2])
burst, number, begin = rate // 100, 0, time.perf_counter()
while time.perf_counter() - begin < seconds:
    sys.stdout.write("".join(f"{n:09d} the quick brown fox jumps over the lazy dog and runs away\\n"
                             for n in range(number, number + burst)))
    sys.stdout.flush()
    number += burst
    time.sleep(max(0, begin + number / rate - time.perf_counter()))
print("end", number, flush=True)
time.sleep(3600)
"""


@dataclass
class Follower:
    """What one follower got."""

    lines: int = 0
    gaps: int = 0
    bytes_seen: int = 0
    position: int = 0
    wrong: list[str] = field(default_factory=list)
    done: bool = False

    def take(self, item: dict[str, object]) -> None:
        start, finish = int(str(item["start"])), int(str(item["finish"]))
        if start != self.position:
            self.wrong.append(f"expected offset {self.position}, got {start}")
        self.position = finish
        if item["gap"]:
            self.gaps += 1
            return
        lines = item["lines"]
        assert isinstance(lines, list)
        self.lines += len(lines)
        self.bytes_seen += finish - start
        self.done = any(line.startswith("end ") for line in lines[-2:])


async def follow(url: str, key: str, follower: Follower) -> None:
    """Reads the stream until the writer says that it ended."""
    async with websockets.connect(
        url.replace("http", "ws"), additional_headers={"Authorization": f"Bearer {key}"}, max_size=None, proxy=None
    ) as socket:
        async for frame in socket:
            follower.take(orjson.loads(frame))
            if follower.done:
                return


def ask(url: str, headers: dict[str, str], seconds: float) -> list[float]:
    """Asks the API for a while, in a process of its own: the seconds of each answer."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
        while time.perf_counter() < end:
            began = time.perf_counter()
            client.get("/v1/environments").raise_for_status()
            times.append(time.perf_counter() - began)
            time.sleep(0.01)
    return times


async def busy_service(
    server: Program, seconds: float, followers: int, rate: int
) -> tuple[list[Follower], list[float], float]:
    """One busy service with followers; what they got, the API's times, and the server's CPU seconds a second."""
    blueprint = {"name": "busy", "services": {"writer": {"run": ["python3", "-c", WRITER, str(rate), str(seconds)]}}}
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    with ProcessPoolExecutor(1) as other:
        made = server.data("POST", "/v1/environments", {"blueprint": blueprint})
        url = f"{server.url}/v1/environments/{made['id']}/logstream"
        readers = [Follower() for _ in range(followers)]
        key = server.credentials["api_key"]
        following = asyncio.gather(*(follow(url, key, reader) for reader in readers))
        while not all(reader.lines for reader in readers):
            await asyncio.sleep(0.05)
        # From here on all follow: what their connecting costs is not part of the figures.
        asking = asyncio.get_running_loop().run_in_executor(other, ask, server.url, server.headers, seconds * 0.7)
        before, began = process.cpu_times(), time.perf_counter()
        await asyncio.wait_for(following, seconds * 3 + 60)
        after = process.cpu_times()
        times = await asking
        cpu = (after.user + after.system - before.user - before.system) / (time.perf_counter() - began)
        server.data("DELETE", f"/v1/environments/{made['id']}")
    return readers, times, cpu


def _row(rate: int, duration: float, readers: list[Follower], times: list[float], cpu: float) -> str:
    lines = sorted(reader.lines for reader in readers)
    gaps, wrong = sum(reader.gaps for reader in readers), sum(len(reader.wrong) for reader in readers)
    p99 = statistics.quantiles(times, n=100)[98] * 1000
    return (
        f"| {len(readers)} followers, {rate:,} lines/s, {duration:g} s | {lines[0]:,} to {lines[-1]:,} each | {gaps} "
        f"| {wrong} bytes unaccounted for | p99 {p99:.1f} ms | {cpu * 100:.0f} % of a core |"
    )


def measure(seconds: float = 20.0) -> list[str]:
    """Rows of a table."""
    folder = Path(tempfile.mkdtemp())
    rows = []
    try:
        with program(folder) as server:
            for followers, rate in ((3, 50_000), (500, 200)):
                duration = seconds if followers == 3 else 10.0
                readers, times, cpu = asyncio.run(busy_service(server, duration, followers, rate))
                rows.append(_row(rate, duration, readers, times, cpu))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows
