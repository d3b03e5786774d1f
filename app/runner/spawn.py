"""Starts a process behind a gate: it runs the program only after its record is written.

The gate is a pipe. If the runner dies first, the child reads the end of the file and exits: at no moment is there
a running program that no record names.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.runner.folders import EnvironmentFolder
from app.runner.model import Unit
from app.runner.process_table import HELPER_MARK, UNIT_MARK, Process, stat_of

#: What a unit sees of the runner's own environment: never more, since that holds the control plane's secrets.
_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_GATE = 'read -r go <&3 || exit 125; exec 3<&-; cd -- "$1" || exit 126; shift; exec "$@"'
#: Python ignores some signals, and ignored signals are inherited.
_RESET_SIGNALS = [s for s in signal.valid_signals() if s not in (signal.SIGKILL, signal.SIGSTOP)]


def inherited() -> dict[str, str]:
    """What every program of ours gets."""
    variables = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    variables.setdefault("PATH", _DEFAULT_PATH)
    return variables


def variables_of(unit: Unit, folder: EnvironmentFolder, runner_id: str, *, helper: bool = False) -> dict[str, str]:
    variables = inherited()
    # Output goes to a file, where Python would hold it back until a block is full.
    variables["PYTHONUNBUFFERED"] = "1"
    for name in unit.volumes:
        variables[volume_variable(name)] = str(folder.volumes / name)
    variables.update(unit.variables)
    variables[UNIT_MARK] = f"{runner_id}:{unit.id}"
    if helper:
        variables[HELPER_MARK] = runner_id
    return variables


def volume_variable(name: str) -> str:
    """The variable that holds the real path of a volume, in every isolation level."""
    return "SOUNDSTAGE_VOLUME_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def find_program(command: str, variables: Mapping[str, str], folder: Path) -> str | None:
    if "/" in command:
        path = folder / command
        return str(path) if path.is_file() and os.access(path, os.X_OK) else None
    return shutil.which(command, path=variables.get("PATH", _DEFAULT_PATH))


class Gated:
    """A child that waits for `open`."""

    def __init__(self, pid: int, gate: int) -> None:
        self.pid = pid
        self._gate = gate

    def process(self) -> Process:
        """To be called while the child is not reaped: then it is in /proc, alive or dead."""
        stat = stat_of(self.pid)
        if stat is None:
            raise ProcessLookupError(self.pid)
        return Process(self.pid, stat.start)

    def open(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._gate, b"go\n")
        os.close(self._gate)

    def abandon(self) -> None:
        """The child exits without having run the program."""
        os.close(self._gate)


def spawn(command: Sequence[str], variables: Mapping[str, str], folder: Path, output: int) -> Gated:
    """A child in its own session, whose program is started by `Gated.open`."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
    ]
    return _spawn(command, variables, str(folder), actions)


def spawn_on_terminal(command: Sequence[str], variables: Mapping[str, str], folder: str, terminal: str) -> Gated:
    """The same on a terminal: opened by the leader of a new session, it becomes the one that controls it."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, terminal, os.O_RDWR, 0),
        (os.POSIX_SPAWN_DUP2, 0, 1),
        (os.POSIX_SPAWN_DUP2, 0, 2),
    ]
    return _spawn(command, variables, folder, actions)


def _spawn(
    command: Sequence[str], variables: Mapping[str, str], folder: str, actions: Sequence[tuple[Any, ...]]
) -> Gated:
    gate_read, gate_write = os.pipe()
    try:
        pid = os.posix_spawn(
            "/bin/sh",
            ["/bin/sh", "-c", _GATE, "soundstage", folder, *command],
            dict(variables),
            file_actions=[*actions, (os.POSIX_SPAWN_DUP2, gate_read, 3)],
            setsid=True,
            setsigmask=[],
            setsigdef=_RESET_SIGNALS,
        )
    except BaseException:
        os.close(gate_write)
        raise
    finally:
        os.close(gate_read)
    return Gated(pid, gate_write)


def limit_open_files(pid: int, count: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    allowed = count if hard == resource.RLIM_INFINITY or os.geteuid() == 0 else min(count, hard)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (allowed, allowed))


def limit_data(pid: int, size: int) -> None:
    """Private writable memory of each single process: not the address space, which runtimes reserve lavishly."""
    resource.prlimit(pid, resource.RLIMIT_DATA, (size, size))
