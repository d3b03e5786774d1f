"""How each operation is asked: one sample for each root field and each REST route, in a module for each domain.

The accounting tests go over all operations of the schema and all routes; what has no sample here fails them by name.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from graphql import GraphQLField, GraphQLObjectType, get_named_type, is_leaf_type, is_required_argument

from app.contract import contract
from app.core.actor import Scope
from resolvers.access import root_access
from resolvers.schema import build_schema
from rest_compat.operations import RestOperation
from rest_compat.service import operations as load
from tests.support import preparations
from tests.support.samples import (
    assistant,
    automations,
    database_console,
    environments,
    governance,
    integrations,
    language_servers,
    organization,
    people,
    pull_requests,
    services,
    terminals,
    tokens,
    uploads,
    version_control,
    workspaces,
)
from tests.support.sampling import MISSING as MISSING
from tests.support.sampling import PREFIXES as PREFIXES
from tests.support.sampling import Facts as Facts
from tests.support.sampling import RouteSample as RouteSample
from tests.support.sampling import Sample as Sample
from tests.support.serving import Client, Served

#: What somebody calls who has no credential yet.
SIGNING_IN = {"signIn", "refreshSession", "acceptInvitation", "resetPassword", "ssoCallback"}

#: Each has SAMPLES and ROUTE_SAMPLES; and PREPARATIONS, where its samples need something of its own.
DOMAINS: tuple[Any, ...] = (
    automations,
    assistant,
    database_console,
    environments,
    governance,
    integrations,
    language_servers,
    organization,
    people,
    terminals,
    pull_requests,
    services,
    tokens,
    uploads,
    version_control,
    workspaces,
)


def _together(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for domain in DOMAINS:
        part = getattr(domain, name, {})
        assert not found.keys() & part.keys(), f"twice in {name}: {sorted(found.keys() & part.keys())}"
        found |= part
    return found


SAMPLES: dict[str, Sample] = _together("SAMPLES")
ROUTE_SAMPLES: dict[str, RouteSample] = _together("ROUTE_SAMPLES")
PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {
    **preparations.PREPARATIONS,
    **_together("PREPARATIONS"),
}
OPERATIONS: dict[str, RestOperation] = {operation.name: operation for operation in load(contract("graphql"))}
#: Those that answer with a redirect take a provider and a browser: tests/api/sso follows them.
ROUTES = {name: found for name, found in OPERATIONS.items() if not found.is_stream and not found.redirects}
STREAMS = {name: operation for name, operation in OPERATIONS.items() if operation.is_stream}


def of_operators(name: str) -> bool:
    """Whether only operators of the installation may call a root field."""
    needed = root_access(build_schema())[name.partition(".")[2]]
    return needed is not None and needed[0] == Scope.ADMINISTRATION


def route_of_operators(name: str) -> bool:
    """Whether only operators of the installation may ask a route."""
    access = OPERATIONS[name].access
    return access is not None and access[0] == Scope.ADMINISTRATION


async def facts(client: Client, sample: Sample | RouteSample) -> Facts:
    """What a sample needs in the client's organization, and a key in any case."""
    made = await client.data('mutation { createApiKey(input: {name: "private-key"}) { id } }')
    known = {"organization": client.tenant.id, "key": made["createApiKey"]["id"]}
    if sample.given:
        known["environment"] = await client.environment(sample.given, name="private-name")
    for name in sample.needs:
        known.update(await PREPARATIONS[name](client))
    return Facts(known)


async def caller(client: Client, sample: Sample | RouteSample) -> Client:
    """The client as the sample wants it: with its key, or signed in."""
    return await client.signed_in() if sample.session else client


def root_fields() -> dict[str, GraphQLField]:
    """`Query.environment` and all others."""
    schema = build_schema()._schema
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    return {f"{root.name}.{name}": found for root in roots if root for name, found in root.fields.items()}


def document(name: str, arguments: dict[str, Any]) -> str:
    """An operation that asks a root field with these arguments for everything that it has."""
    root, _, field_name = name.partition(".")
    definition = root_fields()[name]
    unset = [
        key for key, argument in definition.args.items() if is_required_argument(argument) and key not in arguments
    ]
    assert not unset, f"the sample of {name} in tests/support/samples/ leaves out {', '.join(unset)}"
    declared = ", ".join(f"${key}: {definition.args[key].type}" for key in arguments)
    passed = ", ".join(f"{key}: ${key}" for key in arguments)
    head = f"{root.lower()} Sample{f'({declared})' if declared else ''}"
    return f"{head} {{ {field_name}{f'({passed})' if passed else ''} {everything(definition.type)} }}"


