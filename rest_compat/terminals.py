"""The WebSocket of terminals: binary frames, which no operation could be. app/terminals/PROTOCOL.md says all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from app.core.actor import Kind, Scope
from app.core.errors import Forbidden, InvalidRequest, SoundstageError
from app.engines.base import TerminalEnd, TerminalGap
from app.environments.cursors import decode_position
from app.observability.requests import ROUTE
from app.terminals.errors import TerminalHasWriter
from app.terminals.frames import LARGEST_INPUT, PROTOCOL, Frame, Type, frame, gap, parse, resize, told
from app.terminals.models import Terminal
from app.terminals.seats import Seat
from resolvers.access import Access, guarded_change
from resolvers.context import Context
from rest_compat.dialects import DIALECTS
from rest_compat.entrance import Entrance, ticket_of
from rest_compat.ratelimit import count
from rest_compat.websockets import ERROR_BASE, deny

DIALECT = DIALECTS["sursakit"]
#: Bytes that a client which sends ACKs gets beyond its last one.
WINDOW = 512 * 1024
_QUERY = frozenset({"terminal", "offset", "role"})
WATCH = guarded_change(Access(scope=Scope.WORKSPACES, kind=Kind.READ), "terminal.watch")
ATTACH = guarded_change(Access(scope=Scope.WORKSPACES, kind=Kind.WRITE), "terminal.attach")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for."""

    terminal_id: str
    offset: int
    writes: bool
    ticket: str


@dataclass(frozen=True)
class TerminalSocket:
    """`/api/v1/ws/terminal`."""

    entrance: Entrance

    async def serve(self, socket: WebSocket) -> None:
        """Until the program ends or the client leaves. What is wrong before it begins is an HTTP answer."""
        socket.scope[ROUTE] = "terminal"
        context = await self.entrance.context(socket)
        try:
            asked = _asked(socket)
            self.entrance.check_origin(socket)
            tickets = context.product.terminals.tickets
            await self.entrance.authenticate(socket, context, tickets, asked.terminal_id, asked.ticket)
            headers = await count(DIALECT, context)
            may_write = asked.writes and context.require_actor().may(Scope.WORKSPACES, Kind.WRITE)
            terminal = await self._attach(context, asked, may_write)
            viewer = Viewer(socket, context, terminal, asked, may_write)
        except SoundstageError as error:
            await deny(socket, error, context.request_id, DIALECT)
            return
        try:
            told_headers = {"X-Request-ID": context.request_id, **headers}
            await socket.accept(PROTOCOL, [(k.lower().encode(), v.encode()) for k, v in told_headers.items()])
            await viewer.run(self.entrance.stay(socket, context, Kind.READ, by_ticket=bool(asked.ticket)))
        finally:
            viewer.leave()

    async def _attach(self, context: Context, asked: Asked, may_write: bool) -> Terminal:
        """The terminal, after policies allowed it; an event of the audit log tells who looked or wrote."""
        guard = ATTACH if may_write else WATCH
        return await guard.run(
            context, {"id": asked.terminal_id}, lambda: context.terminals.attachable(asked.terminal_id)
        )


