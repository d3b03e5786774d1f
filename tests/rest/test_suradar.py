"""SURADAR's documented requests and answers, replayed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio

AGENT: dict[str, Any] = {
    "name": "order-processor",
    "description": "Processes incoming purchase orders",
    "metadata": {"team": "commerce", "environment": "production"},
}
POLICY: dict[str, Any] = {
    "name": "production-rate-limit",
    "scope": "org",
    "rules": [
        {"type": "rate_limit", "max_requests_per_minute": 1000},
        {"type": "action_allowlist", "actions": ["read", "write"]},
    ],
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


async def _enrolled(client: Client) -> dict[str, Any]:
    answer = await client.post("/v1/agents", json={**AGENT, "org_id": client.tenant.id})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_an_agent_is_enrolled_as_documented(shared: Served) -> None:
    client = await shared.newcomer()

    made = await _enrolled(client)

    assert list(made) == ["id", "name", "status", "created_at", "credential"]
    assert re.fullmatch(r"agt_[0-9a-z]{26}", made["id"])
    assert (made["name"], made["status"]) == ("order-processor", "active")
    assert TIME.fullmatch(made["created_at"])
    assert re.fullmatch(r"cred_[0-9A-Za-z]{36}", made["credential"])


async def test_an_agent_is_read_as_documented(shared: Served) -> None:
    client = await shared.newcomer()
    made = await _enrolled(client)
    await client.with_key(made["credential"]).get("/v1/agents")

    answer = await client.get(f"/v1/agents/{made['id']}")

    found = answer.json()
    assert answer.status_code == 200
    assert list(found) == ["id", "name", "description", "status", "created_at", "last_active_at", "metadata"]
    assert TIME.fullmatch(found["last_active_at"])
    assert {key: found[key] for key in AGENT} == AGENT
    assert made["credential"] not in answer.text


async def test_a_policy_is_created_as_documented(shared: Served) -> None:
    client = await shared.newcomer()

    answer = await client.post("/v1/policies", json=POLICY)

    made = answer.json()
    assert answer.status_code == 201
    assert list(made) == ["id", "name", "scope", "status", "created_at"]
    assert re.fullmatch(r"pol_[0-9a-z]{26}", made["id"])
    assert (made["name"], made["scope"], made["status"]) == ("production-rate-limit", "org", "active")
    assert TIME.fullmatch(made["created_at"])
    assert (await client.get(f"/v1/policies/{made['id']}")).json()["rules"] == POLICY["rules"]


async def test_a_policy_is_in_force_at_once(shared: Served) -> None:
    client = await shared.newcomer()
    agent = client.with_key((await _enrolled(client))["credential"])
    await client.post("/v1/policies", json=POLICY)

    async def evaluate(action: str) -> dict[str, Any]:
        answer = await agent.post("/v1/policies/evaluate", json={"action": action, "resource": "orders/12345"})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    allowed, denied = await evaluate("write"), await evaluate("delete")

    assert (allowed["decision"], denied["decision"]) == ("allow", "deny")
    assert denied["reasons"][0]["code"] == "action_not_allowed"
    assert denied["reasons"][0]["policy_name"] == "production-rate-limit"
    assert denied["reasons"][0]["rule_index"] == 1


@pytest.mark.parametrize(("path", "body"), [("/v1/agents", AGENT), ("/v1/policies", POLICY)])
async def test_a_missing_name_is_told_as_documented(shared: Served, path: str, body: dict[str, Any]) -> None:
    without = {key: value for key, value in body.items() if key != "name"}

    answer = await shared.post(path, json=without)

    assert answer.status_code == 400
    assert answer.json() == {
        "error": {"code": "invalid_request", "message": "The 'name' field is required.", "status": 400}
    }


@pytest.mark.parametrize(
    "rules", [[{"type": "nonsense"}], [{"type": "rate_limit"}], ["read"], [{"type": "cedar", "text": "permit"}]]
)
async def test_a_wrong_rule_is_an_invalid_request(shared: Served, rules: list[Any]) -> None:
    answer = await shared.post("/v1/policies", json={**POLICY, "rules": rules})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"
    assert "rules" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("path", "body"), [("/v1/agents", AGENT), ("/v1/policies", POLICY)])
async def test_the_documented_error_codes(shared: Served, path: str, body: dict[str, Any]) -> None:
    client, stranger = await shared.newcomer(), await shared.newcomer()
    await client.post(path, json=body)

    answers = {
        "conflict": await client.post(path, json=body),
        "forbidden": await client.post(path, json={**body, "org_id": stranger.tenant.id}),
        "not_found": await client.get(f"{path}/none"),
        "unauthorized": await client.with_key(None).post(path, json=body),
    }

    statuses = {"conflict": 409, "forbidden": 403, "not_found": 404, "unauthorized": 401}
    for code, answer in answers.items():
        error = answer.json()["error"]
        assert (error["code"], error["status"], answer.status_code) == (code, statuses[code], statuses[code])
        assert list(error) == ["code", "message", "status"]


async def test_a_large_metadata_and_one_that_is_no_object_are_refused(shared: Served) -> None:
    for metadata in ({"text": "x" * 17_000}, [1], "text"):
        answer = await shared.post("/v1/agents", json={"name": "large", "metadata": metadata})
        assert answer.status_code == 400, answer.text


async def test_a_denied_route_says_so_with_403(shared: Served) -> None:
    client = await shared.newcomer()
    agent = client.with_key((await _enrolled(client))["credential"])
    rules = [{"type": "action_denylist", "actions": ["agents.read"]}]
    await client.post("/v1/policies", json={**POLICY, "rules": rules})

    answer = await agent.get("/v1/agents")

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "policy_denied"
