"""Lengths of time and moments as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from app.cli.exits import CliError, Exit

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str, option: str) -> float:
    """`90`, `30s`, `5m`, `4h`, `1d`."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise CliError(f"{option} {text}: not a duration.", f"write {option} 30s, 5m or 4h", exit_code=Exit.USAGE)
    return float(found[1]) * _SECONDS[found[2] or "s"]


def moment(text: str, option: str) -> str:
    """A time, or how long ago: `10m`, `2026-11-23T10:00:00Z`. A time without a zone is the machine's."""
    if _DURATION.fullmatch(text.strip()):
        return (datetime.now(UTC) - timedelta(seconds=seconds(text, option))).isoformat()
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except ValueError:
        raise CliError(
            f"{option} {text}: neither a duration nor a time.",
            f"write {option} 10m or {option} 2026-11-23T10:00:00Z",
            exit_code=Exit.USAGE,
        ) from None
