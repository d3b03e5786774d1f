"""One running language server: its process, and messages to and from it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from app.language_servers import leash
from app.language_servers.framing import framed, messages

#: How long it may leave its input unread, and take to end, before it is killed.
STUCK_SECONDS, END_SECONDS = 30.0, 5.0
_REMEMBERED = 4 * 1024


class Stuck(Exception):
    """The server does not read its input."""


class ServerProcess:
    """Started by `start`; ended by `end`, or by itself, or with this program."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said = bytearray()
        self._listener = asyncio.create_task(self._listen())
        self._handle = _pidfd(process.pid)
        if self._handle is not None:
            asyncio.get_running_loop().add_reader(self._handle, self._leash_ended)

    @classmethod
    async def start(cls, command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> ServerProcess:
        """The command on a leash: it ends with this program, whatever becomes of that."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", leash.__file__, str(os.getpid())),
            *command,
            cwd=folder,
            env=dict(variables),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The leash's pid, and the number of the process group."""
        return self._process.pid

    @property
    def said(self) -> str:
        """The end of what it wrote to its standard error."""
        return self._said.decode(errors="replace").strip()

    def post(self, *messages: Mapping[str, Any]) -> None:
        """Writes messages, one behind the other. One that has ended takes them silently: its reader sees the end."""
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._process.stdin.write(b"".join(framed(orjson.dumps(message)) for message in messages))

    async def send(self, *messages: Mapping[str, Any]) -> None:
        """The same, and waits until it has read most of it; raises `Stuck`."""
        assert self._process.stdin is not None
        self.post(*messages)
        with contextlib.suppress(ConnectionError, RuntimeError):
            try:
                async with asyncio.timeout(STUCK_SECONDS):
                    await self._process.stdin.drain()
            except TimeoutError:
                raise Stuck() from None

    async def messages(self) -> AsyncIterator[bytes]:
        """What it writes, until it ends."""
        assert self._process.stdout is not None
        async for message in messages(self._process.stdout):
            yield message

    async def end(self) -> int:
        """Makes sure that it is gone, with all that it started; returns its exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        self._forget()
        return self._process.returncode or 0

    def _leash_ended(self) -> None:
        """Where somebody killed the leash, it could end nothing: then the program would go on, and its output too."""
        self._forget()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _forget(self) -> None:
        if self._handle is not None:
            asyncio.get_running_loop().remove_reader(self._handle)
            os.close(self._handle)
            self._handle = None

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(64 * 1024):
            self._said = (self._said + piece)[-_REMEMBERED:]


def _pidfd(pid: int) -> int | None:
    """Tells of a process's end; None where the system has no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
