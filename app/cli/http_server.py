"""The HTTP server around the product: a socket taken early, a start that is told, and an end in time."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from app.cli.exits import CliError, Exit
from app.cli.http_protocol import Drain, Http
from app.observability.exchange import TEXT, App

#: Seconds that requests under way have to end.
GRACE = 8
KEEP_ALIVE = 75
#: Uvicorn ticks ten times a second; connections that nobody uses are looked for every five seconds.
TICKS_A_LOOK = 50
_UNCOMPRESSED = "/ws/terminal"


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; raises `CliError` that tells what to do."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        found = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _cannot(host, port, error) from None
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        # Bound alone, two servers could hold the port until one listens.
        found.listen(2048)
    except OSError as error:
        found.close()
        raise _cannot(host, port, error) from None
    return found


def _cannot(host: str, port: int, error: OSError) -> CliError:
    if error.errno == errno.EADDRINUSE:
        hint = f"take another port: --port {port + 1 if port < 65535 else 8000}   or any free one: --port 0"
        return CliError(f"Port {port} of {host} is in use.", hint, exit_code=Exit.USAGE)
    if error.errno in (errno.EACCES, errno.EPERM):
        return CliError(
            f"Port {port} is not permitted to you.", "take one above 1023: --port 8000", exit_code=Exit.USAGE
        )
    why = error.strerror or str(error)
    return CliError(f"{host}:{port} cannot be listened on: {why}.", "--host 127.0.0.1", exit_code=Exit.USAGE)


def url_of(listener: socket.socket) -> str:
    """Where clients on this machine reach the socket."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class WebSockets(WebSocketsSansIOProtocol):
    """Terminals are not compressed: a key would wait for it, and a program that prints would wait for little else."""

    def handle_connect(self, event: Request) -> None:
        if event.path.partition("?")[0].endswith(_UNCOMPRESSED):
            self.conn.available_extensions = None
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:  # the handshake was not refused
            scope[TEXT] = self._write_text

    def _write_text(self, content: bytes) -> bool:
        """Writes a frame of text at once; False where that takes more, and ASGI's `send` is to do it.

        What many viewers get at the same time is encoded already: going through the protocol's state would take three
        times as long as all the rest.
        """
        if not self.handshake_complete or self.disconnected or self.close_sent or self.conn.extensions:
            return False
        if not self.writable.is_set() or self.transport.is_closing():
            return False
        size = len(content)
        if size < 126:
            head = bytes((0x81, size))
        else:
            head = b"\x81\x7e" + size.to_bytes(2) if size < 65_536 else b"\x81\x7f" + size.to_bytes(8)
        self.transport.write(head + content)
        return True


class HttpServer(uvicorn.Server):
    """Uvicorn, with signals left to us."""

    def __init__(self, app: App, ready: Callable[[], None], *, message_limit: int) -> None:
        self._ready = ready
        self._drain = Drain(app)
        super().__init__(
            uvicorn.Config(
                app=self._drain,
                loop="none",
                http=Http,
                interface="asgi3",
                ws=WebSockets,
                ws_max_size=message_limit,
                ws_max_queue=32,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=GRACE,
            )
        )

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_LOOK == 0:
            long_ago = asyncio.get_running_loop().time() - KEEP_ALIVE
            for connection in list(self.server_state.connections):
                if isinstance(connection, Http) and connection.is_quiet_since(long_ago):
                    connection.transport.close()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._drain.carriers.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Ends after the requests under way; at once when it is called again."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._drain.begin()
