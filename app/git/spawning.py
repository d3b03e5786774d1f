"""Starting a program quickly, whatever the event loop.

uvloop forks, which takes 5 ms and more in a server that has grown; `subprocess` uses vfork(2) and takes 1 ms.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import uvloop


class Running:
    """A program with pipes, as `asyncio.subprocess.Process` is; `close` belongs to its end."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._transports: list[asyncio.BaseTransport] = []
        self._handle = _pidfd(process.pid)
        if self._handle is not None:
            self._loop.add_reader(self._handle, self._has_ended)

    @property
    def returncode(self) -> int | None:
        """The exit code; None as long as it runs, or nobody has seen its end."""
        return self._process.returncode

    def kill(self) -> None:
        """Ends it at once, with what it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Waits for its end; returns the exit code."""
        if self._handle is None and self._process.returncode is None:
            await asyncio.to_thread(self._process.wait)
        elif self._process.returncode is None:
            await self._ended.wait()
        return self._process.returncode or 0

    def close(self) -> None:
        """Gives back its pipes, whatever is still in them."""
        for transport in self._transports:
            transport.close()
        if self._process.returncode is not None:
            self._forget()  # else its end is awaited here, so that nothing of it is left

    async def connect(self, limit: int) -> None:
        """Makes streams of its pipes."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.stdout, self.stderr = (asyncio.StreamReader(limit) for _ in range(2))
        for stream, pipe in ((self.stdout, process.stdout), (self.stderr, process.stderr)):
            protocol, handed = asyncio.StreamReaderProtocol(stream), self._handed_over(pipe, "rb")
            reading, _ = await self._loop.connect_read_pipe(lambda protocol=protocol: protocol, handed)  # type: ignore[misc]
            self._transports.append(reading)
        unread = asyncio.StreamReaderProtocol(asyncio.StreamReader())
        writing, _ = await self._loop.connect_write_pipe(lambda: unread, self._handed_over(process.stdin, "wb"))
        self._transports.append(writing)
        self.stdin = asyncio.StreamWriter(writing, unread, None, self._loop)

    def _handed_over(self, pipe: IO[bytes], mode: str) -> IO[bytes]:
        """A pipe as the loop is to have it, in place of this one.

        uvloop closes the descriptor, and then the file, too: by then the number may be that of a file which another
        thread has just opened. It gets a file that closes nothing. asyncio closes the file alone.
        """
        descriptor = os.dup(pipe.fileno())
        pipe.close()
        return os.fdopen(descriptor, mode, buffering=0, closefd=not isinstance(self._loop, uvloop.Loop))

    def _has_ended(self) -> None:
        if self._process.poll() is not None:
            self._forget()
            self._ended.set()

    def _forget(self) -> None:
        if self._handle is not None:
            self._loop.remove_reader(self._handle)
            os.close(self._handle)
            self._handle = None


async def spawn(command: Sequence[str], folder: Path, variables: Mapping[str, str], limit: int) -> Running:
    """Starts a program in a session of its own, with pipes. Raises `FileNotFoundError`, also without the folder."""
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - it takes a millisecond; git and its words
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )
    running = Running(process)
    # Cut in the middle it would leave pipes that are neither ours nor the loop's.
    connecting = asyncio.ensure_future(running.connect(limit))
    try:
        await asyncio.shield(connecting)
    except BaseException:
        await asyncio.wait([connecting])
        running.kill()
        process.wait()
        running.close()
        raise
    return running


def _pidfd(pid: int) -> int | None:
    """Tells of a process's end; None where the system has no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
