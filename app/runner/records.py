"""What the runner remembers over its own death: one small file for each unit and each environment.

Written by write and rename, so a reader sees the old or the new one. No fsync: after a power loss nothing runs
anyway, and the control plane's database says what is to be.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from app.runner.codec import cause_from, unit_from
from app.runner.folders import DataFolder, make_private
from app.runner.model import Cause, Isolation, Unit, UnitStatus
from app.runner.terminal_model import TerminalState, state_from


@dataclass(slots=True)
class UnitRecord:
    unit: Unit
    digest: str
    epoch: int
    status: UnitStatus = UnitStatus.STARTING
    #: The process that runs, and when it started in clock ticks of this boot; 0 when none runs.
    pid: int = 0
    start: int = 0
    boot: str = ""
    restarts: int = 0
    #: Restarts without a healthy minute between them.
    row: int = 0
    started_at: float | None = None
    ready_at: float | None = None
    next_restart_at: float | None = None
    cause: Cause | None = None
    isolation: Isolation = Isolation.PLAIN
    enforced: dict[str, str] = field(default_factory=dict)
    #: Control groups that hold the unit, and how many of them were killed for memory before this run.
    cgroups: list[str] = field(default_factory=list)
    memory_kills: int = 0
    #: Where in the log this run begins.
    log_offset: int = 0
    revision: int = 0


@dataclass(slots=True)
class EnvironmentRecord:
    id: str
    #: The highest that was seen; kept after destroy, so that a late call of an old control plane does no harm.
    epoch: int = 0
    ports: dict[str, int] = field(default_factory=dict)
    #: Destroy has begun: nothing starts any more, and a new runner ends what is left.
    doomed: bool = False
    #: Destroy has ended.
    destroyed: bool = False


class Records:
    def __init__(self, data: DataFolder) -> None:
        self._units = make_private(data.runner / "units")
        self._environments = make_private(data.runner / "environments")
        self._terminals = make_private(data.terminals)

    def save_unit(self, record: UnitRecord) -> None:
        unit = record.unit
        folder = self._units / unit.environment_id
        folder.mkdir(mode=0o700, exist_ok=True)
        _write(folder / f"{unit.service}.{unit.replica}.json", record)

    def remove_units(self, environment_id: str) -> None:
        folder = self._units / environment_id
        with contextlib.suppress(FileNotFoundError):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    def units(self) -> Iterator[UnitRecord]:
        for path in sorted(self._units.glob("*/*.json")):
            data = orjson.loads(path.read_bytes())
            yield UnitRecord(
                **{
                    **data,
                    "unit": unit_from(data["unit"]),
                    "status": UnitStatus(data["status"]),
                    "cause": cause_from(data["cause"]),
                    "isolation": Isolation(data["isolation"]),
                }
            )

    def save_terminal(self, state: TerminalState) -> None:
        _write(self._terminals / f"{state.id}.json", state)

    def remove_terminal(self, terminal_id: str) -> None:
        (self._terminals / f"{terminal_id}.json").unlink(missing_ok=True)

    def terminals(self) -> Iterator[TerminalState]:
        for path in sorted(self._terminals.glob("*.json")):
            yield state_from(orjson.loads(path.read_bytes()))

    def save_environment(self, record: EnvironmentRecord) -> None:
        _write(self._environments / f"{record.id}.json", record)

    def environments(self) -> Iterator[EnvironmentRecord]:
        for path in sorted(self._environments.glob("*.json")):
            yield EnvironmentRecord(**orjson.loads(path.read_bytes()))


def was_destroyed(data: DataFolder, environment_id: str) -> bool:
    path = data.runner / "environments" / f"{environment_id}.json"
    try:
        return bool(orjson.loads(path.read_bytes())["destroyed"])
    except FileNotFoundError:
        return False


def runner_id(data: DataFolder) -> str:
    """Marks the processes of this data directory's runners; the same for all that ever live."""
    path = data.runner / "id"
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    path.write_text(secrets.token_hex(8))
    return path.read_text().strip()


def _write(path: Path, record: Any) -> None:
    written = path.with_suffix(".new")
    # The variables of a unit may be secrets.
    handle = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(orjson.dumps(record))
    written.replace(path)
