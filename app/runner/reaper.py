"""Notices the end of processes: of children by SIGCHLD, of adopted ones by a pidfd."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal

from app.runner.process_table import Process, open_pidfd

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Orphans of our services become our children, so that they can be found and reaped."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


class Reaper:
    """The only place that calls wait. The result of a future is the exit code, -N for signal N, None for unknown."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._children: dict[int, asyncio.Future[int | None]] = {}
        self._adopted: set[int] = set()
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def child(self, pid: int) -> asyncio.Future[int | None]:
        """To be called in the same step of the event loop as the spawn."""
        future: asyncio.Future[int | None] = self._loop.create_future()
        self._children[pid] = future
        return future

    def adopt(self, process: Process) -> asyncio.Future[int | None]:
        """A process that another runner started: that it ended can be seen, how it ended cannot."""
        future: asyncio.Future[int | None] = self._loop.create_future()
        handle = open_pidfd(process)
        if handle is None:
            future.set_result(None)
            return future
        self._adopted.add(handle)
        self._loop.add_reader(handle, self._adopted_ended, handle, future)
        return future

    def _adopted_ended(self, handle: int, future: asyncio.Future[int | None]) -> None:
        self._loop.remove_reader(handle)
        self._adopted.discard(handle)
        os.close(handle)
        if not future.done():
            future.set_result(None)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                future = self._children.pop(pid, None)
                if future is not None and not future.done():
                    future.set_result(os.waitstatus_to_exitcode(status))

    def close(self) -> None:
        self._loop.remove_signal_handler(signal.SIGCHLD)
        for handle in self._adopted:
            self._loop.remove_reader(handle)
            os.close(handle)
        self._adopted.clear()
