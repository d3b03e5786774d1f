"""What an operation's answer looks like: walks a selection with its types, once at start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionSetNode,
)


@dataclass
class Shape:
    """A value of an answer: a leaf, an object with fields, or a list of either."""

    type: GraphQLScalarType | GraphQLEnumType | GraphQLObjectType | GraphQLInterfaceType
    nullable: bool
    description: str = ""
    #: From the outside in: whether the items of each list level may be null.
    lists: tuple[bool, ...] = ()
    fields: dict[str, Shape] = field(default_factory=dict)
    #: The fragment that alone makes up the selection: a name for the schema.
    name: str = ""


Fragments = Mapping[str, FragmentDefinitionNode]


def shape(type_: GraphQLOutputType, node: FieldNode, fragments: Fragments, description: str = "") -> Shape:
    """The shape of a field's value under its selection."""
    nullable, lists = True, []
    while True:
        if isinstance(type_, GraphQLNonNull):
            nullable, type_ = False, type_.of_type
        if not isinstance(type_, GraphQLList):
            break
        lists.append(nullable)
        nullable, type_ = True, type_.of_type
    outer = (*lists, nullable)
    if isinstance(type_, GraphQLUnionType):
        raise TypeError(f"a route cannot answer the union {type_.name}: its parts have no common fields")
    made = Shape(type_, outer[0], description, lists=tuple(outer[1:]), name=_name(node.selection_set))
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) and node.selection_set is not None:
        _collect(made, type_, node.selection_set, fragments)
    return made


def _collect(
    made: Shape, type_: GraphQLObjectType | GraphQLInterfaceType, selections: SelectionSetNode, fragments: Fragments
) -> None:
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            definition = type_.fields[selection.name.value]
            key = selection.alias.value if selection.alias else selection.name.value
            found = shape(definition.type, selection, fragments, definition.description or "")
            if key in made.fields:
                made.fields[key].fields.update(found.fields)
                made.fields[key].name = ""
            else:
                made.fields[key] = found
        elif isinstance(selection, FragmentSpreadNode):
            _collect(made, type_, fragments[selection.name.value].selection_set, fragments)
        elif isinstance(selection, InlineFragmentNode):
            _collect(made, type_, selection.selection_set, fragments)


def _name(selections: SelectionSetNode | None) -> str:
    if selections is not None and len(selections.selections) == 1:
        only = selections.selections[0]
        if isinstance(only, FragmentSpreadNode):
            return only.name.value
    return ""


Convert = Callable[[Any], Any]


def converter(made: Shape, *, whole_seconds: bool = False) -> Convert | None:
    """Turns data into what REST shows: enums in lower case, times with a `Z`. None where nothing is to be turned."""
    if isinstance(made.type, GraphQLEnumType):
        convert: Convert | None = str.lower
    elif made.type.name == "DateTime":
        convert = _second if whole_seconds else _utc
    else:
        fields = ((key, converter(part, whole_seconds=whole_seconds)) for key, part in made.fields.items())
        parts = [(key, found) for key, found in fields if found is not None]
        convert = _object_converter(parts) if parts else None
    if convert is None:
        return None
    for _ in made.lists:
        convert = _list_converter(convert)
    return _nullable(convert)


def _utc(moment: str) -> str:
    """UTC as the documented APIs write it: with a `Z`."""
    return moment.removesuffix("+00:00") + "Z" if moment.endswith("+00:00") else moment


def _second(moment: str) -> str:
    """The same to the second: `2026-04-15T08:00:00Z`."""
    return f"{moment[:19]}Z" if moment.endswith("+00:00") else moment


def _nullable(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _list_converter(convert: Convert) -> Convert:
    inner = _nullable(convert)
    return lambda items: None if items is None else [inner(item) for item in items]


def _object_converter(parts: list[tuple[str, Convert]]) -> Convert:
    def convert(value: dict[str, Any]) -> dict[str, Any]:
        for key, part in parts:
            value[key] = part(value[key])
        return value

    return convert
