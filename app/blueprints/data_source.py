"""Reads a Blueprint that came as data: the same limits as for text, and nothing but JSON's types."""

from __future__ import annotations

import math
import re
from typing import Any

from app.blueprints.problems import Finding, Path, short
from app.blueprints.yaml_source import MAX_BYTES, MAX_DEPTH, MAX_NODES, Document

_NOT_ALLOWED = re.compile("[\0\ud800-\udfff]")


def read(source: Any) -> Document:
    """The document in the data, copied. Problems carry no line."""
    document = Document()
    reader = _Reader(document)
    if not isinstance(source, dict):
        reader.findings.append(Finding((), "a Blueprint is a mapping with `services` at the top", code="NOT_A_MAPPING"))
    data = reader.value(source, ())
    document.problems.extend(document.problem(finding) for finding in reader.findings[:1])
    document.data = None if reader.findings else data
    return document


class _Reader:
    """Copies data until the first thing that cannot be part of a Blueprint."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.findings: list[Finding] = []
        self.nodes = 0
        self.characters = 0

    def value(self, value: Any, path: Path) -> Any:
        """A copy of the value."""
        self.nodes += 1
        self.document.values[path] = (None, None)
        if self.findings:
            return None
        if self.nodes > MAX_NODES or len(path) > MAX_DEPTH:
            limit = f"{MAX_NODES:,} values" if self.nodes > MAX_NODES else f"{MAX_DEPTH} levels"
            self._refuse((), f"the Blueprint has more than {limit}", "TOO_COMPLEX")
            return None
        if isinstance(value, dict):
            return self._mapping(value, path)
        if isinstance(value, list | tuple):
            return [self.value(item, (*path, index)) for index, item in enumerate(value[: MAX_NODES + 1])]
        return self._scalar(value, path)

    def _mapping(self, value: dict[Any, Any], path: Path) -> dict[str, Any]:
        built = {}
        for key, item in value.items():
            if self.findings:
                break
            if not isinstance(key, str) or not key:
                self._refuse(path, "a key has to be text, and not empty", "INVALID_KEY")
            else:
                self._scalar(key, path)
                built[key] = self.value(item, (*path, key))
        return built

    def _scalar(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return self._text(value, path)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and abs(value) < 2**63:
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        kind = "the number is too large" if isinstance(value, int | float) else f"{type(value).__name__} is not JSON"
        self._refuse(path, kind, "INVALID_VALUE")
        return None

    def _text(self, value: str, path: Path) -> str:
        self.characters += len(value)
        if self.characters > MAX_BYTES:
            self._refuse((), "the Blueprint is larger than 1 MiB", "BLUEPRINT_TOO_LARGE")
        elif _NOT_ALLOWED.search(value):
            shown = short(ascii(value[:100]))
            self._refuse(path, f"`{shown}` has a character that is not allowed", "CONTROL_CHARACTER")
        return value

    def _refuse(self, path: Path, message: str, code: str) -> None:
        self.findings.append(Finding(path, message, code=code))
