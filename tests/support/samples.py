"""How each operation is asked: one sample for each root field and each REST route.

The accounting tests go over all operations of the schema and all routes; what has no sample here fails them by name.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLField, GraphQLObjectType, get_named_type, is_leaf_type, is_required_argument

from app.contract import contract
from resolvers.schema import build_schema
from rest_compat.operations import RestOperation
from rest_compat.service import operations as load
from tests.support.serving import BLUEPRINT, Client

#: Of the right form, and nobody's.
MISSING = {prefix: f"{prefix}_" + "0" * 26 for prefix in ("env", "key", "org", "agt", "pol", "apr", "dec")}


@dataclass(frozen=True)
class Facts:
    """Ids of an organization's things."""

    environment: str = MISSING["env"]
    key: str = MISSING["key"]
    organization: str = MISSING["org"]
    agent: str = MISSING["agt"]
    policy: str = MISSING["pol"]
    approval: str = MISSING["apr"]
    decision: str = MISSING["dec"]
    #: The agent's credential: a secret, and no id.
    credential: str = field(default="", compare=False)


Arguments = Callable[[Facts], dict[str, Any]]


@dataclass(frozen=True)
class Sample:
    """Arguments with which a root field answers the owner without an error."""

    arguments: Arguments = field(default=lambda _: {})
    #: The status that the environment in the facts is to have.
    given: str = "running"


@dataclass(frozen=True)
class RouteSample:
    """A request with which a route answers the owner without an error."""

    path: Arguments = field(default=lambda _: {})
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    given: str = "running"


def _id(facts: Facts) -> dict[str, Any]:
    return {"id": facts.environment}


def _agent(facts: Facts) -> dict[str, Any]:
    return {"id": facts.agent}


def _policy(facts: Facts) -> dict[str, Any]:
    return {"id": facts.policy}


def _approval(facts: Facts) -> dict[str, Any]:
    return {"id": facts.approval}


