"""How a field is resolved: Strawberry's own steps, put together once and not for each call."""

from __future__ import annotations

from functools import partial
from typing import Any

import strawberry
from graphql import GraphQLField, GraphQLSchema
from graphql.execution.executor import default_field_resolver
from strawberry.extensions import FieldExtension
from strawberry.extensions.field_extension import build_field_extension_resolvers
from strawberry.schema.schema_converter import get_arguments
from strawberry.types.base import StrawberryMaybe, StrawberryOptional
from strawberry.types.field import StrawberryField

from resolvers.plans.model import Call
from resolvers.plans.sources import definition_of, strawberry_schema

#: Types of arguments that a resolver gets as they are.
_PLAIN = (str, int, float, bool, strawberry.ID)


def attribute_of(definition: GraphQLField) -> str | None:
    """The attribute of its source that a field is; None where something resolves it."""
    field = definition_of(definition)
    if not isinstance(field, StrawberryField) or not field.is_basic_field:
        return None
    if not getattr(definition.resolve, "_is_default", False) or field.default_resolver is not getattr:
        return None
    ordinary = type(field).get_result is StrawberryField.get_result
    return field.python_name if ordinary and field.python_name.isidentifier() else None


def call_of(schema: GraphQLSchema, definition: GraphQLField) -> Call:
    """What resolves a field: (source, info, arguments) -> value."""
    field = definition_of(definition)
    if isinstance(field, StrawberryField) and _is_ordinary(schema, field):
        return _chained(schema, field)
    resolve = definition.resolve or default_field_resolver
    return lambda source, info, arguments: resolve(source, info, **arguments)


def _is_ordinary(schema: GraphQLSchema, field: StrawberryField) -> bool:
    """Whether nothing happens around the resolver but its extensions."""
    converter = strawberry_schema(schema).schema_converter
    resolver = field.base_resolver
    return (
        resolver is not None
        and not field.is_subscription
        and not converter._exception_handler_specs
        and type(field).get_result is StrawberryField.get_result
        and resolver.parent_parameter is None
        and resolver.root_parameter is None
        and all(type(each).map_arguments is FieldExtension.map_arguments for each in field.extensions)
    )


def _chained(schema: GraphQLSchema, field: StrawberryField) -> Call:
    converter, resolver = strawberry_schema(schema).schema_converter, field.base_resolver
    assert resolver is not None
    function: Any = resolver.wrapped_func
    info_class, takes_source = converter.config.info_class, resolver.self_parameter is not None
    info_name = resolver.info_parameter.name if resolver.info_parameter is not None else None

    def last(source: Any, info: Any, **arguments: Any) -> Any:
        if info_name is not None:
            arguments[info_name] = info
        return function(source, **arguments) if takes_source else function(**arguments)

    chain: Any = last
    for extension in build_field_extension_resolvers(field):
        chain = partial(extension, chain)
    names = _plain_names(converter, field)

    def converting(source: Any, raw: Any, arguments: dict[str, Any]) -> Any:
        info = info_class(_raw_info=raw, _field=field)
        _, named = get_arguments(
            field=field,
            source=source,
            info=info,
            kwargs=arguments,
            config=converter.config,
            scalar_registry=converter.scalar_registry,
        )
        if info_name is not None:
            named.pop(info_name, None)
        return chain(source, info, **named)

    if names is None:
        return converting
    known = names

    def call(source: Any, raw: Any, arguments: dict[str, Any]) -> Any:
        info = info_class(_raw_info=raw, _field=field)
        return chain(source, info, **{known[name]: value for name, value in arguments.items()})

    return call


def _plain_names(converter: Any, field: StrawberryField) -> dict[str, str] | None:
    """The names of the arguments in GraphQL and in Python; None where a value is converted on its way."""
    names = {}
    for argument in field.arguments:
        type_ = argument.type
        while isinstance(type_, StrawberryOptional) and not isinstance(type_, StrawberryMaybe):
            type_ = type_.of_type
        if type_ not in _PLAIN:
            return None
        names[converter.config.name_converter.from_argument(argument)] = argument.python_name
    return names
