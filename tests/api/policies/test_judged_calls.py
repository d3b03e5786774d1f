"""Agents call the API: every call is judged once, and told once in the audit log."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.audit.models import AuditResult
from app.audit.repository import ALL_EVENTS
from resolvers import access
from resolvers.access import Guard, root_access
from resolvers.schema import build_schema
from tests.accounting.test_roles import MATRIX
from tests.support.samples import SAMPLES, SIGNING_IN, Facts, Sample, document, facts
from tests.support.serving import Client, Served
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

#: Signing in is nobody's call, whoever makes it.
PERMITTED = sorted(
    name
    for name, row in MATRIX.items()
    if row["agent"] == "yes" and name.partition(".")[2] not in SIGNING_IN and not SAMPLES[name].otherwise
)
CREATE = 'mutation ($rules: [PolicyRule!]!) { createPolicy(input: {name: "guard", rules: $rules}) { id } }'
LIST = "{ environments { nodes { id } } }"


def _guards() -> dict[str, Guard]:
    """`Query.environment` -> its guard."""
    schema, found = build_schema(), {}
    for root in (schema.query, schema.mutation, schema.subscription):
        definition = root.__strawberry_definition__  # type: ignore[union-attr]
        for field in definition.fields:
            name = f"{definition.name}.{schema.config.name_converter.get_graphql_name(field)}"
            found[name] = next(item for item in field.extensions if isinstance(item, Guard))
    return found


GUARDS = _guards()
JUDGED = [name for name in PERMITTED if GUARDS[name].judged]


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Judging is no matter of the database; what is counted there is tested with both."""
    name: str = request.param
    return name


async def _call(client: Client, name: str, known: Facts) -> dict[str, Any]:
    arguments = SAMPLES[name].arguments(known)
    query = document(name, arguments)
    if name.startswith("Subscription."):
        return (await client.stream(query, arguments))[0]
    return await client.ask(query, arguments)


async def _agent(shared: Served, sample: Sample = Sample()) -> tuple[Client, Client, Facts]:
    owner = await shared.newcomer()
    known = await facts(owner, replace(sample, needs=tuple(dict.fromkeys([*sample.needs, "governed"]))))
    return owner, owner.with_key(known["credential"]), known


async def _events(client: Client) -> list[Any]:
    return await client.tenant.work().all(ALL_EVENTS)


def test_only_what_asks_the_policies_or_signs_in_is_not_judged_by_them() -> None:
    assert {name for name, guard in GUARDS.items() if not guard.judged} == {
        *(f"Mutation.{name}" for name in SIGNING_IN),
        "Mutation.evaluatePolicy",
        "Mutation.settleUsage",
        "Query.explainDecision",
    }
    assert set(GUARDS) == set(SAMPLES)
    assert {name.partition(".")[2] for name in GUARDS} == set(root_access(build_schema()))


@pytest.mark.parametrize("name", PERMITTED)
async def test_every_call_of_an_agent_is_exactly_one_event(shared: Served, name: str) -> None:
    owner, agent, known = await _agent(shared, SAMPLES[name])
    before = await _events(owner)

    answer = await _call(agent, name, known)

    assert "errors" not in answer, answer
    [event] = (await _events(owner))[len(before) :]
    assert (event.agent_id, event.user_id) == (known["agent"], "")
    assert event.result is AuditResult.ALLOWED
    if name in JUDGED:
        assert len(event.policy_set_hash) == len(event.arguments_hash) == 64
        assert event.action == GUARDS[name].question(SAMPLES[name].arguments(known)).action


@pytest.mark.parametrize("name", JUDGED)
async def test_a_denylist_of_its_action_refuses_a_call(shared: Served, name: str) -> None:
    owner, agent, known = await _agent(shared, SAMPLES[name])
    action = GUARDS[name].question(SAMPLES[name].arguments(known)).action
    await owner.data(CREATE, {"rules": [{"type": "action_denylist", "actions": [action]}]})
    before = await _events(owner)

    answer = await _call(agent, name, known)

    error = answer["errors"][0]["extensions"]
    assert error["code"] == "POLICY_DENIED"
    assert error["reasons"][0]["code"] == "action_denied"
    [event] = (await _events(owner))[len(before) :]
    assert (event.result, event.action, event.agent_id) == (AuditResult.DENIED, action, known["agent"])
    assert event.reasons == error["reasons"]


async def test_the_allowlist_of_the_documentation_means_what_it_says(shared: Served) -> None:
    owner, agent, known = await _agent(shared)
    await owner.data(CREATE, {"rules": [{"type": "action_allowlist", "actions": ["read"]}]})

    stopped = await _call(agent, "Mutation.stopEnvironment", known)

    assert await agent.data(LIST)
    assert stopped["errors"][0]["extensions"]["code"] == "POLICY_DENIED"


