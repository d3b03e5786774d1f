"""What is known of an operation before it runs: which fields, of which types, resolved and completed how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLField, GraphQLNamedType, GraphQLObjectType, GraphQLOutputType
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.language import FieldNode

#: (source, info, arguments) -> the resolved value, or an awaitable of it.
Call = Callable[[Any, Any, dict[str, Any]], Any]
#: The coerced values of an operation's variables -> the arguments of a field.
Arguments = Callable[[Any], dict[str, Any]]
#: A value -> the same as it stands in the answer. Raises whatever it likes on anything that it does not expect.
Complete = Callable[[Any], Any]


@dataclass(slots=True)
class PlannedField:
    """One field of a selection, its nodes merged."""

    key: str
    name: str
    details: FieldDetailsList
    nodes: list[FieldNode]
    definition: GraphQLField
    parent: GraphQLObjectType
    named: GraphQLNamedType
    call: Call
    arguments: Arguments | None
    #: The attribute of the source that the field is, where nothing else resolves it.
    attribute: str | None
    #: What is selected of each object type that the field can be; empty for leaves.
    selections: dict[str, Selection] = field(default_factory=dict)
    #: Whether all that is selected of its value is free of side effects; so is a leaf.
    pure: bool = False
    #: Completes a resolved value, where all that is selected of it is free of side effects.
    complete: Complete | None = None

    @property
    def type(self) -> GraphQLOutputType:
        """The type of the field, with its lists and nulls."""
        return self.definition.type


@dataclass(slots=True)
class Selection:
    """What is selected of one object type."""

    object_type: GraphQLObjectType
    grouped: GroupedFieldSet
    fields: list[PlannedField]
    #: Whether every field is an attribute, and so is all that is selected below it.
    pure: bool
    #: The class of Python that the type is made from.
    origin: type | None
    number: int
    #: The fields that are to be resolved one by one.
    resolved: list[PlannedField]
    #: A source -> all keys in their order, None at those of `resolved`.
    attributes: Complete | None = None
