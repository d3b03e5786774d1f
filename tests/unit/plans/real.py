"""The served schema with made-up objects behind its root fields: every type, no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
)

from resolvers.plans.calls import attribute_of
from resolvers.plans.sources import definition_of
from resolvers.schema import build_schema

_WRONG: list[Any] = [None, 12, "x", 2**40, 1.5, [], object]
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def schema_of(objects: Objects) -> GraphQLSchema:
    """All query fields, resolved by what `context["objects"]` makes for their key."""
    served = build_schema()._schema
    assert served.query_type is not None
    fields = {
        name: GraphQLField(field.type, args=field.args, resolve=_resolver(field.type, objects))
        for name, field in served.query_type.fields.items()
        if is_composite_type(get_named_type(field.type))
    }
    roots = (served.query_type, served.mutation_type, served.subscription_type)
    types = [type_ for type_ in served.type_map.values() if type_ not in roots]
    schema = GraphQLSchema(GraphQLObjectType("Query", fields), types=types)
    schema._strawberry_schema = served._strawberry_schema  # type: ignore[attr-defined]
    return schema


def _resolver(type_: Any, objects: Objects) -> Any:
    async def resolve(_: Any, info: Any, **arguments: Any) -> Any:
        return objects.kept(info.context, info.path.key, type_)

    return resolve


class Objects:
    """Makes objects of the schema's types, now and then with something wrong in them."""

    def __init__(self, random: Random, chance: float = 0.01) -> None:
        self.random, self.chance = random, chance

    def kept(self, context: dict[str, Any], key: Any, type_: Any) -> Any:
        """The object of a root field: the same for every execution that shares `context["made"]`."""
        made = context["made"]
        if key not in made:
            made[key] = self.of(type_, 4)
        return made[key]

    def of(self, type_: Any, depth: int) -> Any:
        """A value of a type."""
        if self.random.random() < self.chance:
            return self.random.choice(_WRONG)
        if is_non_null_type(type_):
            return self._given(type_.of_type, depth)
        return None if self.random.random() < 0.2 else self._given(type_, depth)

    def _given(self, type_: Any, depth: int) -> Any:
        if is_list_type(type_):
            return [self.of(type_.of_type, depth - 1) for _ in range(self.random.randint(0, 2) if depth > 0 else 0)]
        if is_enum_type(type_):
            members = list(type_.wrapped_cls)
            return self.random.choice(members)
        if is_abstract_type(type_):
            possible = build_schema()._schema.get_possible_types(type_)
            return self._object(self.random.choice(list(possible)), depth)
        return self._object(type_, depth) if is_composite_type(type_) else self._scalar(type_.name)

    def _object(self, type_: Any, depth: int) -> Any:
        origin = definition_of(type_).origin
        made = object.__new__(origin)
        for field in type_.fields.values():
            attribute = attribute_of(field)
            if attribute is not None:
                object.__setattr__(made, attribute, self.of(field.type, depth - 1) if depth > 0 else None)
        return made

    def _scalar(self, name: str) -> Any:
        if name in ("DateTime", "Timestamp"):
            return _NOW + timedelta(seconds=self.random.randrange(10**6))
        simple = {"Int": 3, "Float": 2.5, "Boolean": True, "Duration": 60, "Date": _NOW.date()}
        return simple.get(name, {"a": [1]} if name in ("JSON", "BlueprintDocument", "PolicyRule") else "text")
