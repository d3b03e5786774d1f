"""Model objects from and to the JSON that records and messages hold."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import orjson

from app.runner.model import (
    Capabilities,
    Cause,
    Isolation,
    Limits,
    Observation,
    Probe,
    ProbeKind,
    Restart,
    RestartPolicy,
    Shutdown,
    Unit,
    UnitStatus,
)

#: Came later: where they say nothing, what an older server has started is still the same.
_ADDED = ("folder", "reads")


def digest(unit: Unit) -> str:
    """Equal for units that are to be the same; the attempt counts."""
    told = orjson.loads(orjson.dumps(unit))
    for name in _ADDED:
        if not told[name]:
            del told[name]
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def unit_from(data: dict[str, Any]) -> Unit:
    return Unit(
        **{
            **data,
            "command": tuple(data["command"]),
            "reads": tuple(data.get("reads", ())),
            "probe": None if data["probe"] is None else _probe_from(data["probe"]),
            "restart": Restart(**{**data["restart"], "policy": RestartPolicy(data["restart"]["policy"])}),
            "limits": Limits(**data["limits"]),
            "shutdown": Shutdown(**{**data["shutdown"], "command": tuple(data["shutdown"]["command"])}),
            "isolation": Isolation(data["isolation"]),
        }
    )


def _probe_from(data: dict[str, Any]) -> Probe:
    return Probe(**{**data, "kind": ProbeKind(data["kind"]), "command": tuple(data["command"])})


def cause_from(data: dict[str, Any] | None) -> Cause | None:
    return None if data is None else Cause(**data)


def observation_from(data: dict[str, Any]) -> Observation:
    return Observation(
        **{
            **data,
            "status": UnitStatus(data["status"]),
            "started_at": _time_from(data["started_at"]),
            "ready_at": _time_from(data["ready_at"]),
            "next_restart_at": _time_from(data["next_restart_at"]),
            "cause": cause_from(data["cause"]),
            "isolation": Isolation(data["isolation"]),
        }
    )


def capabilities_from(data: dict[str, Any]) -> Capabilities:
    return Capabilities(**{**data, "isolation": tuple(Isolation(level) for level in data["isolation"])})


def moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _time_from(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
