"""One server for each data directory: a lock that the kernel lets go of when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from app.cli.exits import CliError, Exit, this_command
from app.cli.where import read_json, server_file


def _file(data_dir: Path) -> Path:
    return data_dir / "server.lock"


@contextlib.contextmanager
def server_lock(data_dir: Path) -> Iterator[None]:
    """Holds the lock; raises `CliError` when another server has it."""
    handle = os.open(_file(data_dir), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(data_dir) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _taken(data_dir: Path) -> CliError:
    url = read_json(server_file(data_dir)).get("url")
    place = f" at {url}" if url else ""
    return CliError(
        f"A server (process {holder(data_dir)}) is running on {data_dir} already{place}.",
        f"{this_command()} down --data-dir {data_dir}   or serve with another --data-dir",
        exit_code=Exit.USAGE,
    )


def holder(data_dir: Path) -> int | None:
    """The pid of the server that holds the lock, 0 where it did not write it yet; None when none does."""
    with contextlib.suppress(FileNotFoundError), _file(data_dir).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = file.read().strip()
            return int(text) if text.isdigit() else 0
    return None
