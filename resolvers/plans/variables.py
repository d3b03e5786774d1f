"""The values of an operation's variables: scalars that are what they should be are taken without ado."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphql import (
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    VariableDefinitionNode,
    coerce_input_value,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import (
    VariableValues,
    VariableValueSource,
    get_variable_values,
    input_is_nested_too_deeply,
)

from resolvers.plans.arguments import IMMUTABLE
from resolvers.plans.sources import is_own_scalar

_LEAST, _MOST = -(2**31), 2**31 - 1
_NONE = VariableValues({}, {})
#: As many errors as graphql-core's own `execute` tells.
MOST_ERRORS = 50
Coerce = Callable[[Mapping[str, Any]], VariableValues | list[GraphQLError]]


class _Variable(NamedTuple):
    """What is known of a variable beforehand."""

    name: str
    signature: GraphQLVariableSignature
    #: Whether a value can be taken as it is; None where the type is no scalar of GraphQL's own.
    exact: Callable[[Any], bool] | None
    required: bool
    #: What it is when nothing is sent; `Undefined` for nothing.
    default: Any


def coercer(schema: GraphQLSchema, operation: OperationDefinitionNode) -> Coerce:
    """Coerces what a request sends: the values, or the errors in it."""
    definitions = operation.variable_definitions or ()

    def asked(sent: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        return get_variable_values(schema, definitions, dict(sent), max_errors=MOST_ERRORS)

    if not definitions:
        return lambda _: _NONE
    known = [_known(schema, definition) for definition in definitions]
    variables = [variable for variable in known if variable is not None]
    if len(variables) < len(known):
        return asked

    def coerce(sent: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        sources, coerced = {}, {}
        for name, signature, exact, required, default in variables:
            value = sent.get(name, Undefined)
            if value is Undefined:
                sources[name] = VariableValueSource(signature)
                if default is not Undefined:
                    coerced[name] = default
                elif required:
                    return asked(sent)
                continue
            if exact is None:
                found = _coerced(value, signature.type)
                if found is Undefined:
                    return asked(sent)
            elif exact(value) or (value is None and not required):
                found = value
            else:
                return asked(sent)
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = found
        return VariableValues(sources, coerced)

    return coerce


def _known(schema: GraphQLSchema, definition: VariableDefinitionNode) -> _Variable | None:
    """None for what is coerced by graphql-core alone, such as defaults that requests may not have in common."""
    signature = get_variable_signature(schema, definition)
    if isinstance(signature, GraphQLError):
        return None
    required, exact = is_non_null_type(signature.type), exact_of(signature.type)
    default: Any = Undefined
    if definition.default_value is not None:
        found = get_variable_values(schema, (definition,), {})
        if isinstance(found, list) or not all(isinstance(value, IMMUTABLE) for value in found.coerced.values()):
            return None
        default = found.coerced.get(signature.name, Undefined)
    return _Variable(signature.name, signature, exact, required, default)


def _coerced(value: Any, type_: GraphQLInputType) -> Any:
    """The value as the resolver gets it; `Undefined` for one with an error in it."""
    try:
        return Undefined if input_is_nested_too_deeply(value, type_) else coerce_input_value(value, type_)
    except RecursionError:
        return Undefined


def exact_of(type_: GraphQLInputType) -> Callable[[Any], bool] | None:
    """Tells whether a value is just what a scalar of GraphQL's own is; None for other types."""
    named: Any = type_.of_type if is_non_null_type(type_) else type_
    return _EXACT[named.name] if is_own_scalar(named) else None


def _is_int(value: Any) -> bool:
    return type(value) is int and _LEAST <= value <= _MOST


def _is_float(value: Any) -> bool:
    return type(value) is float and value - value == 0.0


def _is_string(value: Any) -> bool:
    return type(value) is str


def _is_boolean(value: Any) -> bool:
    return type(value) is bool


_EXACT = {"String": _is_string, "ID": _is_string, "Boolean": _is_boolean, "Int": _is_int, "Float": _is_float}
