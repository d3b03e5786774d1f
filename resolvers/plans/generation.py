"""Python for what is selected without side effects.

Each function takes a source and gives the answer, or raises whatever it comes upon: then graphql-core's own way, which
knows paths, errors and nulls, completes the same value again. So there is no error handling in here, and a value is
taken only if it is exactly what its type says.

Names that a client chose (aliases) are constants of the namespace. What stands in the source comes from the schema.
"""

from __future__ import annotations

import json
import keyword
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLLeafType,
    GraphQLOutputType,
    Undefined,
    is_enum_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.pyutils import is_awaitable

from resolvers.plans.model import Complete, PlannedField, Selection
from resolvers.plans.refusal import Surprise
from resolvers.plans.sources import CAST, is_own_scalar

#: What is taken as it is, by the name of the scalar.
_EXACT = {
    "String": "type({v}) is str",
    "ID": "type({v}) is str",
    "Boolean": "type({v}) is bool",
    "Int": "type({v}) is int and -2147483648 <= {v} <= 2147483647",
    "Float": "type({v}) is float and {v} - {v} == 0.0",
}


def generate(selections: Sequence[Selection]) -> str:
    """Gives each field and selection its functions, the innermost selections first. Returns the source."""
    generator = _Generator()
    for selection in selections:
        generator.selection(selection)
    generator.bind()
    return generator.source


