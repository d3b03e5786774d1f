"""What is planned, what is refused, and what a client can make a plan of."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
from graphql import parse
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from resolvers.plans.operation import MOST_VARIANTS, Operation
from resolvers.plans.plan import Plan
from resolvers.plans.refusal import Unsupported
from tests.unit.plans import torture

pytestmark = pytest.mark.anyio
SCHEMA = torture.SCHEMA
_MANY = " ".join(f"a{number}: sure {{ ...F }}" for number in range(300))
TOO_LARGE = f"{{ {_MANY} }} fragment F on Workspace {{ a: id b: id c: id d: id e: id f: id g: id h: id }}"


def operation(text: str, name: str | None = None) -> Operation:
    return Operation(SCHEMA, parse(text), name)


def plan(text: str, **sent: Any) -> Plan:
    made = operation(text).prepare(sent).plan
    assert made is not None
    return made


def test_a_plan_is_made_once_for_each_set_of_conditions() -> None:
    made = operation("query Q($a: Boolean!, $i: Int!) { workspace(i: $i) { id @include(if: $a) name } }")

    plans = [made.prepare({"a": a, "i": i}).plan for a in (True, False) for i in (1, 2)]

    assert plans[0] is plans[1]
    assert plans[2] is plans[3]
    assert plans[0] is not plans[2]


def test_more_variants_than_are_kept_are_interpreted() -> None:
    names = [f"v{number}" for number in range(4)]
    variables = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: id @include(if: ${name})" for name in names)
    made = operation(f"query Q({variables}) {{ sure {{ name {fields} }} }}")
    every = [{name: bool(number >> bit & 1) for bit, name in enumerate(names)} for number in range(16)]

    for sent in every[:MOST_VARIANTS]:
        made.prepare(sent)

    for sent in every[MOST_VARIANTS:]:
        with pytest.raises(Unsupported, match="variants"):
            made.prepare(sent)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("query Q { sure { ... @defer { id } } }", "incremental"),
        ("query A { sure { id } } query B { sure { id } }", "operation name"),
        ("{ sure { missing } }", "unknown field"),
        (TOO_LARGE, "too large"),
    ],
)
def test_what_is_not_planned_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(Unsupported) as refused:
        operation(text).prepare({})

    assert refused.value.reason == reason


def test_a_refusal_is_remembered() -> None:
    made = operation("{ sure { missing } }")

    found = []
    for _ in range(2):
        with pytest.raises(Unsupported) as refused:
            made.prepare({})
        found.append(refused.value)

    assert found[0] is found[1]


async def test_errors_in_variables_are_told_as_graphql_core_tells_them() -> None:
    made = operation("query Q($i: Int!) { workspace(i: $i) { id } }")

    result = await made.execute({"i": "one"}, torture.context([]))

    assert result.data is None
    assert result.errors is not None
    assert result.errors[0].message == (
        "Variable '$i' has invalid value: Int cannot represent non-integer value: 'one'"
    )


def test_nothing_that_a_client_chose_stands_in_the_source() -> None:
    made = plan(
        "query Chosen($i: Int) { chosen: workspaces(n: 987654) { chosenToo: name id other: shout(times: $i, "
        'filter: {text: "chosen text"}) owner { chosenThree: id } } }'
    )

    assert "chosen" not in made.source.lower()
    assert "987654" not in made.source
    assert '"id"' in made.source, "a name of the schema may"


def test_what_has_no_side_effects_is_generated_whole() -> None:
    made = plan("{ sure { id name status owner { name } plains { size } resources { ... on Agent { tools } } } }")

    assert made.shareable
    assert made.root.fields[0].complete is not None


def test_what_is_resolved_below_the_root_is_not_shareable() -> None:
    assert not plan("{ sure { id loaded { id } } }").shareable
    assert not plan("{ sure { id } again: sure { id } }").shareable


async def test_a_resolver_of_another_schema_keeps_its_own_default() -> None:
    @strawberry.type
    class Query:
        @strawberry.field
        def thing(self, info: Info) -> Thing:
            return {"name": "by key"}  # type: ignore[return-value]

    schema = strawberry.Schema(Query, config=StrawberryConfig(default_resolver=lambda source, name: source[name]))
    made = Operation(schema._schema, parse("{ thing { name } }"))

    result = await made.execute({}, None)

    assert result.errors is None
    assert result.data == {"thing": {"name": "by key"}}


@strawberry.type
class Thing:
    name: str
