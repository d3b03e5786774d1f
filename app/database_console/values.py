"""Values of a database as JSON that every client reads alike.

What has no form of its own in JSON is text: whole numbers beyond 2^53, decimals, dates, not-a-number, infinity. Bytes
are `{"base64": "…"}`.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

#: Beyond it JavaScript's numbers are not exact.
LARGEST_NUMBER = 2**53 - 1
#: Characters or bytes of one value.
LONGEST_VALUE = 256 * 1024
DEEPEST = 32


class Values:
    """Makes values of one result JSON, and counts what was cut."""

    def __init__(self) -> None:
        self.cut = 0

    def plain(self, value: Any, depth: int = 0) -> Any:
        """The value as JSON."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if abs(value) <= LARGEST_NUMBER else str(value)
        if isinstance(value, float):
            return value if math.isfinite(value) else _word(value)
        if isinstance(value, str):
            return self._short(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return {"base64": base64.b64encode(self._short(bytes(value))).decode()}
        return self._structure(value, depth) if depth < DEEPEST else self._short(str(value))

    def document(self, text: str) -> Any:
        """JSON of the database's own; as text where it is too long or nothing that we can read."""
        if len(text) > LONGEST_VALUE:
            return self._short(text)
        try:
            return self.plain(json.loads(text, parse_constant=str))
        except (ValueError, RecursionError):
            return text

    def _structure(self, value: Any, depth: int) -> Any:
        if isinstance(value, list) or (isinstance(value, tuple) and not hasattr(value, "keys")):
            return [self.plain(item, depth + 1) for item in value]
        if hasattr(value, "items"):  # also a row of PostgreSQL, which has names
            return {str(name): self.plain(item, depth + 1) for name, item in value.items()}
        return self._short(_text(value))

    def _short(self, value: Any) -> Any:
        if len(value) <= LONGEST_VALUE:
            return value
        self.cut += 1
        return value[:LONGEST_VALUE]


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text(value: Any) -> str:
    """What PostgreSQL writes for values that Python has no form of: ranges, bits."""
    if hasattr(value, "as_string"):
        return str(value.as_string()).replace(" ", "")
    return _range(value) if hasattr(value, "lower_inc") else str(value)


def _range(value: Any) -> str:
    if value.isempty:
        return "empty"
    ends = ("" if value.lower is None else value.lower, "" if value.upper is None else value.upper)
    return f"{'[' if value.lower_inc else '('}{ends[0]},{ends[1]}{']' if value.upper_inc else ')'}"