class Viewer:
    """One accepted socket."""

    def __init__(self, socket: WebSocket, context: Context, terminal: Terminal, asked: Asked, may_write: bool) -> None:
        self._socket, self._terminals, self._terminal = socket, context.terminals, terminal
        self._engine, self._seats = context.product.terminals.terminals, context.product.terminals.seats
        self._asked = asked
        self._changed, self._flow = asyncio.Event(), asyncio.Event()
        self._paused = False
        #: How far the client has come; None as long as it tells nothing.
        self._acknowledged: int | None = None
        self._seat = Seat(terminal.id, self._terminals.who, may_write, self._changed.set)
        self._seats.attach(self._seat)
        self._size = self._seats.size(terminal.id) or (terminal.columns, terminal.rows)
        self._writer = self._seats.writer(terminal.id)
        self._writes = self._seats.writes(self._seat)

    def leave(self) -> None:
        """Gives its seat back."""
        self._seats.leave(self._seat)

    async def run(self, watch: Coroutine[Any, Any, None]) -> None:
        """Until one of its parts ends: the output, the client, the credential."""
        await self._socket.send_bytes(self._hello())
        parts = [self._send(), self._receive(), self._notify(), watch]
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await self._end(task.exception())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self, error: BaseException | None) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            if isinstance(error, SoundstageError):
                await self._socket.close(ERROR_BASE + error.status, error.code)
            elif error is not None and not isinstance(error, WebSocketDisconnect | RuntimeError):
                raise error

    # --- output

    async def _send(self) -> None:
        output = self._terminals.output(self._terminal.id, self._asked.offset)
        async with aclosing(output) as items:  # type: ignore[type-var]
            async for item in items:
                if isinstance(item, TerminalEnd):
                    state = item.state
                    end = {"cause": state.cause, "exitCode": state.exit_code, "message": state.message}
                    await self._socket.send_bytes(told(Type.EXIT, end, state.offset))
                    await self._socket.close(1000, "end")
                    return
                if isinstance(item, TerminalGap):
                    await self._socket.send_bytes(gap(item.start, item.end))
                else:
                    await self._socket.send_bytes(frame(Type.OUTPUT, item.start, item.data))
                await self._wait_for_client(item.end)

    async def _wait_for_client(self, sent: int) -> None:
        """Until the client wants more. What it misses meanwhile is not kept for it: it may get a gap."""
        while self._paused or (self._acknowledged is not None and sent - self._acknowledged >= WINDOW):
            self._flow.clear()
            await self._flow.wait()

    async def _notify(self) -> None:
        """Tells who writes and which size it is, whenever that changes."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            writer, writes = self._seats.writer(self._terminal.id), self._seats.writes(self._seat)
            if (writer, writes) != (self._writer, self._writes):
                self._writer, self._writes = writer, writes
                await self._socket.send_bytes(told(Type.ROLE, {"role": self._role, "writer": writer or None}))
            size = self._seats.size(self._terminal.id)
            if size is not None and size != self._size:
                self._size = size
                await self._socket.send_bytes(resize(*size))

    # --- input

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                taken = parse(message.get("bytes") or b"")
            except InvalidRequest as error:
                await self._socket.close(1002, error.message)
                return
            try:
                await self._take(taken)
            except SoundstageError as error:
                await self._socket.send_bytes(told(Type.ERROR, {"code": error.code, "message": error.message}))

    async def _take(self, taken: Frame) -> None:
        match taken.type:
            case Type.INPUT:
                self._check_writer()
                if len(taken.content) > LARGEST_INPUT:
                    raise InvalidRequest(f"An INPUT frame has at most {LARGEST_INPUT:,} bytes.")
                await self._engine.write(self._terminal.id, taken.content)
            case Type.RESIZE:
                self._check_writer()
                columns, rows = taken.size
                await self._engine.resize(self._terminal.id, columns, rows)
                self._size = (columns, rows)
                self._seats.resized(self._terminal.id, columns, rows)
            case Type.ACK:
                self._acknowledged = max(self._acknowledged or 0, taken.offset)
            case Type.PAUSE | Type.RESUME:
                self._paused = taken.type is Type.PAUSE
            case _:
                self._check_writer(take_over=True)
        self._flow.set()

    def _check_writer(self, *, take_over: bool = False) -> None:
        if not self._seat.may_write:
            raise Forbidden("You may only watch this terminal.")
        if not self._seats.claim(self._seat, take_over=take_over):
            raise TerminalHasWriter()

    # --- what it tells

    @property
    def _role(self) -> str:
        return "writer" if self._writes else "viewer"

    def _hello(self) -> bytes:
        columns, rows = self._size
        terminal = self._terminal
        hello = {
            "terminal": terminal.id,
            "session": terminal.session_id,
            "command": terminal.command,
            "columns": columns,
            "rows": rows,
            "role": self._role,
            "writer": self._writer or None,
            "status": str(terminal.status),
            "isolation": str(terminal.isolation),
        }
        return told(Type.HELLO, hello, self._asked.offset)


def _asked(socket: WebSocket) -> Asked:
    unknown = [name for name in socket.query_params if name not in _QUERY]
    if unknown:
        raise InvalidRequest(f"There is no parameter {unknown[0][:80]!r}. A credential never travels in the address.")
    terminal_id, role = socket.query_params.get("terminal", ""), socket.query_params.get("role", "writer")
    if not terminal_id:
        raise InvalidRequest("Say which one: `?terminal=trm_…`. `openTerminal` opens one.")
    if role not in ("writer", "viewer"):
        raise InvalidRequest("The role is `writer` or `viewer`.")
    offered: list[str] = socket.scope.get("subprotocols", [])
    if PROTOCOL not in offered:
        raise InvalidRequest(f"Ask for the subprotocol {PROTOCOL}.")
    offset = decode_position(socket.query_params.get("offset"))
    return Asked(terminal_id, offset, role == "writer", ticket_of(socket))
