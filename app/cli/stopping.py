"""`down`: ends the server, then all services, then the runner."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

from app.cli.data_lock import holder
from app.cli.exits import CliError, this_command
from app.cli.output import note, write_json
from app.cli.where import server_file
from app.core.errors import SoundstageError
from app.engines.process import ProcessEngine
from app.runner.folders import DataFolder, is_locked
from app.runner.process_table import UNIT_MARK, marks_of

#: Seconds that the server has: its own grace and a little more.
_SERVER_TIME = 15.0


def down(data_dir: Path, *, as_json: bool) -> None:
    """Ends everything of a data directory. What is down already stays so."""
    stopped = _stop_server(data_dir)
    ended = _stop_services(data_dir)
    if as_json:
        write_json({"server_stopped": stopped, "services_stopped": ended})
    if not stopped and not ended:
        note(f"Nothing is running on {data_dir}.")
        return
    note("Everything is stopped. Environments that are to run come up again with the next server.")


def _stop_server(data_dir: Path) -> bool:
    pid = holder(data_dir)
    if pid is None:
        server_file(data_dir).unlink(missing_ok=True)
        return False
    if pid == 0:
        raise CliError("A server is just starting or ending.", f"{this_command()} down --data-dir {data_dir}")
    note(f"Stopping the server (process {pid}).")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _SERVER_TIME
    while holder(data_dir) is not None:
        if time.monotonic() > deadline:
            raise CliError(f"The server (process {pid}) does not end.", f"kill -9 {pid}")
        time.sleep(0.05)
    return True


def _stop_services(data_dir: Path) -> bool:
    data = DataFolder(data_dir.resolve())
    if not is_locked(data.lock) and not _has_orphans(data):
        return False
    note("Stopping all services.")
    try:
        asyncio.run(ProcessEngine(data_dir).shutdown())
    except SoundstageError as error:
        raise CliError(f"The services could not be stopped: {error.message}") from None
    return True


def _has_orphans(data: DataFolder) -> bool:
    """Whether services outlived their runner: then a new one has to adopt them before it can end them."""
    try:
        identity = (data.runner / "id").read_text().strip()
    except OSError:
        return False
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return any(marks_of(pid).get(UNIT_MARK, "").startswith(f"{identity}:") for pid in pids)
