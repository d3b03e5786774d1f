"""Times, sizes and cores as people write them; each becomes one number."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.blueprints.problems import short

_TIME_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SIZE_UNITS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}

TIME_PATTERN = r"^([0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)){1,5}$"
SIZE_PATTERN = r"^[0-9]{1,15}(\.[0-9]{1,6})?(k|M|G|T|Ki|Mi|Gi|Ti)?$"
CORES_PATTERN = r"^([0-9]{1,7}m|[0-9]{1,4}(\.[0-9]{1,6})?)$"

_LONGEST = 366 * 86400.0


def wrong(message: str, suggestion: str | None = None, code: str = "INVALID_VALUE") -> PydanticCustomError:
    """An error of one of our own checks: its message is already in plain words."""
    # The message goes in as a value, for braces in it would be taken for places to fill.
    return PydanticCustomError("plain", "{message}", {"message": message, "suggestion": suggestion, "code": code})


def parse_duration(value: Any) -> float:
    """Seconds for `1s`, `500ms`, `1h30m` or a number of seconds; raises ValueError for anything else."""
    if isinstance(value, str) and re.fullmatch(TIME_PATTERN, value):
        parts = re.findall(r"([0-9.]+)(ms|s|m|h|d)", value)
        value = sum(float(number) * _TIME_UNITS[unit] for number, unit in parts)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"{told(value)} is not a time", "write one such as `30s`, `500ms` or `1h30m`")
    if not 0 <= value <= _LONGEST:
        raise wrong("a time is from 0 to 366 days")
    return float(value)


def some_seconds(value: Any) -> float:
    """A time that is not zero."""
    if (time := parse_duration(value)) < 0.01:
        raise wrong("the time has to be at least 10ms")
    return time


def size(value: Any) -> int:
    """`256Mi`, `1Gi`, `512k`, or a number of bytes."""
    if isinstance(value, str) and (match := re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)([kMGT]i?|Ki)?", value)):
        unit = _SIZE_UNITS.get(match[2] or "")
        value = int(float(match[1]) * unit) if unit else value
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(f"{told(value)} is not a size", "write one such as `256Mi`, `1Gi` or `500M`")
    if not 1 <= value < 2**53:
        raise wrong("a size is at least 1 byte, and less than 8192 Ti")
    return value


def cores(value: Any) -> float:
    """`500m` (half a core), `2`, or `0.5`."""
    if isinstance(value, str) and re.fullmatch(CORES_PATTERN, value):
        value = float(value[:-1]) / 1000 if value.endswith("m") else float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"{told(value)} is not an amount of CPU", "write `500m` for half a core, or `2` for two")
    if not 0.001 <= value <= 4096:
        raise wrong("an amount of CPU is from `1m` to `4096` cores")
    return float(value)


def told(value: Any) -> str:
    """What was given, as a message shows it: by kind, or the value itself where it is short enough to help."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return f"`{short(value)}`"
    return kind(value)


def kind(value: Any) -> str:
    """The kind of a plain value in plain words."""
    names = {
        dict: "a mapping",
        list: "a list",
        tuple: "a list",
        str: "text",
        bool: "true or false",
        type(None): "nothing",
    }
    return names.get(type(value), "a number" if isinstance(value, int | float) else "something else")


def _shown(pattern: str, number: str, examples: list[Any]) -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", number], "pattern": pattern, "minimum": 0, "examples": examples})


_TIME_SCHEMA = _shown(TIME_PATTERN, "number", ["30s", "500ms", "1h30m"])

Seconds = Annotated[float, BeforeValidator(parse_duration), _TIME_SCHEMA]
SomeSeconds = Annotated[float, BeforeValidator(some_seconds), _TIME_SCHEMA]
Size = Annotated[int, BeforeValidator(size), _shown(SIZE_PATTERN, "integer", ["256Mi", "1Gi"])]
Cores = Annotated[float, BeforeValidator(cores), _shown(CORES_PATTERN, "number", ["500m", 2])]
