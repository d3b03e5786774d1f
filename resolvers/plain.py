"""A field's arguments as JSON: what policies judge and what is hashed."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from strawberry.types.unset import UNSET
from strawberry.utils.str_converters import to_camel_case

from app.core.clock import rfc3339

_NAMES_ONE, _NAMES_MANY = ("id", "Id"), ("ids", "Ids")


def plain_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by their names in the schema, with their defaults."""
    return {to_camel_case(name): plain(value) for name, value in arguments.items() if value is not UNSET}


def plain(value: Any) -> Any:
    """A converted value of an argument as JSON: inputs as objects, enums by name, times in RFC 3339."""
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, datetime):
        return rfc3339(value)
    definition = getattr(type(value), "__strawberry_definition__", None)
    if definition is not None:
        fields = {
            field.python_name: field.graphql_name or to_camel_case(field.python_name) for field in definition.fields
        }
        given = {shown: getattr(value, name) for name, shown in fields.items()}
        return {name: plain(item) for name, item in given.items() if item is not UNSET}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def resources_of(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """What the arguments name: `id`, `…Id` and `…Ids`, in the arguments and in their inputs."""
    return tuple(dict.fromkeys(_named(arguments, 2)))


def _named(arguments: Mapping[str, Any], depth: int) -> Iterator[str]:
    for name, value in arguments.items():
        if isinstance(value, str) and value and (name == "id" or name.endswith(_NAMES_ONE[1])):
            yield value
        elif isinstance(value, list) and (name == "ids" or name.endswith(_NAMES_MANY[1])):
            yield from (item for item in value if isinstance(item, str))
        elif isinstance(value, Mapping) and depth > 1:
            yield from _named(value, depth - 1)
