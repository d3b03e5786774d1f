"""The control plane's end of the runner's socket: finds the runner, starts it when none lives, and stays connected."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import app
from app.core.streams import Wakeups
from app.engines.base import EngineUnavailable
from app.engines.hints import Hints
from app.runner import protocol
from app.runner.folders import DataFolder, is_locked, make_private
from app.runner.process_table import stat_of

#: Seconds in which a started runner has to answer: it adopts what runs before it does.
_START_TIME = 20.0
_START_TRIES = 3
_BACKOFF = (0.05, 5.0)
_PACKAGE_ROOT = str(Path(app.__file__ or ".").resolve().parent.parent)
#: Puts the runner into the background: no child of ours, so it outlives us, and init reaps it.
_DETACH = '"$@" >> "$SOUNDSTAGE_RUNNER_LOG" 2>&1 < /dev/null & echo $!'


class Lost(Exception):
    """The connection ended before the answer came."""


class Connection:
    """One socket. Answers find their calls by number; `hints` says what takes each kind of hint."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hints: Mapping[str, Callable[[str], None]]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._hints = hints
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._last = 0
        self._broken = False
        self.reading = asyncio.create_task(self._read())

    @property
    def is_lost(self) -> bool:
        return self._broken or self.reading.done()

    async def call(self, name: str, arguments: dict[str, Any]) -> Any:
        if self.is_lost:
            raise Lost
        self._last += 1
        number = self._last
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[number] = answer
        try:
            self._writer.write(protocol.encode({"id": number, "call": name, "arguments": arguments}))
            await self._writer.drain()
            return await answer
        except ConnectionError as error:
            # The end of what can be read may be noticed later than that nothing can be written.
            self._broken = True
            self.reading.cancel()
            raise Lost from error
        finally:
            self._calls.pop(number, None)

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                message = protocol.decode(line)
                if "id" not in message:
                    self._take_hint(message)
                    continue
                answer = self._calls.get(message["id"])
                if answer is None or answer.done():
                    continue
                if "error" in message:
                    answer.set_exception(protocol.error_from(message["error"]))
                else:
                    answer.set_result(message["result"])
        except (ConnectionError, ValueError):
            pass
        finally:
            for answer in self._calls.values():
                if not answer.done():
                    answer.set_exception(Lost())
            self._writer.close()

    def _take_hint(self, message: dict[str, str]) -> None:
        for kind, name in message.items():
            self._hints[kind](name)

    async def close(self) -> None:
        self.reading.cancel()
        await asyncio.gather(self.reading, return_exceptions=True)
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


