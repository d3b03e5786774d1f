"""Reads YAML (and so JSON) into plain data, and remembers where each key and value stands.

It works on the parser's events instead of `yaml.load`: limits apply while reading, scalars are those of YAML 1.2 (so
`on`, `no` and `22:22` are text), and no tag can make an object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from app.blueprints.problems import Finding, Path, Problem, dotted, short

MAX_BYTES = 1024 * 1024
MAX_NODES = 50_000
MAX_DEPTH = 50

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?([0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18}|[0-9]{1,18}(?=[eE]))([eE][-+]?[0-9]{1,2})?")
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_SCALAR_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")} | {"!"}
_STRING_TAGS = {"tag:yaml.org,2002:str", "!"}

#: Line and column, 1-based; None where the Blueprint did not come as text.
Place = tuple[int | None, int | None]


class Unreadable(Exception):
    """The text cannot be read any further."""

    def __init__(self, message: str, code: str, place: Place | None = None, suggestion: str | None = None) -> None:
        super().__init__(message)
        line, column = place or (None, None)
        self.problem = Problem(line, column, "", message, suggestion, code)


@dataclass(slots=True)
class Scalar:
    """A value as written, and what it means."""

    place: Place
    text: str
    value: Any


@dataclass(slots=True)
class Sequence:
    """A list; `closed` once its end was read."""

    place: Place
    items: list[Node] = field(default_factory=list)
    closed: bool = False


@dataclass(slots=True)
class Mapping:
    """Keys and values in their order."""

    place: Place
    items: list[Node] = field(default_factory=list)
    closed: bool = False

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Each key with its value."""
        return zip(self.items[::2], self.items[1::2], strict=True)


Node = Scalar | Sequence | Mapping


@dataclass(slots=True)
class Document:
    """Plain data, and where it came from."""

    data: Any = None
    #: Value positions, key positions, and the source text of scalars that are not text.
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, finding: Finding) -> Problem:
        """The finding with its line and column: those of the nearest part that was written."""
        path = finding.path
        while path and path not in self.values:
            path = path[:-1]
        place = self.values.get(path, (None, None))
        if finding.at_key:
            place = self.keys.get(path, place)
        return Problem(*place, dotted(path), finding.message, finding.suggestion, finding.code)


def read(source: str) -> Document:
    """The document in the text. Whatever is wrong with it is in `problems`; `data` is None when nothing can be used."""
    document = Document()
    try:
        _check_size(source)
        root = _Composer(source.removeprefix("\ufeff")).compose()
        if not isinstance(root, Mapping):
            raise Unreadable(
                "a Blueprint is a mapping with `services` at the top, not " + kind_of(root),
                "NOT_A_MAPPING",
                root.place,
            )
        _Builder(document).build(root)
    except Unreadable as unreadable:
        document.problems.append(unreadable.problem)
        document.data = None
    return document


def kind_of(node: Node) -> str:
    """What the node is, in plain words."""
    if isinstance(node, Scalar):
        return "nothing" if node.value is None else "text" if isinstance(node.value, str) else "a single value"
    return "a list" if isinstance(node, Sequence) else "a mapping"


