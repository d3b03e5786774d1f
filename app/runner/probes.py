"""Probes: is a unit healthy now?"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from app.runner.model import EngineRefused, Probe, ProbeKind, Unit

FIRST_DELAY = 0.01
_GROWTH = 1.5
#: A log is looked at this often at least; it costs one stat.
_LOG_INTERVAL = 0.05
#: Characters of a line that a pattern is tried on.
_PATTERN_LIMIT = 4096
_READ_SIZE = 256 * 1024

#: Runs a command for the unit; true when it exits with 0 in time.
Run = Callable[[Sequence[str], float], Awaitable[bool]]
Check = Callable[[], Awaitable[bool]]


def delays(probe: Probe) -> Delays:
    return Delays(min(probe.interval, _LOG_INTERVAL) if probe.kind is ProbeKind.LOG else probe.interval)


class Delays:
    """Short ones right after the start, so that a fast service is seen at once; growing to the interval."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = FIRST_DELAY

    def next(self) -> float:
        delay = min(self._next, self._interval)
        self._next *= _GROWTH
        return delay


def check_of(unit: Unit, run: Run, log: Path, log_offset: int) -> Check:
    probe = unit.probe
    assert probe is not None
    if probe.kind is ProbeKind.EXEC:
        command = probe.command
        return lambda: run(command, probe.timeout)
    if probe.kind is ProbeKind.LOG:
        return LogWatch(log, log_offset, probe.target).check
    port = port_of(unit)
    if probe.kind is ProbeKind.TCP:
        return lambda: _in_time(_accepts(port), probe.timeout)
    return lambda: _in_time(_answers(port, probe.target or "/"), probe.timeout)


def validate(unit: Unit) -> None:
    """Refuse what could never become healthy."""
    probe = unit.probe
    if probe is None:
        return
    if probe.kind in (ProbeKind.HTTP, ProbeKind.TCP):
        port_of(unit)
    if probe.kind is ProbeKind.EXEC and not probe.command:
        raise EngineRefused(f"The exec probe of {unit.service} has no command.")
    if probe.kind is ProbeKind.LOG:
        try:
            re.compile(probe.target)
        except re.error as error:
            raise EngineRefused(f"The log probe of {unit.service} is no regular expression: {error}.") from None


def port_of(unit: Unit) -> int:
    assert unit.probe is not None
    name = unit.probe.port or next(iter(unit.ports), "")
    if name not in unit.ports:
        raise EngineRefused(f"The probe of {unit.service} names the port {name!r}, which the service does not have.")
    return unit.ports[name]


async def _in_time(check: Awaitable[bool], timeout: float) -> bool:
    try:
        async with asyncio.timeout(timeout):
            return await check
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        return False


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return await asyncio.open_connection("::1", port)


async def _accepts(port: int) -> bool:
    _, writer = await _connect(port)
    writer.close()
    return True


async def _answers(port: int, path: str) -> bool:
    reader, writer = await _connect(port)
    try:
        lines = (f"GET {path} HTTP/1.1", f"Host: localhost:{port}", "User-Agent: soundstage-probe", "Connection: close")
        writer.write("\r\n".join((*lines, "", "")).encode())
        status = (await reader.readline()).split(None, 2)
        return len(status) > 1 and status[0].startswith(b"HTTP/") and 200 <= int(status[1]) < 400
    finally:
        writer.transport.abort()


class LogWatch:
    """Whether a complete line since the start of the run matched."""

    def __init__(self, path: Path, offset: int, pattern: str) -> None:
        self._path = path
        self._offset = offset
        self._pattern = re.compile(pattern)
        self._matched = False

    async def check(self) -> bool:
        async for line in self._lines():
            if self._pattern.search(line):
                self._matched = True
                break
        return self._matched

    async def _lines(self) -> AsyncIterator[str]:
        while not self._matched:
            content = self._read()
            end = content.rfind(b"\n") + 1
            if end == 0:
                # A line longer than the window: what was seen of it will not be seen again.
                self._offset += len(content) if len(content) == _READ_SIZE else 0
                return
            self._offset += end
            for line in content[:end].splitlines():
                yield line[:_PATTERN_LIMIT].decode(errors="replace")
            await asyncio.sleep(0)

    def _read(self) -> bytes:
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(handle, _READ_SIZE, self._offset)
        finally:
            os.close(handle)
