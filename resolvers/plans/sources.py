"""What Strawberry's definitions tell of the Python objects behind the types of a schema."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, specified_scalar_types
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE as CAST

from resolvers.plans.model import Selection

__all__ = ["CAST", "definition_of", "is_dispatched_by_class", "is_own_scalar", "origin_of", "strawberry_schema"]

DEFINITION = "strawberry-definition"


def definition_of(type_: Any) -> Any:
    """Strawberry's definition behind a type or field of graphql-core; None where there is none."""
    return (type_.extensions or {}).get(DEFINITION)


def is_own_scalar(type_: Any) -> bool:
    """Whether a type is one of GraphQL's own scalars, and not another by the same name."""
    return specified_scalar_types.get(getattr(type_, "name", "")) is type_


def strawberry_schema(schema: GraphQLSchema) -> Any:
    """Strawberry's schema behind one of graphql-core."""
    return schema._strawberry_schema  # type: ignore[attr-defined]


def origin_of(type_: GraphQLObjectType) -> type | None:
    """The class of an object type, where objects of just this class are of this type and no questions asked."""
    definition = definition_of(type_)
    if not isinstance(definition, StrawberryObjectDefinition) or definition.is_type_of is not None:
        return None
    origin = definition.origin
    # An exception that is returned is raised, and what can be awaited is awaited, whatever its type.
    return None if issubclass(origin, Exception) or hasattr(origin, "__await__") else origin


def is_dispatched_by_class(abstract: Any, selections: list[Selection]) -> bool:
    """Whether the class of an object tells which of the possible types it has: not where two share a class."""
    definition = definition_of(abstract)
    if definition is None or getattr(definition, "resolve_type", None) is not None:
        return False
    origins = [selection.origin for selection in selections]
    return len(set(origins)) == len(origins) and all(
        getattr(selection.origin, "__strawberry_definition__", None) is definition_of(selection.object_type)
        and not definition_of(selection.object_type).is_graphql_generic
        for selection in selections
    )
