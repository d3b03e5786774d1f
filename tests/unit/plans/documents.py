"""Random operations over any schema: fragments, aliases, merged fields, conditions, arguments."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any
from zlib import crc32

from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

_CONDITIONS = ["", "", "", "", " @include(if: $a)", " @skip(if: $b)", " @skip(if: true)", " @include(if: true)"]


class Documents:
    """Writes one document after another."""

    def __init__(self, schema: GraphQLSchema, random: Random, depth: int = 3) -> None:
        self.schema, self.random, self.depth = schema, random, depth
        self.fragments: list[str] = []

    def query(self) -> str:
        """An operation named Q with the variables `$a: Boolean!`, `$b: Boolean!` and `$i: Int`."""
        assert self.schema.query_type is not None
        return self._operation("query", self.schema.query_type)

    def mutation(self) -> str:
        """The same as a mutation."""
        assert self.schema.mutation_type is not None
        return self._operation("mutation", self.schema.mutation_type)

    def _operation(self, word: str, root: GraphQLObjectType) -> str:
        self.fragments = []
        body = self._selection(root, self.depth, most=3)
        return f"{word} Q($a: Boolean!, $b: Boolean!, $i: Int = 2) {body} " + " ".join(self.fragments)

    def _selection(self, type_: Any, depth: int, most: int = 4) -> str:
        parts: list[str] = []
        for _ in range(self.random.randint(1, most)):
            parts += self._parts(type_, depth)
        return "{ " + " ".join(parts or ["__typename"]) + " }"

    def _parts(self, type_: Any, depth: int) -> Iterator[str]:
        chance, condition = self.random.random(), self.random.choice(_CONDITIONS)
        if chance < 0.75 or depth <= 0:
            yield self._field(type_, depth, condition)
            return
        on = self.random.choice(self._overlapping(type_))
        inner = self._selection(on, depth - 1)
        if chance < 0.88:
            yield f"... on {on.name}{condition} {inner}"
        else:
            name = f"F{len(self.fragments)}"
            self.fragments.append(f"fragment {name} on {on.name} {inner}")
            yield f"...{name}{condition}"

    def _overlapping(self, type_: Any) -> list[Any]:
        if is_abstract_type(type_):
            return [type_, *self.schema.get_possible_types(type_)]
        return [type_, *(each for each in type_.interfaces if is_interface_type(each))]

    def _field(self, type_: Any, depth: int, condition: str) -> str:
        fields = getattr(type_, "fields", {})
        usable = [
            name for name, field in fields.items() if depth > 0 or not is_composite_type(get_named_type(field.type))
        ]
        if not usable or self.random.random() < 0.05:
            return f"__typename{condition}"
        name = self.random.choice(usable)
        field = fields[name]
        given = self._arguments(field)
        # The same name with other arguments would be a conflict: an alias tells them apart.
        alias = f"{name}_{crc32(given.encode()) % 1000}: " if given else self.random.choice(["", "", f"other_{name}: "])
        named = get_named_type(field.type)
        inner = f" {self._selection(named, depth - 1)}" if is_composite_type(named) else ""
        return f"{alias}{name}{given}{condition}{inner}"

    def _arguments(self, field: Any) -> str:
        given = {}
        for name, argument in field.args.items():
            if is_required_argument(argument) or self.random.random() < 0.4:
                given[name] = self._value(argument.type)
        return f"({', '.join(f'{name}: {value}' for name, value in given.items())})" if given else ""

    def _value(self, type_: Any) -> str:
        if is_non_null_type(type_):
            type_ = type_.of_type
        elif self.random.random() < 0.1:
            return "null"
        if is_list_type(type_):
            return f"[{', '.join(self._value(type_.of_type) for _ in range(self.random.randint(0, 2)))}]"
        if is_enum_type(type_):
            return self.random.choice(list(type_.values))
        if is_input_object_type(type_):
            given = {
                name: self._value(field.type)
                for name, field in type_.fields.items()
                if is_required_input_field(field) or self.random.random() < 0.4
            }
            return "{" + ", ".join(f"{name}: {value}" for name, value in given.items()) + "}"
        return self._scalar(type_.name)

    def _scalar(self, name: str) -> str:
        if name == "Int":
            return self.random.choice(["$i", "0", "1", "2", "5", "-1"])
        if name == "Float":
            return self.random.choice(["0.5", "3"])
        if name == "Boolean":
            return self.random.choice(["$a", "$b", "true", "false"])
        return self.random.choice(['"text"', '"u1"', '""'])
