"""How long environments ran, from the events that tell their status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.environments.models import EnvironmentStatus

#: In these an environment's services take up the machine.
UP = frozenset(
    {
        EnvironmentStatus.PROVISIONING,
        EnvironmentStatus.RUNNING,
        EnvironmentStatus.DEGRADED,
        EnvironmentStatus.STOPPING,
        EnvironmentStatus.RESUMING,
        EnvironmentStatus.DELETING,
    }
)


@dataclass(frozen=True, slots=True)
class Ran:
    """Seconds within a span of time, summed over environments."""

    #: Up.
    running: int = 0
    #: There, up or not: from creation to termination.
    existing: int = 0


def ran(changes: Iterable[dict[str, Any]], since: datetime, until: datetime) -> Ran:
    """The sum over changes of status, each {environment_id, status, at, created_at}, by environment and position.

    The first change that is kept of an environment counts from its creation on: older ones may be trimmed.
    """
    running = existing = 0.0
    for history in _by_environment(changes):
        ends = [*(row["at"] for row in history[1:]), until]
        starts = [min(history[0]["created_at"], history[0]["at"]), *(row["at"] for row in history[1:])]
        for row, start, end in zip(history, starts, ends, strict=True):
            seconds = max(0.0, (min(end, until) - max(start, since)).total_seconds())
            existing += seconds if row["status"] is not EnvironmentStatus.TERMINATED else 0.0
            running += seconds if row["status"] in UP else 0.0
    return Ran(round(running), round(existing))


def _by_environment(changes: Iterable[dict[str, Any]]) -> Iterable[Sequence[dict[str, Any]]]:
    history: list[dict[str, Any]] = []
    for row in changes:
        if history and history[0]["environment_id"] != row["environment_id"]:
            yield history
            history = []
        history.append(row)
    if history:
        yield history
