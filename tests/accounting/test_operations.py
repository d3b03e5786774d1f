"""Every root field says who may call it, what it is for, and, where it changes something, how it is audited."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    parse,
    specified_scalar_types,
)

from app.audit.repository import ALL_EVENTS
from app.contract import contract
from resolvers.access import root_access
from resolvers.schema import build_schema
from tests.support.samples import (
    OPERATIONS,
    ROUTE_SAMPLES,
    SAMPLES,
    SIGNING_IN,
    caller,
    document,
    facts,
    of_operators,
    root_fields,
)
from tests.support.serving import Client, Served

SCHEMA = build_schema()._schema
#: Done by somebody else than the owner: the invited person, the member with the link.
OTHERS_ACT = {"Mutation.acceptInvitation", "Mutation.resetPassword"}
#: Takes a provider and a browser: tests/api/sso counts its event.
BY_BROWSER = {"Mutation.ssoCallback"}
MUTATIONS = [name for name in root_fields() if name.startswith("Mutation.")]


def test_every_root_field_has_a_sample() -> None:
    missing = sorted(set(root_fields()) - set(SAMPLES))
    stale = sorted(set(SAMPLES) - set(root_fields()))

    assert not missing, f"add to SAMPLES in tests/support/samples/: {', '.join(missing)}"
    assert not stale, f"take from SAMPLES in tests/support/samples/: {', '.join(stale)}"


def test_every_route_has_a_sample() -> None:
    missing = sorted(set(OPERATIONS) - set(ROUTE_SAMPLES))
    stale = sorted(set(ROUTE_SAMPLES) - set(OPERATIONS))

    assert not missing, f"add to ROUTE_SAMPLES in tests/support/samples/: {', '.join(missing)}"
    assert not stale, f"take from ROUTE_SAMPLES in tests/support/samples/: {', '.join(stale)}"


def test_every_root_field_says_who_may_call_it() -> None:
    """Counted in the schema as clients see it, not in the code that made it."""
    silent = [name for name, directives in _directives().items() if not directives & {"access", "public"}]

    assert not silent, f"declare with query/mutation/subscription of resolvers/access.py: {silent}"
    assert {name.partition(".")[2] for name in _directives()} == set(root_access(build_schema()))


def test_every_mutation_has_an_audit_rule() -> None:
    silent = [name for name in MUTATIONS if "audit" not in _directives()[name]]

    assert not silent, f"give `audited=` to: {silent}"


def test_only_signing_in_changes_something_for_nobody() -> None:
    assert {name.partition(".")[2] for name in MUTATIONS if "public" in _directives()[name]} == SIGNING_IN


def test_everything_in_the_schema_is_described() -> None:
    silent = [where for where, description in _descriptions() if not (description or "").strip()]

    assert not silent, "without a description: " + ", ".join(silent)


@pytest.mark.anyio
@pytest.mark.parametrize("name", [name for name in MUTATIONS if name not in BY_BROWSER])
async def test_a_mutation_writes_exactly_one_audit_event(shared: Served, name: str) -> None:
    client = await shared.newcomer(operator=of_operators(name))
    sample = SAMPLES[name]
    known = await facts(client, sample)
    asking = await caller(client, sample)
    before = await _events(client)
    arguments = sample.arguments(known)

    await asking.data(document(name, arguments), arguments)

    [event] = (await _events(client))[len(before) :]
    declared = _directives()[name]
    assert declared & {f"audit:{event.action}", "audit:*"}, "`*` is for events of what was evaluated"
    assert event.organization_id == client.tenant.id
    assert event.user_id == client.tenant.user_id or name in OTHERS_ACT
    assert event.request_id.startswith("req_")
    assert event.result == "allowed"


@pytest.mark.anyio
@pytest.mark.parametrize("name", [name for name in MUTATIONS if name.partition(".")[2] not in SIGNING_IN])
async def test_a_refused_mutation_changes_nothing_and_writes_no_event(shared: Served, name: str) -> None:
    client = await shared.newcomer()
    sample = SAMPLES[name]
    known = await facts(client, sample)
    before = await _events(client)
    arguments = sample.arguments(known)

    code = await client.with_key(None).code(document(name, arguments), arguments)

    assert code == "UNAUTHORIZED"
    assert await _events(client) == before


async def _events(client: Client) -> list[Any]:
    return await client.tenant.work().all(ALL_EVENTS)


@cache
def _directives() -> dict[str, set[str]]:
    """`Query.environment` -> {"access"}; of `@audit` also its action."""
    found: dict[str, set[str]] = {}
    for definition in parse(contract("schema.graphql").read_text()).definitions:
        name = getattr(getattr(definition, "name", None), "value", "")
        if name not in ("Query", "Mutation", "Subscription"):
            continue
        for field in definition.fields:  # type: ignore[attr-defined]
            used = found.setdefault(f"{name}.{field.name.value}", set())
            for directive in field.directives:
                used.add(directive.name.value)
                if directive.name.value == "audit":
                    used.add(f"audit:{directive.arguments[0].value.value}")
    return found


def _descriptions() -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for name, type_ in SCHEMA.type_map.items():
        if name.startswith("__") or name in specified_scalar_types:
            continue
        found.append((name, type_.description))
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            found += [(f"{name}.{key}", field.description) for key, field in type_.fields.items()]
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            found += [
                (f"{name}.{key}({argument})", part.description)
                for key, field in type_.fields.items()
                for argument, part in field.args.items()
            ]
    return found
