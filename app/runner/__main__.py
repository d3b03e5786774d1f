"""`python -m app.runner --data-dir D`: owns the processes of one data directory."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import sys
from pathlib import Path

from app.runner.folders import DataFolder, make_private
from app.runner.host import Host
from app.runner.log_keeper import DEFAULT_LIMIT
from app.runner.ports import Ports
from app.runner.reaper import become_subreaper
from app.runner.server import Server

_log = logging.getLogger("app.runner")
#: Seconds between two looks whether the data directory is still there.
_FOLDER_INTERVAL = 2.0


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app.runner",
        description="Owns the processes of one data directory. Started by the server when it is needed. "
        "SIGTERM ends it and leaves the services running, for the next runner to take over.",
        epilog="Example: python -m app.runner --data-dir ./data",
    )
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--log-limit", type=int, default=DEFAULT_LIMIT, help="bytes of output kept of each unit")
    parser.add_argument("--ports", default="20000-29999", help="the range from which ports are reserved")
    return parser.parse_args(arguments)


def take_lock(data: DataFolder) -> int | None:
    """The descriptor that keeps others out; None when another runner lives."""
    handle = os.open(data.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return handle


async def end_with_the_folder(data: DataFolder, host: Host, done: asyncio.Event) -> None:
    """Nobody could reach or replace a runner whose data directory was removed: it ends with all that it runs."""
    while data.lock.exists():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(_FOLDER_INTERVAL)
    _log.warning("%s is gone", data.root)
    await host.stop_all()
    done.set()


async def run(data: DataFolder, ports: Ports, log_limit: int) -> None:
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    server = Server(done.set)
    host = Host(data, server.changed, ports, log_limit, server.hint)
    await host.begin()
    path = data.make_socket_path()
    listener = await server.listen(host, path)
    written = data.address.with_suffix(".new")
    written.write_text(str(path))
    written.replace(data.address)
    _log.info("runner %d listens on %s", os.getpid(), path)
    watching = asyncio.create_task(end_with_the_folder(data, host, done))
    await done.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    _log.info("runner %d ends", os.getpid())
    listener.close()
    path.unlink(missing_ok=True)
    await server.close()
    await host.let_go()


def main() -> None:
    arguments = parse_arguments(sys.argv[1:])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    data = DataFolder(arguments.data_dir.resolve())
    make_private(data.root)
    make_private(data.runner).chmod(0o700)
    if take_lock(data) is None:
        return
    if os.getsid(0) != os.getpid() and os.getpgrp() != os.getpid():
        os.setsid()
    become_subreaper()
    first, _, last = arguments.ports.partition("-")
    asyncio.run(run(data, Ports(int(first), int(last)), arguments.log_limit))


if __name__ == "__main__":
    main()
