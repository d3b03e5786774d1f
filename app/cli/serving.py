"""`serve`: one process that holds the data directory, answers, and ends in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import uvloop

from app.cli.data_lock import server_lock
from app.cli.exits import CliError, Exit
from app.cli.http_server import HttpServer, listen, url_of
from app.cli.where import server_file, write_private
from app.core.errors import SoundstageError
from app.core.huge_pages import collapse_heap
from app.installation import make_data_dir
from app.main import Server
from app.observability import logging
from app.settings import Settings

if TYPE_CHECKING:
    from app.cli.demo import Demo

#: Seconds that the parts have to end once no request runs any more.
CLOSING = 2.0


def serve(settings: Settings, *, demo: bool) -> None:
    """Serves until SIGTERM or SIGINT."""
    data_dir = _make(settings.data_dir)
    with server_lock(data_dir), contextlib.ExitStack() as stack:
        listener = stack.enter_context(listen(settings.host, settings.port))
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})  # tokens name it
        log = _log_file(data_dir / "server.log") if demo else sys.stderr
        with contextlib.redirect_stderr(log):
            logging.configure(settings.log_level)
        stack.callback(server_file(data_dir).unlink, missing_ok=True)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                runner.run(_serve(settings, listener, demo))
            except SoundstageError as error:
                raise CliError(error.message) from None


def _make(data_dir: Path) -> Path:
    try:
        return make_data_dir(data_dir)
    except OSError as error:
        hint = "name another one with --data-dir"
        raise CliError(
            f"The data directory {data_dir} cannot be made: {error.strerror}.", hint, exit_code=Exit.USAGE
        ) from None


def _log_file(path: Path) -> TextIO:
    """Open for good: everything that runs later writes to it."""
    return open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w", buffering=1, encoding="utf-8")  # noqa: PTH123


async def _prepare_demo(server: Server, url: str) -> Demo:
    # Its client and its display take a tenth of a second to load, which other servers do not need.
    from app.cli.demo import Demo

    return await Demo.prepare(server, url)


async def _serve(settings: Settings, listener: socket.socket, demo: bool) -> None:
    url = url_of(listener)
    stopping = asyncio.Event()
    stop: list[Callable[[], None]] = [stopping.set]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: [call() for call in stop])
    server = await Server(settings).open()
    shown = await _prepare_demo(server, url) if demo else None

    def ready() -> None:
        write_private(server_file(settings.data_dir), {"pid": os.getpid(), "url": url})
        loop.run_in_executor(None, collapse_heap)  # ends by itself, in some tenths of a second
        if shown is not None:
            shown.begin()
        else:
            print(f"Soundstage is ready at {url}", file=sys.stderr, flush=True)

    http = HttpServer(server.app, ready, message_limit=settings.body_limit)
    stop.append(http.stop)
    try:
        if not stopping.is_set():
            await http.serve(sockets=[listener])
    finally:
        if shown is not None:
            shown.end()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.close(), CLOSING)