class _Generator:
    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"listed": _listed}
        self.lines: list[str] = []
        self.bound: list[Callable[[], None]] = []
        self.kept: dict[int, str] = {}
        self.leaves: dict[str, str] = {}

    @property
    def source(self) -> str:
        return "\n".join(self.lines)

    def bind(self) -> None:
        """Compiles, and hands the functions out."""
        exec(compile(self.source, "<plan>", "exec"), self.namespace)  # noqa: S102 - made from the schema alone
        for each in self.bound:
            each()

    def constant(self, value: Any, prefix: str = "k") -> str:
        """The name of a constant in the namespace."""
        name = self.kept.get(id(value))
        if name is None:
            name = f"{prefix}_{len(self.namespace)}"
            self.namespace[name] = value
            self.kept[id(value)] = name
        return name

    def selection(self, selection: Selection) -> None:
        """The functions of a selection: of the whole where it is pure, else of its attributes and its pure fields."""
        for field in selection.fields:
            if field.attribute is None and field.pure:
                self._completing(field)
        if selection.resolved and len(selection.resolved) == len(selection.fields):
            return
        name = f"o_{selection.number}"
        self._function(name, selection, self._guard(selection) if selection.pure else [])
        self.bound.append(lambda: setattr(selection, "attributes", self.namespace[name]))

    def _completing(self, field: PlannedField) -> None:
        name = f"c_{len(self.namespace)}_{len(self.lines)}"
        self.lines += [f"def {name}(v):", f"    return {self.value(field, field.type, 'v', 0)}"]
        self.bound.append(lambda: setattr(field, "complete", self.namespace[name]))

    def _function(self, name: str, selection: Selection, guard: list[str]) -> None:
        loads, items, resolved = [], [], {field.key for field in selection.resolved}
        for number, field in enumerate(selection.fields):
            # A name of the schema may stand in the source, as it is what the schema calls the field.
            key = json.dumps(field.key) if field.key == field.name else self.constant(field.key)
            if field.key in resolved:
                items.append(f"{key}: None")
            elif field.name == "__typename":
                items.append(f"{key}: {json.dumps(selection.object_type.name)}")
            else:
                assert field.attribute is not None
                assert field.attribute.isidentifier()
                assert not keyword.iskeyword(field.attribute)
                loads.append(f"    a{number} = v.{field.attribute}")
                items.append(f"{key}: {self.value(field, field.type, f'a{number}', 0)}")
        self.lines += [f"def {name}(v):", *guard, *loads, f"    return {{{', '.join(items)}}}"]

    def _guard(self, selection: Selection) -> list[str]:
        """Lets pass what graphql-core would take for an object of this type."""
        class_ = self.constant(selection.origin, "t")
        if selection.object_type.is_type_of is None:
            return [f"    if type(v) is not {class_}: {self.constant(_object, 'f')}(v)"]
        return [f"    if type(v) is not {class_} or {CAST!r} in v.__dict__: {self.constant(_surprise, 'f')}(v)"]

    def value(self, field: PlannedField, type_: GraphQLOutputType, v: str, depth: int) -> str:
        """An expression that completes `v`, a name."""
        if is_non_null_type(type_):
            return self._given(field, type_.of_type, v, depth, "")
        return self._given(field, type_, v, depth, f"None if {v} is None else ")

    def _given(self, field: PlannedField, type_: Any, v: str, depth: int, unless: str) -> str:
        if is_list_type(type_):
            item = f"x{depth}"
            inner = self.value(field, type_.of_type, item, depth + 1)
            return f"({unless}[{inner} for {item} in ({v} if type({v}) is list else listed({v}))])"
        if is_leaf_type(type_):
            return self._leaf(type_, v, unless)
        if is_object_type(type_):
            return f"({unless}o_{field.selections[type_.name].number}({v}))"
        return f"({unless}{self._dispatch(field)}({v}))"

    def _leaf(self, type_: GraphQLLeafType, v: str, unless: str) -> str:
        if type_.name not in self.leaves:
            self.leaves[type_.name] = self.constant(_completed_leaf(type_), "f")
        other = self.leaves[type_.name]
        if is_own_scalar(type_):
            return f"({v} if {_EXACT[type_.name].format(v=v)} else {unless}{other}({v}))"
        if is_enum_type(type_):
            names = _names_of(type_)
            if names is not None:
                class_, by_name = self.constant(names[0], "t"), self.constant(names[1])
                return f"({by_name}[{v}._name_] if type({v}) is {class_} else {unless}{other}({v}))"
        return f"({unless}{other}({v}))"

    def _dispatch(self, field: PlannedField) -> str:
        """A function that finds by its class which of the possible types a value has."""
        numbers = {selection.origin: f"o_{selection.number}" for selection in field.selections.values()}
        by_class: dict[Any, Any] = {}

        def fill() -> None:
            by_class.update({origin: self.namespace[name] for origin, name in numbers.items()})

        def dispatch(value: Any) -> Any:
            if CAST in value.__dict__:
                raise Surprise
            return by_class[type(value)](value)

        self.bound.append(fill)
        return self.constant(dispatch, "f")


def _completed_leaf(type_: GraphQLLeafType) -> Complete:
    """Completes a leaf by its type, whatever the value is."""
    coerce = type_.coerce_output_value

    def leaf(value: Any) -> Any:
        if value is None or value is Undefined or isinstance(value, Exception) or is_awaitable(value):
            raise Surprise
        completed = coerce(value)
        if completed is None or completed is Undefined:
            raise Surprise
        return completed

    return leaf


def _names_of(type_: GraphQLEnumType) -> tuple[type, dict[str, str]] | None:
    """The class of an enum's members, and what each of them is called in GraphQL; None where they have no class."""
    wrapped = getattr(type_, "wrapped_cls", None)
    if not isinstance(wrapped, type) or not issubclass(wrapped, Enum):
        return None
    names = {}
    for member in wrapped:
        with suppress(Exception):  # a member that the schema does not have is an error when it comes
            names[member._name_] = type_.coerce_output_value(member)
    return wrapped, names


def _listed(value: Any) -> Any:
    if type(value) is tuple:
        return value
    raise Surprise


def _object(value: Any) -> None:
    """Any object will do, but what means something to graphql-core."""
    if value is None or value is Undefined or isinstance(value, Exception) or is_awaitable(value):
        raise Surprise


def _surprise(value: Any) -> None:
    raise Surprise
