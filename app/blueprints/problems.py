"""A problem of a Blueprint, told in plain words with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

#: Where something stands in a document: keys and list indexes from the top.
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that has to change before the Blueprint is valid."""

    #: 1-based; None when the Blueprint came as data and not as text.
    line: int | None
    column: int | None
    #: Such as `services.api.ports[0].port`; empty for the document as a whole.
    path: str
    message: str
    #: What to write instead, when we can tell.
    suggestion: str | None
    code: str

    def __str__(self) -> str:
        place = f"{self.line}:{self.column} " if self.line is not None else ""
        path = f"{self.path}: " if self.path else ""
        return f"{place}{path}{self.message}" + (f": {self.suggestion}" if self.suggestion else "")

    def as_dict(self) -> dict[str, Any]:
        """The problem as JSON-able data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem before its place in the text is known."""

    path: Path
    message: str
    suggestion: str | None = None
    code: str = "INVALID_VALUE"
    #: The key is at fault, not its value.
    at_key: bool = False


def dotted(path: Path) -> str:
    """The path as people write it: `services.api.ports[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{short(step)}" if text else short(step)
    return text


def short(value: object, limit: int = 60) -> str:
    """The value as text for a message, cut when it is long."""
    text = value if isinstance(value, str) else str(value)
    text = " ".join(text[: limit * 2].split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def closest(word: str, known: Iterable[str], template: str = "{}") -> str | None:
    """`did you mean …?` for the known word that is nearest to this one, if any is near."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word[:64].lower(), by_lower, n=1, cutoff=0.6)
    return did_you_mean(template.format(by_lower[near[0]])) if near else None


def did_you_mean(word: str) -> str:
    """The suggestion to write this word."""
    return f"did you mean `{word}`?"
