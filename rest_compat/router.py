"""Finds the route of a path: a trie of segments in which static ones win over parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T")


@dataclass
class _Node(Generic[T]):
    static: dict[str, _Node[T]] = field(default_factory=dict)
    parameter: _Node[T] | None = None
    #: Method -> (route, names of its path parameters).
    routes: dict[str, tuple[T, list[str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """The routes of a path by method, and the texts of its parameters."""

    routes: dict[str, tuple[T, list[str]]]
    values: list[str]

    def route(self, method: str) -> tuple[T, dict[str, str]] | None:
        """The route for a method with its path parameters; None where the path has none for it."""
        found = self.routes.get(method)
        return None if found is None else (found[0], dict(zip(found[1], self.values, strict=True)))


class Router(Generic[T]):
    """Routes by method and path."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, path: str, route: T) -> None:
        """Adds a route; `{name}` is a parameter that takes one segment."""
        node, names = self._root, []
        for segment in path.strip("/").split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.static.setdefault(segment, _Node())
        node.routes[method] = (route, names)

    def match(self, raw_path: str) -> Match[T] | None:
        """The routes that stand at a path (percent-encoded), or None."""
        return _match(self._root, raw_path.strip("/").split("/"), 0, [])


def _match(node: _Node[T], segments: list[str], depth: int, values: list[str]) -> Match[T] | None:
    if depth == len(segments):
        return Match(node.routes, values) if node.routes else None
    segment = segments[depth]
    static = node.static.get(segment)
    if static is not None and (found := _match(static, segments, depth + 1, values)) is not None:
        return found
    if node.parameter is not None and segment:
        return _match(node.parameter, segments, depth + 1, [*values, unquote(segment)])
    return None