RULES = [{"type": "rate_limit", "max_requests_per_minute": 1000}]
DRAFT = {"name": "draft", "rules": RULES}
#: What the policy in the facts wants approved.
APPROVED_ACTION = "private.refund"
SPAN = {"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}

_numbers = itertools.count(1)


SAMPLES: dict[str, Sample] = {
    "Query.environment": Sample(_id),
    "Query.environments": Sample(),
    "Query.environmentRecentLogs": Sample(_id),
    "Query.blueprintTemplates": Sample(),
    "Query.blueprintTemplate": Sample(lambda _: {"id": "hello"}),
    "Query.viewer": Sample(),
    "Query.apiKeys": Sample(),
    "Query.agent": Sample(_agent),
    "Query.agents": Sample(),
    "Query.policy": Sample(_policy),
    "Query.policies": Sample(),
    "Query.policyVersions": Sample(_policy),
    "Query.approval": Sample(_approval),
    "Query.approvals": Sample(),
    "Query.explainDecision": Sample(lambda _: {"input": {"action": "orders.refund", "resource": "orders/1"}}),
    "Query.backtestPolicy": Sample(lambda _: {"input": {"draft": DRAFT, **SPAN}}),
    "Query.liveness": Sample(),
    "Query.health": Sample(),
    "Query.readiness": Sample(),
    "Query.statusSummary": Sample(),
    "Query.node": Sample(_id),
    "Mutation.createEnvironment": Sample(lambda _: {"input": {"blueprint": BLUEPRINT}}),
    "Mutation.updateEnvironment": Sample(lambda facts: {**_id(facts), "input": {"name": "renamed"}}),
    "Mutation.stopEnvironment": Sample(_id),
    "Mutation.resumeEnvironment": Sample(_id, given="stopped"),
    "Mutation.retryEnvironment": Sample(_id, given="failed"),
    "Mutation.deleteEnvironment": Sample(_id),
    "Mutation.scaleEnvironmentService": Sample(
        lambda facts: {**_id(facts), "input": {"service": "web", "replicas": 2}}
    ),
    "Mutation.validateBlueprint": Sample(lambda _: {"input": {"blueprint": BLUEPRINT}}),
    "Mutation.createApiKey": Sample(lambda _: {"input": {"name": "deploy", "scopes": ["environments:read"]}}),
    "Mutation.revokeApiKey": Sample(lambda facts: {"id": facts.key}),
    "Mutation.enrollAgent": Sample(lambda _: {"input": {"name": "order-processor"}}),
    "Mutation.updateAgent": Sample(lambda facts: {**_agent(facts), "input": {"description": "renamed"}}),
    "Mutation.suspendAgent": Sample(_agent),
    "Mutation.resumeAgent": Sample(_agent),
    "Mutation.rotateAgentCredential": Sample(_agent),
    "Mutation.retireAgent": Sample(_agent),
    "Mutation.setAgentsEnabled": Sample(lambda _: {"enabled": True}),
    "Mutation.createPolicy": Sample(lambda _: {"input": {"name": "made", "rules": RULES}}),
    "Mutation.updatePolicy": Sample(lambda facts: {**_policy(facts), "input": {"description": "renamed"}}),
    "Mutation.setPolicyMode": Sample(lambda facts: {**_policy(facts), "mode": "MONITOR"}),
    "Mutation.archivePolicy": Sample(_policy),
    "Mutation.setDefaultDecision": Sample(lambda _: {"decision": "ALLOW"}),
    "Mutation.approveRequest": Sample(_approval),
    "Mutation.denyRequest": Sample(_approval),
    "Mutation.evaluatePolicy": Sample(
        lambda _: {"input": {"action": "orders.refund", "resource": "orders/1", "dryRun": True}}
    ),
    "Mutation.settleUsage": Sample(lambda facts: {"id": facts.decision, "usage": {"tokens": 1}}),
    "Subscription.policyDecisions": Sample(lambda _: {"follow": False}),
    "Subscription.environmentProgress": Sample(_id, given="terminated"),
    "Subscription.environmentLogs": Sample(_id, given="terminated"),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "CreateEnvironment": RouteSample(body={"blueprint": BLUEPRINT, "name": "made"}),
    "ListEnvironments": RouteSample(query={"limit": "10", "status": "running"}),
    "GetEnvironment": RouteSample(_id),
    "UpdateEnvironment": RouteSample(_id, body={"name": "renamed", "autoShutdown": "2h"}),
    "DeleteEnvironment": RouteSample(_id),
    "StopEnvironment": RouteSample(_id),
    "ResumeEnvironment": RouteSample(_id, given="stopped"),
    "RetryEnvironment": RouteSample(_id, given="failed"),
    "GetEnvironmentStatus": RouteSample(_id),
    "ScaleEnvironmentService": RouteSample(_id, body={"service": "web", "replicas": 2}),
    "ValidateBlueprint": RouteSample(body={"blueprint": BLUEPRINT}),
    "GetEnvironmentLogs": RouteSample(_id, query={"tail": "5", "service": "web"}),
    "EnvironmentProgress": RouteSample(_id, given="terminated"),
    "EnvironmentLogStream": RouteSample(_id, given="terminated"),
    "EnrollAgent": RouteSample(body={"name": "order-processor", "metadata": {"team": "commerce"}}),
    "ListAgents": RouteSample(query={"limit": "10"}),
    "GetAgent": RouteSample(_agent),
    "UpdateAgent": RouteSample(_agent, body={"description": "renamed"}),
    "SuspendAgent": RouteSample(_agent),
    "ResumeAgent": RouteSample(_agent),
    "RotateAgentCredential": RouteSample(_agent, body={"overlap": "1h"}),
    "RetireAgent": RouteSample(_agent),
    "CreatePolicy": RouteSample(body={"name": "made", "scope": "org", "rules": RULES}),
    "ListPolicies": RouteSample(query={"limit": "10"}),
    "GetPolicy": RouteSample(_policy),
    "UpdatePolicy": RouteSample(_policy, body={"description": "renamed"}),
    "EvaluatePolicy": RouteSample(body={"action": "orders.refund", "resource": "orders/1"}),
    "SettleUsage": RouteSample(lambda facts: {"id": facts.decision}, body={"tokens": 1}),
    "ExplainDecision": RouteSample(body={"action": "orders.refund", "resource": "orders/1"}),
    "BacktestPolicy": RouteSample(body={"draft": DRAFT, **SPAN}),
    "ListApprovals": RouteSample(query={"limit": "10"}),
    "GetApproval": RouteSample(_approval),
    "ApproveRequest": RouteSample(_approval),
    "DenyRequest": RouteSample(_approval),
    "GetHealth": RouteSample(),
    "GetLiveness": RouteSample(),
    "GetReadiness": RouteSample(),
    "GetHealthDetails": RouteSample(),
    "GetReady": RouteSample(),
    "GetStatusSummary": RouteSample(),
    "ListTemplates": RouteSample(),
    "GetTemplate": RouteSample(lambda _: {"id": "hello"}),
}

OPERATIONS: dict[str, RestOperation] = {operation.name: operation for operation in load(contract("graphql"))}
ROUTES = {name: operation for name, operation in OPERATIONS.items() if not operation.is_stream}
STREAMS = {name: operation for name, operation in OPERATIONS.items() if operation.is_stream}


async def facts(client: Client, given: str) -> Facts:
    """An environment in the given status, and a key, of the client's organization."""
    environment = await client.environment(given, name="private-name")
    made = await client.data('mutation { createApiKey(input: {name: "private-key"}) { id } }')
    return Facts(environment, made["createApiKey"]["id"], client.tenant.id, **await _governed(client))


async def _governed(client: Client) -> dict[str, str]:
    """An agent, a policy, an approval that the agent asked for, and an evaluation to settle."""
    rules, number = [{"type": "require_approval", "actions": [APPROVED_ACTION]}], next(_numbers)
    made = await client.data(
        "mutation ($agent: String!, $policy: String!, $rules: [PolicyRule!]!) {"
        " enrollAgent(input: {name: $agent}) { id credential }"
        " createPolicy(input: {name: $policy, rules: $rules}) { id } }",
        {"agent": f"private-agent-{number}", "policy": f"private-policy-{number}", "rules": rules},
    )
    agent = made["enrollAgent"]
    asked = await client.with_key(agent["credential"]).data(
        "mutation ($action: String!) {"
        ' asked: evaluatePolicy(input: {action: $action, resource: "private-order"}) { approvalId }'
        ' allowed: evaluatePolicy(input: {action: "private.read"}) { id } }',
        {"action": APPROVED_ACTION},
    )
    return {
        "agent": agent["id"],
        "credential": agent["credential"],
        "policy": made["createPolicy"]["id"],
        "approval": asked["asked"]["approvalId"],
        "decision": asked["allowed"]["id"],
    }


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
    assert not unset, f"the sample of {name} in tests/support/samples.py leaves out {', '.join(unset)}"
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
        parts = [f"... on {kind.name} {_fields(kind, depth, _clashing(kinds))}" for kind in kinds]
        return f"{{ __typename {' '.join(parts)} }}"
    return _fields(found, depth)


def _fields(kind: GraphQLObjectType, depth: int, clashing: frozenset[str] = frozenset()) -> str:
    fields = [
        f"{f'{kind.name}_{name}: ' if name in clashing else ''}{name} {everything(part.type, depth + 1)}"
        for name, part in kind.fields.items()
    ]
    return f"{{ {' '.join(fields)} }}"


def _clashing(kinds: Sequence[GraphQLObjectType]) -> frozenset[str]:
    """The names of fields that are of different types in these: one answer needs an alias for each."""
    types: dict[str, set[str]] = {}
    for kind in kinds:
        for name, part in kind.fields.items():
            types.setdefault(name, set()).add(str(part.type))
    return frozenset(name for name, found in types.items() if len(found) > 1)


def sampled(samples: dict[str, Any], names: Any) -> Iterator[str]:
    """The names that have a sample."""
    return (name for name in names if name in samples)


_CHANGING = [
    (re.compile(r"\b(env|key|org|usr|req|agt|pol|apr|dec|evt)_[0-9a-z]{26}"), r"\1_"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)"), "<time>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<address>"),
    (re.compile(r"private-(agent|policy)-\d+"), r"private-\1"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"(cred|sk_live)_[0-9A-Za-z]{6,36}"), r"\1_"),
    (re.compile(r'("(?:port|pid|uptimeSeconds|tookMicroseconds|took_microseconds)": ?)\d+'), r"\1 0"),
]


def steady(text: str) -> str:
    """An answer without what differs from call to call: ids, times, ports."""
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return text