async def test_an_object_cannot_be_read_around_its_scope(shared: Served) -> None:
    owner, agent, known = await _agent(shared)
    await owner.data(CREATE, {"rules": [{"type": "action_denylist", "actions": ["environments.read"]}]})

    assert await agent.code("query ($id: ID!) { node(id: $id) { id } }", {"id": known.environment}) == "POLICY_DENIED"
    assert await agent.code("query ($id: ID!) { node(id: $id) { id } }", {"id": known["agent"]}) == ""


async def test_a_change_that_fails_is_one_failed_event(shared: Served) -> None:
    owner, agent, _ = await _agent(shared)
    before = await _events(owner)

    code = await agent.code("mutation ($id: ID!) { resumeEnvironment(id: $id) { id } }", {"id": "env_" + "0" * 26})

    [event] = (await _events(owner))[len(before) :]
    assert (code, event.result, event.action) == ("NOT_FOUND", AuditResult.FAILED, "environment.resume")
    assert event.details["error"] == "NOT_FOUND"


async def test_an_approved_call_of_the_api_passes_once(shared: Served) -> None:
    owner, agent, known = await _agent(shared)
    await owner.data(CREATE, {"rules": [{"type": "require_approval", "actions": ["environment.update"]}]})
    query = "mutation ($id: ID!, $name: String!) { updateEnvironment(id: $id, input: {name: $name}) { name } }"
    given = {"id": known.environment, "name": "renamed"}

    asked = (await agent.ask(query, given))["errors"][0]["extensions"]
    approve = "mutation ($id: ID!) { approveRequest(id: $id) { status arguments resource } }"
    refused = await agent.code(approve, {"id": asked["approvalId"]})
    approved = (await owner.data(approve, {"id": asked["approvalId"]}))["approveRequest"]
    other = await agent.code(query, {**given, "name": "another"})
    passed, again = await agent.code(query, given), await agent.code(query, given)

    assert (asked["code"], refused) == ("APPROVAL_REQUIRED", "FORBIDDEN")
    assert approved["arguments"] == {"id": known.environment, "input": {"name": "renamed"}, "ifVersion": None}
    assert approved["resource"] == known.environment
    assert (other, passed, again) == ("APPROVAL_REQUIRED", "", "APPROVAL_REQUIRED")


async def test_a_suspended_retired_or_switched_off_agent_is_told_what_to_do(shared: Served) -> None:
    owner, agent, known = await _agent(shared)

    async def after(field: str) -> tuple[int, str]:
        await owner.data(f"mutation {{ {field} {{ id }} }}")
        answer = await agent.get("/v1/agents")
        return answer.status_code, (await agent.ask(LIST)).get("errors", [{}])[0].get("message", "")

    one = f'id: "{known["agent"]}"'
    assert await after("setAgentsEnabled(enabled: false)") == (
        403,
        "All agents of this organization are switched off. Ask an admin to switch them on (`setAgentsEnabled`).",
    )
    assert await after("setAgentsEnabled(enabled: true)") == (200, "")
    assert await after(f"suspendAgent({one})") == (
        403,
        "This agent is suspended. Ask an admin to resume it (`resumeAgent`).",
    )
    assert await after(f"resumeAgent({one})") == (200, "")
    assert (await after(f"retireAgent({one})"))[0] == 401


async def test_a_rotated_credential_is_valid_for_its_overlap(shared: Served) -> None:
    owner, agent, known = await _agent(shared)
    rotate = (
        "mutation ($id: ID!, $overlap: Duration) { rotateAgentCredential(id: $id, overlap: $overlap) { credential } }"
    )

    kept = (await owner.data(rotate, {"id": known["agent"], "overlap": "1h"}))["rotateAgentCredential"]["credential"]
    both = [await client.code(LIST) for client in (agent, owner.with_key(kept))]
    last = (await owner.data(rotate, {"id": known["agent"], "overlap": 0}))["rotateAgentCredential"]["credential"]
    codes = [await client.code(LIST) for client in (agent, owner.with_key(kept), owner.with_key(last))]

    assert both == ["", ""]
    assert codes == ["UNAUTHORIZED", "UNAUTHORIZED", ""]


async def test_a_viewer_can_be_an_agent(shared: Served) -> None:
    _, agent, known = await _agent(shared)

    viewer = (await agent.data("{ viewer { userId name email role agent { id } } }"))["viewer"]

    assert viewer.pop("name").startswith("private-agent")
    assert viewer == {"userId": None, "email": None, "role": None, "agent": {"id": known["agent"]}}


async def test_an_agent_evaluates_for_itself_only(shared: Served) -> None:
    owner, agent, known = await _agent(shared)
    other = (await owner.data('mutation { enrollAgent(input: {name: "other"}) { id } }'))["enrollAgent"]["id"]
    query = 'mutation ($id: ID) { evaluatePolicy(input: {action: "x", agentId: $id}) { decision } }'

    own, foreign = await agent.code(query, {"id": known["agent"]}), await agent.code(query, {"id": other})

    assert (own, foreign, await owner.code(query, {"id": other})) == ("", "FORBIDDEN", "")