def _check_size(source: str) -> None:
    # A character is at least one byte, so the costly encoding is only done for text that may fit.
    if len(source) > MAX_BYTES or len(source.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise Unreadable("the Blueprint is larger than 1 MiB", "BLUEPRINT_TOO_LARGE")
    if found := _UNPRINTABLE.search(source):
        before = source[: found.start()]
        place = (before.count("\n") + 1, found.start() - (before.rfind("\n") + 1) + 1)
        raise Unreadable(f"the character U+{ord(found.group()):04X} is not allowed", "CONTROL_CHARACTER", place)


class _Composer:
    """Makes a tree of nodes from the parser's events."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.anchors: dict[str, Node] = {}
        self.open: list[Sequence | Mapping] = []
        self.root: Node | None = None
        self.nodes = 0

    def compose(self) -> Node:
        """The top node of the only document."""
        try:
            for event in yaml.parse(self.source, Loader=_LOADER):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            raise self._syntax(error) from None
        except (yaml.YAMLError, UnicodeError, ValueError) as error:
            raise Unreadable(f"not valid YAML: {short(error)}", "YAML_SYNTAX", (1, 1)) from None
        if self.root is None or (isinstance(self.root, Scalar) and self.root.value is None):
            raise Unreadable("the Blueprint is empty", "EMPTY", (1, 1), "write at least `services:` with one service")
        return self.root

    def _syntax(self, error: yaml.MarkedYAMLError) -> Unreadable:
        text = " ".join(filter(None, (error.context, error.problem)))
        mark = error.problem_mark
        written = self.source.rstrip()
        # What is never closed is noticed at the end of the text; its beginning says more.
        if error.context_mark and (mark is None or mark.index >= len(written)):
            mark = error.context_mark
        last_line = written.rpartition("\n")[2]
        end = (written.count("\n") + 1, max(1, len(last_line)))
        return Unreadable(f"not valid YAML: {text}", "YAML_SYNTAX", min(_place(mark), end) if mark else end)

    def _take(self, event: yaml.Event) -> None:
        place = _place(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._add(self._aliased(event.anchor or "", place))
        elif isinstance(event, yaml.ScalarEvent):
            self._keep(event.anchor, _scalar(event, place))
        elif isinstance(event, yaml.SequenceStartEvent):
            _check_tag(event.tag, "seq", place)
            self._enter(event.anchor, Sequence(place))
        elif isinstance(event, yaml.MappingStartEvent):
            _check_tag(event.tag, "map", place)
            self._enter(event.anchor, Mapping(place))
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop().closed = True
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise Unreadable("there are several documents (`---`); a Blueprint is one", "SEVERAL_DOCUMENTS", place)

    def _enter(self, anchor: str | None, node: Sequence | Mapping) -> None:
        if len(self.open) >= MAX_DEPTH:
            raise _too_deep(node.place)
        self._keep(anchor, node)
        self.open.append(node)

    def _keep(self, anchor: str | None, node: Node) -> None:
        if anchor:
            self.anchors[anchor] = node
        self._add(node)

    def _add(self, node: Node) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _too_many(node.place)
        if self.open:
            self.open[-1].items.append(node)
        else:
            self.root = node

    def _aliased(self, anchor: str, place: Place) -> Node:
        node = self.anchors.get(anchor)
        if node is None:
            raise Unreadable(f"`*{short(anchor)}` has no anchor `&{short(anchor)}` before it", "UNKNOWN_ALIAS", place)
        if not isinstance(node, Scalar) and not node.closed:
            raise Unreadable(f"`*{short(anchor)}` contains itself", "RECURSIVE_ALIAS", place)
        return node


class _Builder:
    """Makes plain data from nodes, with aliases written out and `<<` merged."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0
        self.merging = 0

    def build(self, root: Node) -> None:
        """Fills the document."""
        self.document.data = self._value(root, ())

    def _value(self, node: Node, path: Path) -> Any:
        self._count(node, len(path))
        self.document.values[path] = node.place
        if isinstance(node, Scalar):
            if not isinstance(node.value, str) and node.value is not None:
                self.document.texts[path] = node.text
            return node.value
        if isinstance(node, Sequence):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.items)]
        return self._mapping(node, path)

    def _count(self, node: Node, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _too_many(node.place)
        if depth > MAX_DEPTH:
            raise _too_deep(node.place)

    def _mapping(self, node: Mapping, path: Path) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for name, (key, value) in self._entries(node, path).items():
            self.document.keys[*path, name] = key.place
            built[name] = self._value(value, (*path, name))
        return built

    def _entries(self, node: Mapping, path: Path) -> dict[str, tuple[Node, Node]]:
        own: dict[str, tuple[Node, Node]] = {}
        merged: dict[str, tuple[Node, Node]] = {}
        for key, value in node.pairs():
            if isinstance(key, Scalar) and key.value == "<<":
                merged = self._merged(value, path) | merged
            elif not isinstance(key, Scalar) or key.value is None or not key.text:
                self._refuse(key, path, f"a key has to be text, not {kind_of(key)}", "INVALID_KEY")
            elif key.text in own:
                first = own[key.text][0].place[0]
                message = f"the key `{short(key.text)}` is given twice, first in line {first}"
                self._refuse(key, (*path, key.text), message, "DUPLICATE_KEY")
            else:
                own[key.text] = (key, value)
        return own | {name: entry for name, entry in merged.items() if name not in own}

    def _merged(self, value: Node, path: Path) -> dict[str, tuple[Node, Node]]:
        entries: dict[str, tuple[Node, Node]] = {}
        for source in value.items if isinstance(value, Sequence) else [value]:
            if isinstance(source, Mapping):
                self.nodes += len(source.items) // 2
                self.merging += 1
                self._count(source, self.merging)
                entries = self._entries(source, path) | entries
                self.merging -= 1
            else:
                message = f"`<<` merges a mapping or a list of mappings, not {kind_of(source)}"
                self._refuse(source, path, message, "INVALID_MERGE")
        return entries

    def _refuse(self, node: Node, path: Path, message: str, code: str) -> None:
        self.document.problems.append(Problem(*node.place, dotted(path), message, None, code))


def _scalar(event: yaml.ScalarEvent, place: Place) -> Scalar:
    text: str = event.value
    if "\0" in text:
        raise Unreadable("text may not contain a NUL character", "CONTROL_CHARACTER", place)
    if event.tag is not None and event.tag not in _SCALAR_TAGS:
        raise _unknown_tag(event.tag, place)
    quoted = event.tag in _STRING_TAGS or not (event.implicit[0] or event.tag)
    return Scalar(place, text, text if quoted else _meaning(text))


def _meaning(text: str) -> Any:
    """The value of a plain scalar in YAML 1.2's core schema, without its rare spellings."""
    lower = text.lower()
    if lower in _CONSTANTS and text in (lower, lower.capitalize(), lower.upper()):
        return _CONSTANTS[lower]
    if _INTEGER.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def _check_tag(tag: str | None, kind: str, place: Place) -> None:
    if tag not in (None, "!", f"tag:yaml.org,2002:{kind}"):
        raise _unknown_tag(str(tag), place)


def _unknown_tag(tag: str, place: Place) -> Unreadable:
    name = tag.replace("tag:yaml.org,2002:", "!!")
    return Unreadable(f"the tag `{short(name)}` is not allowed", "UNKNOWN_TAG", place, "remove the tag")


def _too_many(place: Place) -> Unreadable:
    return Unreadable(f"the Blueprint has more than {MAX_NODES:,} values, aliases written out", "TOO_COMPLEX", place)


def _too_deep(place: Place) -> Unreadable:
    return Unreadable(f"the Blueprint is nested more than {MAX_DEPTH} levels deep", "TOO_COMPLEX", place)


def _place(mark: Any) -> tuple[int, int]:
    """PyYAML has two kinds of marks, one of them for its C parser."""
    return mark.line + 1, mark.column + 1
