"""The runner's socket: requests in, answers and hints of change out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from app.runner import protocol
from app.runner.codec import unit_from
from app.runner.host import Host
from app.runner.terminal_model import order_from

_log = logging.getLogger(__name__)
Arguments = dict[str, Any]


class Connection:
    """One client. Hints wait here for it, each once, however slow it reads."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._hints: dict[tuple[str, str], None] = {}
        self._wake = asyncio.Event()
        self.subscribed = False

    def hint(self, kind: str, name: str) -> None:
        if self.subscribed:
            self._hints[kind, name] = None
            self._wake.set()

    async def push(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._wake.wait()
                self._wake.clear()
                hints, self._hints = self._hints, {}
                await self.send(b"".join(protocol.encode({kind: name}) for kind, name in hints))

    def close(self) -> None:
        self._writer.transport.abort()

    async def send(self, content: bytes) -> None:
        self._writer.write(content)
        await self._writer.drain()


class Server:
    def __init__(self, finish: Callable[[], None]) -> None:
        self._connections: set[Connection] = set()
        self._calls: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.Task[Any]] = set()
        self._finish = finish
        self._host: Host
        self._verbs: dict[str, Callable[[Arguments], Awaitable[Any]]] = {
            "hello": self._hello,
            "capabilities": self._capabilities,
            "reserve": self._reserve,
            "apply": self._apply,
            "observe": self._observe,
            "stop": self._stop,
            "destroy": self._destroy,
            "shutdown": self._shutdown,
            "retire": self._retire,
            "open_terminal": self._open_terminal,
            "terminals": self._terminals,
            "write_terminal": self._write_terminal,
            "resize_terminal": self._resize_terminal,
            "signal_terminal": self._signal_terminal,
            "close_terminal": self._close_terminal,
        }

    async def listen(self, host: Host, path: Path) -> asyncio.Server:
        self._host = host
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108
        before = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(self._serve, path, limit=protocol.MESSAGE_LIMIT)
        finally:
            os.umask(before)

    def changed(self, environment_id: str) -> None:
        self.hint("changed", environment_id)

    def hint(self, kind: str, name: str) -> None:
        for connection in self._connections:
            connection.hint(kind, name)

    async def close(self) -> None:
        for call in self._calls:
            call.cancel()
        # The clients' tasks end by themselves when their sockets do: asyncio reports cancelled ones as failures.
        for connection in self._connections:
            connection.close()
        await asyncio.gather(*self._calls, *self._clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        assert me is not None
        self._clients.add(me)
        connection = Connection(writer)
        self._connections.add(connection)
        pushing = asyncio.create_task(connection.push())
        try:
            while line := await reader.readline():
                # A call goes on when its client leaves: half an apply helps nobody.
                task = asyncio.create_task(self._answer(connection, protocol.decode(line)))
                self._calls.add(task)
                task.add_done_callback(self._calls.discard)
        except (ConnectionError, ValueError) as error:
            _log.warning("a client was cut off: %s", type(error).__name__)
        finally:
            self._connections.discard(connection)
            self._clients.discard(me)
            pushing.cancel()
            writer.close()

    async def _answer(self, connection: Connection, request: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"id": request["id"]}
        try:
            if request["call"] == "subscribe":
                connection.subscribed = True
                answer["result"] = self._host.environment_ids()
            else:
                answer["result"] = await self._verbs[request["call"]](request["arguments"])
        except Exception as error:
            answer["error"] = protocol.describe_error(error)
            if not answer["error"]["code"]:
                _log.exception("%s failed", request.get("call"))
        with contextlib.suppress(ConnectionError):
            await connection.send(protocol.encode(answer))

    async def _hello(self, arguments: Arguments) -> Any:
        return {"version": protocol.VERSION, "pid": os.getpid()}

    async def _capabilities(self, arguments: Arguments) -> Any:
        return await self._host.capabilities()

    async def _reserve(self, arguments: Arguments) -> Any:
        return await self._host.reserve(**arguments)

    async def _apply(self, arguments: Arguments) -> Any:
        return await self._host.apply(unit_from(arguments["unit"]), arguments["epoch"])

    async def _observe(self, arguments: Arguments) -> Any:
        return self._host.observe(arguments["environment_id"])

    async def _stop(self, arguments: Arguments) -> Any:
        await self._host.stop(**arguments)

    async def _destroy(self, arguments: Arguments) -> Any:
        await self._host.destroy(**arguments)

    async def _open_terminal(self, arguments: Arguments) -> Any:
        return await self._host.terminals.open(order_from(arguments["order"]))

    async def _terminals(self, arguments: Arguments) -> Any:
        return self._host.terminals.states()

    async def _write_terminal(self, arguments: Arguments) -> Any:
        self._host.terminals.write(arguments["terminal_id"], b64decode(arguments["data"]))

    async def _resize_terminal(self, arguments: Arguments) -> Any:
        self._host.terminals.resize(**arguments)

    async def _signal_terminal(self, arguments: Arguments) -> Any:
        self._host.terminals.signal(**arguments)

    async def _close_terminal(self, arguments: Arguments) -> Any:
        return await self._host.terminals.close(**arguments)

    async def _shutdown(self, arguments: Arguments) -> Any:
        """Stop all units, then end."""
        await self._host.stop_all()
        asyncio.get_running_loop().call_later(0.05, self._finish)

    async def _retire(self, arguments: Arguments) -> Any:
        """End; the units go on, for the next runner to adopt."""
        asyncio.get_running_loop().call_later(0.05, self._finish)