async def test_an_evaluation_is_audited_under_its_own_action(shared: Served) -> None:
    owner, agent, known = await _agent(shared)

    await agent.data(
        "mutation ($arguments: JSON) { evaluatePolicy(input: "
        '{action: "write", resource: "orders/12345", arguments: $arguments}) { decision } }',
        {"arguments": {"amount": 1, "apiKey": "hidden"}},
    )

    event = (await _events(owner))[-1]
    assert (event.action, event.resource, event.agent_id) == ("write", "orders/12345", known["agent"])
    assert event.details["arguments"] == {"amount": 1, "apiKey": "***"}


async def test_denials_are_watched_live_and_resumed(shared: Served) -> None:
    owner, agent, _ = await _agent(shared)
    await owner.data(CREATE, {"rules": [{"type": "action_denylist", "actions": ["environments.read"]}]})
    for _ in range(3):
        await agent.ask(LIST)
    query = (
        "subscription ($after: String, $results: [DecisionEventKind!]) {"
        " policyDecisions(after: $after, results: $results, follow: false) { cursor kind action end { reason } } }"
    )

    async def seen(**given: Any) -> list[tuple[str, str, str]]:
        found = [item["data"]["policyDecisions"] for item in await owner.stream(query, given)]
        return [(item["cursor"], item["kind"], item["action"]) for item in found]

    assert await seen() == [
        ("1", "ESCALATED", "private.refund"),
        *((str(number), "DENIED", "environments.read") for number in (2, 3, 4)),
        ("4", "END", ""),
    ]
    assert await seen(after="3", results=["DENIED"]) == [("4", "DENIED", "environments.read"), ("4", "END", "")]


async def test_a_backtest_tells_what_a_draft_would_have_changed(shared: Served) -> None:
    owner, agent, known = await _agent(shared)
    await agent.data(LIST)
    draft = {"name": "draft", "rules": [{"type": "action_denylist", "actions": ["environments.read"]}]}
    query = (
        "query ($input: BacktestPolicyInput!) { backtestPolicy(input: $input) {"
        " examined newlyDenied newlyAllowed changed { agentId action before after reasons { code } } } }"
    )
    span = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}

    found = (await owner.data(query, {"input": {"draft": draft, **span}}))["backtestPolicy"]
    open_ = {"name": "draft", "rules": []}
    lifted = (await owner.data(query, {"input": {"draft": open_, "replaces": known["policy"], **span}}))[
        "backtestPolicy"
    ]

    assert (found["examined"], found["newlyDenied"], found["newlyAllowed"]) == (3, 1, 0)
    assert found["changed"] == [
        {
            "agentId": known["agent"],
            "action": "environments.read",
            "before": "ALLOW",
            "after": "DENY",
            "reasons": [{"code": "action_denied"}],
        }
    ]
    assert (lifted["newlyAllowed"], lifted["newlyDenied"]) == (1, 0)


async def test_the_stream_of_a_suspended_agent_ends(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "LOOK_AGAIN_SECONDS", 0.0)
    owner, agent, known = await _agent(shared)
    query = "subscription ($id: ID!) { environmentProgress(id: $id) { message } }"
    await owner.data("mutation ($id: ID!) { suspendAgent(id: $id) { id } }", {"id": known["agent"]})
    await owner.data("mutation ($id: ID!) { resumeAgent(id: $id) { id } }", {"id": known["agent"]})
    watching = asyncio.create_task(agent.stream(query, {"id": known.environment}))

    async def watched() -> bool:
        return any(event.action == "environments.read" for event in await _events(owner))

    await until(watched)
    await owner.data("mutation ($id: ID!) { suspendAgent(id: $id) { id } }", {"id": known["agent"]})
    await owner.data("mutation ($id: ID!) { stopEnvironment(id: $id) { id } }", {"id": known.environment})
    async with asyncio.timeout(10):
        results = await watching

    assert results[-1]["errors"][0]["extensions"]["code"] == "AGENT_SUSPENDED"


async def test_evaluations_at_once_are_answered_and_told_one_by_one(shared: Served) -> None:
    owner, agent, _ = await _agent(shared)
    await owner.data(CREATE, {"rules": [{"type": "budget", "metric": "calls", "limit": 5, "period": "month"}]})
    before = await _events(owner)
    asked = 'mutation { evaluatePolicy(input: {action: "orders.refund"}) { decision } }'

    answers = await asyncio.gather(*(agent.data(asked) for _ in range(40)))

    decisions = [answer["evaluatePolicy"]["decision"] for answer in answers]
    events = (await _events(owner))[len(before) :]
    assert (decisions.count("ALLOW"), decisions.count("DENY")) == (5, 35)
    assert [event.result for event in events].count(AuditResult.ALLOWED) == 5
    assert len(events) == 40