def everything(type_: Any, depth: int = 0) -> str:
    """A selection of all fields, those of all implementations of an interface included."""
    found: Any = get_named_type(type_)
    if is_leaf_type(found):
        return ""
    if not isinstance(found, GraphQLObjectType):
        schema = build_schema()._schema
        kinds = schema.get_possible_types(found)
        types: dict[str, set[str]] = {}
        for kind in kinds:
            for name, part in kind.fields.items():
                types.setdefault(name, set()).add(str(part.type))
        apart = {name for name, several in types.items() if len(several) > 1}
        return f"{{ __typename {' '.join(f'... on {kind.name} {_fields(kind, depth, apart)}' for kind in kinds)} }}"
    return _fields(found, depth, set())


def _fields(kind: GraphQLObjectType, depth: int, apart: set[str]) -> str:
    """All fields of an object; `apart` are those that mean something else in another type beside it."""
    fields = [
        f"{f'{kind.name}_{name}: ' if name in apart else ''}{name} {everything(part.type, depth + 1)}"
        for name, part in kind.fields.items()
    ]
    return f"{{ {' '.join(fields)} }}"


def sampled(samples: dict[str, Any], names: Any) -> Iterator[str]:
    """The names that have a sample."""
    return (name for name in names if name in samples)


_CHANGING = [
    (re.compile(r"\bwhsec_[0-9A-Za-z+/=]+"), "<secret>"),
    (re.compile(r"\b([a-z]{2,8})_[0-9a-z]{26}"), r"\1_"),
    (re.compile(r"\b(sk_live|rt|sos|inv_token|reset)_[0-9A-Za-z_-]{30,}"), r"\1_"),
    (re.compile(r"\b(sk_live)_[0-9A-Za-z]{4}\b"), r"\1_"),
    (re.compile(r"\b[A-Z2-7]{32}\b"), "<secret>"),
    (re.compile(r"\b[0-9a-f]{6}-[0-9a-f]{6}\b"), "<code>"),
    (re.compile(r"\beyJ[0-9A-Za-z_.-]+"), "<jwt>"),
    (re.compile(r"\b(owner|admin|member|viewer|guest)\d+@example\.com"), r"\1@example.com"),
    (re.compile(r"\b(Organization|owner) ?\d+"), r"\1"),
    (re.compile(r"private-(agent|policy|workspace)-\d+"), r"private-\1"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "<commit>"),
    (re.compile(r"\bRoll back to [0-9a-f]{10}\b"), "Roll back to <commit>"),
    (re.compile(r"\b(session/(?:[0-9a-z-]+-)?)[0-9a-z]{6}\b"), r"\1<end>"),
    (re.compile(r"(cred|sk_live)_[0-9A-Za-z]{6,36}"), r"\1_"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)"), "<time>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<address>"),
    (re.compile(r"eyJ[\w.-]+"), "<token>"),
    (re.compile(r'("(?:port|pid|remaining|tookMicroseconds|took_microseconds)": ?)\d+'), r"\1 0"),
    (re.compile(r"soundstage-verification=\w+"), "<record>"),
    (re.compile(r"private-\w+\.example"), "private.example"),
    (re.compile(r'("(?:recentEvents|uptimeSeconds|answeredRequests|databaseBytes|milliseconds)": ?)[\d.]+'), r"\1 0"),
]


def steady(text: str) -> str:
    """An answer without what differs from call to call: ids, times, ports."""
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return text


class Kept:
    """Owners with what samples need, for questions that change nothing of it: each need is prepared once."""

    def __init__(self) -> None:
        self._made: dict[Any, tuple[Client, Facts]] = {}

    async def owner(
        self, server: Served, sample: Sample | RouteSample, *, operator: bool = False
    ) -> tuple[Client, Facts]:
        """The owner of an organization in which the sample's needs are there."""
        key = (server, sample.given, tuple(sorted(sample.needs)), operator)
        if key not in self._made:
            client = await server.newcomer(operator=operator)
            self._made[key] = (client, await facts(client, sample))
        return self._made[key]
