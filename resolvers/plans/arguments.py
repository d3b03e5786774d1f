"""The arguments of a field: what does not depend on variables is coerced once."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from graphql import (
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    Undefined,
    get_named_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.values import get_argument_values
from graphql.language import ArgumentNode, FieldNode, NameNode, ValueNode, VariableNode
from strawberry.types.unset import UnsetType

from resolvers.plans.model import Arguments
from resolvers.plans.sources import is_own_scalar

#: What nobody can change, so that requests may have it in common.
IMMUTABLE = (str, int, float, bool, type(None), Enum, UnsetType)
_FIELD = NameNode(value="field")
_NOTHING_GIVEN = FieldNode(name=_FIELD, arguments=())


class _Part(NamedTuple):
    """One argument."""

    name: str
    #: The variable that it is; None for a constant.
    variable: str | None
    #: The constant, or what stands in for a variable without a value; `Undefined` where nothing does.
    value: Any
    not_null: bool
    required: bool


class _NotShared(Exception):
    """A value that has to be made anew for each request."""


def planned_arguments(definition: GraphQLField, node: FieldNode) -> Arguments | None:
    """How the arguments of a field come from the variables; None where it has none."""
    if not definition.args:
        return None

    def asked(variables: Any) -> dict[str, Any]:
        return get_argument_values(definition, node, variables)

    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    try:
        parts = [_part(name, argument, given.get(name)) for name, argument in definition.args.items()]
    except (_NotShared, GraphQLError):
        return asked
    parts = [part for part in parts if part.variable is not None or part.value is not Undefined]

    def filled(variables: Any) -> dict[str, Any]:
        coerced, values = variables.coerced, {}
        for name, variable, value, not_null, required in parts:
            if variable is not None:
                if variable in coerced:
                    value = coerced[variable]
                    if value is None and not_null:
                        return asked(variables)
                elif required:
                    return asked(variables)
                elif value is Undefined:
                    continue
            values[name] = value
        return values

    return filled


def _part(name: str, argument: GraphQLArgument, given: ValueNode | None) -> _Part:
    out, not_null = argument.out_name or name, is_non_null_type(argument.type)
    alone = GraphQLField(argument.type, args={name: argument})  # type: ignore[arg-type]
    if isinstance(given, VariableNode):
        try:
            default = _shared(get_argument_values(alone, _NOTHING_GIVEN).get(out, Undefined))
        except GraphQLError:
            return _Part(out, given.name.value, Undefined, not_null, required=True)
        return _Part(out, given.name.value, default, not_null, required=False)
    if given is None:
        return _Part(
            out, None, _shared(get_argument_values(alone, _NOTHING_GIVEN).get(out, Undefined)), not_null, False
        )
    named = get_named_type(argument.type)
    if is_list_type(argument.type) or not (is_own_scalar(named) or is_enum_type(named)):
        raise _NotShared  # custom scalars may read a literal as they like, and lists and objects can be changed
    node = FieldNode(name=_FIELD, arguments=(ArgumentNode(name=NameNode(value=name), value=given),))
    return _Part(out, None, _shared(get_argument_values(alone, node).get(out, Undefined)), not_null, False)


def _shared(value: Any) -> Any:
    if value is not Undefined and not isinstance(value, IMMUTABLE):
        raise _NotShared
    return value
