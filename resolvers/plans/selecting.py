"""Collects what an operation selects, once for each type that a value can have. graphql-core does the collecting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_object_type,
)
from graphql.execution.collect_fields import FragmentDetails, GroupedFieldSet, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from graphql.language import DirectiveNode, Node, VariableNode

from resolvers.plans.arguments import planned_arguments
from resolvers.plans.calls import attribute_of, call_of
from resolvers.plans.model import PlannedField, Selection
from resolvers.plans.refusal import Unsupported
from resolvers.plans.sources import is_dispatched_by_class, origin_of

#: Fields of a plan at most, counted once for each type that they can be of: a client writes the document.
MOST_FIELDS = 2_000
_INCREMENTAL = frozenset({"defer", "stream"})
_CONDITIONAL = frozenset({"skip", "include"})


def conditions(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> list[str]:
    """The names of the variables on which it depends what is selected, sorted. Raises `Unsupported`."""
    if any(directive.name in _INCREMENTAL for directive in schema.directives):
        raise Unsupported("incremental")
    found: set[str] = set()
    for node in (operation, *fragments.values()):
        for directive in _directives(node):
            name = directive.name.value
            if name in _INCREMENTAL:
                raise Unsupported("incremental")
            if name in _CONDITIONAL:
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        found.add(argument.value.name.value)
    if any(fragment.variable_definitions for fragment in fragments.values()):
        raise Unsupported("fragment variables")
    return sorted(found)


def _directives(node: Node) -> Iterator[DirectiveNode]:
    yield from getattr(node, "directives", None) or ()
    selected = getattr(node, "selection_set", None)
    for below in selected.selections if selected is not None else ():
        yield from _directives(below)


class Selecting:
    """Plans the selections of one operation under one set of conditions."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
    ) -> None:
        self.schema, self.operation, self.variables = schema, operation, variables
        self.fragments = {name: FragmentDetails(node) for name, node in fragments.items()}
        self.count = 0
        #: Every selection, the innermost first.
        self.all: list[Selection] = []

    def root(self) -> Selection:
        """What is selected of the root type. Raises `Unsupported`."""
        root_type = self.schema.get_root_type(self.operation.operation)
        if root_type is None:
            raise Unsupported("no root type")
        collected = collect_fields(self.schema, self.fragments, self.variables, root_type, self.operation)
        if self.operation.operation is OperationType.SUBSCRIPTION and len(collected.grouped_field_set) != 1:
            raise Unsupported("subscription root")
        return self._selection(root_type, collected.grouped_field_set)

    def _selection(self, type_: GraphQLObjectType, grouped: GroupedFieldSet) -> Selection:
        fields = [self._field(type_, key, details) for key, details in grouped.items()]
        resolved = [field for field in fields if not (field.pure and _is_attribute(field))]
        origin = origin_of(type_)
        made = Selection(type_, grouped, fields, not resolved and origin is not None, origin, len(self.all), resolved)
        self.all.append(made)
        return made

    def _field(self, parent: GraphQLObjectType, key: str, details: list[Any]) -> PlannedField:
        self.count += 1
        if self.count > MOST_FIELDS:
            raise Unsupported("too large")
        node = details[0].node
        name = node.name.value
        definition = self.schema.get_field(parent, name)
        if definition is None:
            raise Unsupported("unknown field")
        named = get_named_type(definition.type)
        field = PlannedField(
            key=key,
            name=name,
            details=details,
            nodes=[each.node for each in details],
            definition=definition,
            parent=parent,
            named=named,
            call=call_of(self.schema, definition),
            arguments=planned_arguments(definition, node),
            attribute=attribute_of(definition),
        )
        for possible in self._possible(named):
            collected = collect_subfields(
                self.schema, self.fragments, self.variables, self.operation, possible, details
            )
            field.selections[possible.name] = self._selection(possible, collected.grouped_field_set)
        field.pure = _is_pure(field)
        return field

    def _possible(self, named: Any) -> list[GraphQLObjectType]:
        if is_object_type(named):
            return [named]
        if is_abstract_type(named):
            return list(self.schema.get_possible_types(named))
        return []


def _is_attribute(field: PlannedField) -> bool:
    return field.attribute is not None or field.name == "__typename"


def _is_pure(field: PlannedField) -> bool:
    """Whether all that is selected of the field's value is free of side effects."""
    if is_leaf_type(field.named):
        return True
    below = field.selections.values()
    if not below or not all(selection.pure for selection in below):
        return False
    return is_object_type(field.named) or is_dispatched_by_class(field.named, list(below))
