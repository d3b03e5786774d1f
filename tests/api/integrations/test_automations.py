"""Automations through the API: made, triggered from outside, run, told."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from app.core.actor import Role
from tests.support.receivers import Receiver, receiver
from tests.support.samples.automations import ended
from tests.support.serving import BLUEPRINT, Client, Served
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

RUNS = "query ($id: ID!) { automationRuns(id: $id) { nodes { id status trigger triggeredBy resource error } } }"


@pytest.fixture
async def taker() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


async def _workspace(client: Client) -> str:
    made = (await client.post("/api/v1/workspace", json={"name": "shop"})).json()
    return str(made["id"])


async def _make(client: Client, workspace: str, trigger: dict[str, Any], action: dict[str, Any]) -> dict[str, Any]:
    given = {"name": "nightly", "trigger": trigger, "action": action}
    response = await client.post(f"/api/v1/workspace/{workspace}/automations", json=given)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def _ran(client: Client, automation: str) -> dict[str, Any]:
    async def look() -> Any:
        nodes = (await client.data(RUNS, {"id": automation}))["automationRuns"]["nodes"]
        return [node for node in nodes if node["status"] not in ("PENDING", "RUNNING")]

    [run] = await until(look)
    found: dict[str, Any] = run
    return found


async def test_a_push_at_github_makes_an_environment(shared: Served) -> None:
    owner = await shared.newcomer()
    hook = (
        await owner.post(
            "/api/v1/webhook-integrations", json={"name": "g", "direction": "incoming", "scheme": "github"}
        )
    ).json()
    trigger = {"events": ["incoming.github.push"], "filter": {"body.ref": "refs/heads/main"}}
    action = {"kind": "create_environment", "blueprint": BLUEPRINT, "name": "$event.body.repository.name"}
    made = await _make(owner, await _workspace(owner), trigger, action)

    for ref in ("refs/heads/topic", "refs/heads/main"):
        body = json.dumps({"ref": ref, "repository": {"name": "shop-of-github"}}).encode()
        signature = "sha256=" + hmac.digest(hook["secret"].encode(), body, "sha256").hex()
        headers = {"X-Hub-Signature-256": signature, "X-GitHub-Event": "push"}
        path = f"/api/v1/webhooks/incoming?integration={hook['id']}"
        assert (await shared.with_key(None).post(path, content=body, headers=headers)).status_code == 200

    run = await _ran(owner, made["id"])
    assert (run["status"], run["trigger"], run["triggeredBy"]) == ("SUCCEEDED", "EVENT", "incoming.github.push")
    assert (await owner.reach(run["resource"], "running"))["name"] == "shop-of-github"


async def test_a_failed_environment_makes_a_signed_call(
    serve: Callable[..., Awaitable[Served]], taker: Receiver
) -> None:
    server = await serve(allow_private_webhooks=True)
    action = {"kind": "call", "url": taker.url, "body": {"text": "$event.message"}}
    made = await _make(server, await _workspace(server), {"events": ["environment.failed"]}, action)

    await server.environment("failed")

    run = await _ran(server, made["id"])
    [taken] = taker.taken
    Webhook(made["secret"]).verify(taken.body, taken.headers)
    assert run["status"] == "SUCCEEDED"
    assert "broken" in json.loads(taken.body)["text"]


async def test_a_run_by_hand_is_told_with_its_log_and_audited(shared: Served) -> None:
    owner = await shared.newcomer()
    made = await _make(
        owner, await _workspace(owner), {"cron": "0 0 1 1 *"}, {"kind": "create_environment", "blueprint": BLUEPRINT}
    )

    started = await owner.data("mutation ($id: ID!) { runAutomation(id: $id) { id status } }", {"id": made["id"]})
    run = await ended(owner, started["runAutomation"]["id"])

    assert (run["status"], run["triggeredBy"]) == ("SUCCEEDED", owner.tenant.user_id)
    assert [line["text"] for line in run["lines"]][-1].startswith("Asked for the environment shop")
    audited = await owner.data('{ auditEvents(filter: {action: "environment.create"}) { nodes { resource } } }')
    assert audited["auditEvents"]["nodes"] == [{"resource": run["resource"]}]


async def test_an_automation_is_listed_with_what_was_said_of_it(shared: Served) -> None:
    owner = await shared.newcomer()
    workspace = await _workspace(owner)
    trigger = {"cron": "30 9 * * 1-5", "timeZone": "Europe/Berlin"}
    made = await _make(owner, workspace, trigger, {"kind": "stop_environment", "environmentId": "env_x"})

    listed = (await owner.get(f"/api/v1/workspace/{workspace}/automations")).json()

    assert listed == [made["automation"]]
    assert listed[0]["trigger"] == {**trigger, "kind": "cron", "events": [], "filter": {}}
    assert listed[0]["action"] == {"kind": "stop_environment", "arguments": {"environment_id": "env_x"}}
    assert listed[0]["nextAt"]


@pytest.mark.parametrize(
    ("trigger", "action", "code"),
    [
        ({}, {"kind": "call", "url": "https://example.com"}, "bad_trigger"),
        ({"cron": "often"}, {"kind": "call", "url": "https://example.com"}, "bad_schedule"),
        ({"events": ["nothing"]}, {"kind": "call", "url": "https://example.com"}, "invalid_request"),
        ({"cron": "0 0 * * *"}, {"kind": "call"}, "bad_action"),
        ({"cron": "0 0 * * *"}, {"kind": "call", "url": "file:///etc/passwd"}, "bad_action"),
        ({"cron": "0 0 * * *"}, {"kind": "call", "url": "https://example.com", "method": "TRACE"}, "bad_action"),
        ({"cron": "0 0 * * *"}, {"kind": "create_environment"}, "bad_action"),
        ({"cron": "0 0 * * *"}, {"kind": "stop_environment", "environmentId": "x", "name": "y"}, "bad_action"),
    ],
)
async def test_what_is_no_automation(shared: Served, trigger: Any, action: Any, code: str) -> None:
    workspace = await _workspace(owner := await shared.newcomer())

    given = {"name": "nightly", "trigger": trigger, "action": action}
    response = await owner.post(f"/api/v1/workspace/{workspace}/automations", json=given)

    assert response.json()["error"]["code"] == code


async def test_a_broken_blueprint_is_refused_with_its_problems(shared: Served) -> None:
    owner = await shared.newcomer()
    action = {"kind": "CREATE_ENVIRONMENT", "blueprint": "services:\n  web: {rnu: serve}"}
    asked = "mutation ($id: ID!, $in: CreateAutomationInput!) { createAutomation(workspaceId: $id, input: $in) { id } }"
    given = {"name": "nightly", "trigger": {"cron": "0 0 1 1 *"}, "action": action}

    answer = await owner.ask(asked, {"id": await _workspace(owner), "in": given})

    [error] = answer["errors"]
    assert error["extensions"]["code"] == "BLUEPRINT_INVALID"
    assert "rnu" in json.dumps(error["extensions"])


async def test_a_blueprint_that_an_event_breaks_is_told_by_the_run(shared: Served) -> None:
    owner = await shared.newcomer()
    action = {"kind": "create_environment", "blueprint": {"services": {"web": {"run": "$event.nothing"}}}}
    made = await _make(owner, await _workspace(owner), {"cron": "0 0 1 1 *"}, action)

    await owner.data("mutation ($id: ID!) { runAutomation(id: $id) { id } }", {"id": made["id"]})

    run = await _ran(owner, made["id"])
    assert run["status"] == "FAILED"
    assert run["error"]


@pytest.mark.parametrize(
    "asked",
    [
        "mutation ($id: ID!) { runAutomation(id: $id, event: {a: NUMBER}) { id } }",
        "mutation ($id: ID!) { updateAutomation(id: $id, input: {trigger: "
        '{events: ["*"], filter: {a: NUMBER}}}) { id } }',
        "mutation ($id: ID!) { updateAutomation(id: $id, input: {action: "
        '{kind: CALL, url: "https://example.com", body: {a: NUMBER}}}) { id } }',
    ],
)
async def test_numbers_that_cannot_be_stored_are_told(shared: Served, asked: str) -> None:
    owner = await shared.newcomer()
    made = await _make(
        owner, await _workspace(owner), {"cron": "0 0 1 1 *"}, {"kind": "call", "url": "https://203.0.113.7/"}
    )

    assert await owner.code(asked.replace("NUMBER", "1" + "0" * 40), {"id": made["id"]}) == "INVALID_REQUEST"


async def test_a_deleted_workspace_takes_its_automations_along(shared: Served) -> None:
    owner = await shared.newcomer()
    workspace = await _workspace(owner)
    made = await _make(owner, workspace, {"cron": "0 0 1 1 *"}, {"kind": "call", "url": "https://203.0.113.7/"})

    assert (await owner.delete(f"/api/v1/workspace/{workspace}")).status_code == 200

    found = await owner.data("query ($id: ID!) { automation(id: $id) { id } }", {"id": made["id"]})
    assert found["automation"] is None


async def test_a_key_without_the_actions_scope_makes_no_automation(shared: Served) -> None:
    owner = await shared.newcomer()
    workspace = await _workspace(owner)
    narrow = await owner.as_(Role.OWNER, "workspaces:admin")
    given = {
        "name": "x",
        "trigger": {"cron": "0 0 * * *"},
        "action": {"kind": "stop_environment", "environmentId": "x"},
    }

    response = await narrow.post(f"/api/v1/workspace/{workspace}/automations", json=given)

    assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden")