class RunnerClient:
    def __init__(self, data: DataFolder, options: Sequence[str] = ()) -> None:
        self._data = data
        self._options = tuple(options)
        self.hints = Hints()
        #: Wakes the readers of a terminal's output.
        self.written = Wakeups()
        #: Terminals that ended.
        self.endings = Hints()
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False
        self._ever_connected = False

    @property
    def is_closed(self) -> bool:
        return self._closed

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """All calls may be repeated, so one that lost its connection is sent again, once."""
        try:
            return await (await self._connected()).call(name, arguments)
        except Lost:
            pass
        try:
            return await (await self._connected()).call(name, arguments)
        except Lost:
            raise EngineUnavailable("The runner was lost twice during one call.", log=str(self._data.log)) from None

    async def call_once(self, name: str, /, **arguments: Any) -> Any:
        """A call that may not be repeated: one that lost its connection may have been done or not."""
        try:
            return await (await self._connected()).call(name, arguments)
        except Lost:
            raise EngineUnavailable("The runner was lost during a call.", log=str(self._data.log)) from None

    async def ready(self) -> None:
        """Connected, with hints flowing."""
        await self._connected()

    async def shut_down(self) -> None:
        """End the runner with all that it runs; returns when it is gone."""
        connection = await self._connected()
        self._closed = True
        with contextlib.suppress(Lost):
            await connection.call("shutdown", {})
            await asyncio.wait({connection.reading}, timeout=10)
        deadline = time.monotonic() + 10
        while is_locked(self._data.lock) and time.monotonic() < deadline:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        self._closed = True
        self.hints.close()
        self.endings.close()
        self.written.notify_all()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connected(self) -> Connection:
        async with self._connecting:
            if self._closed:
                raise EngineUnavailable("The engine was closed.")
            if self._is_lost():
                await self._replace_connection()
            assert self._connection is not None
            return self._connection

    async def _replace_connection(self) -> None:
        if self._connection is not None:
            await self._connection.close()
        self._connection = None
        connection = await self._open() or await self._start()
        try:
            known = await connection.call("subscribe", {})
        except Lost:
            await connection.close()
            raise EngineUnavailable("The runner ended while it was greeted.", log=str(self._data.log)) from None
        self._connection = connection
        if self._ever_connected:
            # What changed while nobody listened is not known: all of it may have.
            for environment_id in known:
                self.hints.publish(environment_id)
            self.written.notify_all()
            self.endings.publish("")
        self._ever_connected = True
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="runner connection")

    async def _keep(self) -> None:
        """Connect again when the connection ends, also when nobody calls: services need their runner."""
        delay = _BACKOFF[0]
        while not self._closed:
            connection = self._connection
            if connection is not None:
                await asyncio.wait({connection.reading})
            began = time.monotonic()
            try:
                await self._connected()
            except EngineUnavailable:
                await asyncio.sleep(delay)
                delay = min(delay * 2, _BACKOFF[1])
            else:
                # A runner that dies at once, again and again, must not be started in a tight loop.
                await asyncio.sleep(0.05 if time.monotonic() - began > 1 else delay)
                delay = min(delay * 2, _BACKOFF[1]) if self._is_lost() else _BACKOFF[0]

    def _is_lost(self) -> bool:
        return self._connection is None or self._connection.is_lost

    async def _open(self) -> Connection | None:
        """A connection to a runner that answers and speaks our version."""
        try:
            path = self._data.address.read_text()
            reader, writer = await asyncio.open_unix_connection(path, limit=protocol.MESSAGE_LIMIT)
        except OSError:
            return None
        takers = {"changed": self.hints.publish, "written": self.written.notify, "ended": self.endings.publish}
        connection = Connection(reader, writer, takers)
        try:
            hello = await connection.call("hello", {})
            if hello["version"] == protocol.VERSION:
                return connection
            if hello["version"] > protocol.VERSION:
                raise EngineUnavailable("The runner is newer than this server. Start the newer server.", **hello)
            await connection.call("retire", {})
            await asyncio.wait({connection.reading}, timeout=5)
        except Lost:
            pass
        except EngineUnavailable:
            await connection.close()
            raise
        await connection.close()
        return None

    async def _start(self) -> Connection:
        for _ in range(_START_TRIES):
            connection = await self._start_once()
            if connection is not None:
                return connection
        raise EngineUnavailable(
            f"The runner does not start. Its log ends with: {_last_line(self._data.log)}", log=str(self._data.log)
        )

    async def _start_once(self) -> Connection | None:
        """None when the runner ended: for a reason of its own, or since one that was just killed still had the lock."""
        pid = await self._spawn()
        deadline = time.monotonic() + _START_TIME
        delay = 0.005
        while time.monotonic() < deadline:
            await asyncio.sleep(delay)
            connection = await self._open()
            if connection is not None:
                return connection
            # One that finds another at work ends at once, and that other one is about to answer.
            if _is_dead(pid) and not is_locked(self._data.lock):
                break
            delay = min(delay * 1.2, 0.05)
        return None

    async def _spawn(self) -> int:
        make_private(self._data.root)
        make_private(self._data.runner)
        command = [sys.executable, "-m", "app.runner", "--data-dir", str(self._data.root), *self._options]
        paths = [_PACKAGE_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        variables = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "SOUNDSTAGE_RUNNER_LOG": str(self._data.log),
        }
        # In a thread: asyncio's own subprocess was seen never to return here under uvloop 0.23.
        shell = await asyncio.to_thread(
            subprocess.run,
            ["/bin/sh", "-c", _DETACH, "soundstage", *command],
            env=variables,
            cwd=self._data.root,
            stdout=subprocess.PIPE,
            start_new_session=True,
            check=True,
        )
        return int(shell.stdout)


def _is_dead(pid: int) -> bool:
    stat = stat_of(pid)
    return stat is None or stat.dead


def _last_line(path: Path) -> str:
    with contextlib.suppress(OSError):
        lines = path.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "(nothing)"
    return "(no log)"
