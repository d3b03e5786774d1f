"""Webhooks through the API: what an organization makes, what arrives, what comes in."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.support.receivers import Receiver, receiver
from tests.support.serving import BROKEN, Client, Served
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

INCOMING = "/api/v1/webhooks/incoming"
INTEGRATION = "query ($id: ID!) { webhookIntegration(id: $id) { status events deadInRow url version } }"
DELIVERIES = """query ($id: ID!) { webhookDeliveries(id: $id) {
  nodes { id type status attempts responseStatus error data } } }"""


@pytest.fixture
async def taker() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


@pytest.fixture
async def reaching(serve: Callable[..., Awaitable[Served]]) -> Served:
    """A server whose webhooks may go to this machine."""
    return await serve(allow_private_webhooks=True)


async def _made(client: Client, **given: Any) -> dict[str, Any]:
    response = await client.post("/api/v1/webhook-integrations", json={"name": "hook", **given})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def _arrived(taker: Receiver, *types: str) -> None:
    async def look() -> bool:
        return {body["type"] for body in taker.bodies()} >= set(types)

    await until(look)


async def test_the_life_of_an_environment_arrives_signed(reaching: Served, taker: Receiver) -> None:
    made = await _made(reaching, url=taker.url, events=["environment.*"])

    environment = await reaching.running(name="shop")
    await reaching.post(f"/v1/environments/{environment}/stop")
    await reaching.reach(environment, "stopped")
    await reaching.delete(f"/v1/environments/{environment}")

    await _arrived(taker, "environment.created", "environment.running", "environment.stopped", "environment.terminated")
    for taken in taker.taken:
        Webhook(made["secret"]).verify(taken.body, taken.headers)
    assert {body["data"]["id"] for body in taker.bodies()} == {environment}  # type: ignore[index]


async def test_a_failure_and_a_suspension_and_a_question_arrive(reaching: Served, taker: Receiver) -> None:
    from tests.support.preparations import PREPARATIONS

    await _made(reaching, url=taker.url)

    await reaching.environment("failed", blueprint=BROKEN)
    known = await PREPARATIONS["governed"](reaching)
    await reaching.data("mutation ($id: ID!) { suspendAgent(id: $id) { id } }", {"id": known["agent"]})

    await _arrived(taker, "environment.failed", "approval.requested", "agent.suspended")
    [suspended] = [body for body in taker.bodies() if body["type"] == "agent.suspended"]
    assert suspended["data"]["id"] == known["agent"]  # type: ignore[index]


async def test_a_test_delivery_is_told_with_its_answer(reaching: Served, taker: Receiver) -> None:
    made = await _made(reaching, url=taker.url, events=["agent.suspended"])
    taker.status = 202

    await reaching.data("mutation ($id: ID!) { testWebhookIntegration(id: $id) { id } }", {"id": made["id"]})

    async def delivered() -> Any:
        nodes = (await reaching.data(DELIVERIES, {"id": made["id"]}))["webhookDeliveries"]["nodes"]
        return nodes if nodes and nodes[0]["status"] == "DELIVERED" else None

    [delivery] = await until(delivered)
    assert (delivery["type"], delivery["attempts"], delivery["responseStatus"]) == ("webhook.test", 1, 202)


async def test_a_private_address_is_never_asked(server: Served, taker: Receiver) -> None:
    made = await _made(server, url=taker.url)

    await server.data("mutation ($id: ID!) { testWebhookIntegration(id: $id) { id } }", {"id": made["id"]})

    async def failed() -> Any:
        [node] = (await server.data(DELIVERIES, {"id": made["id"]}))["webhookDeliveries"]["nodes"]
        return node["error"]

    assert "ALLOW_PRIVATE_WEBHOOKS" in await until(failed)
    assert taker.taken == []


async def test_what_github_sends_is_taken_once(server: Served) -> None:
    made = await _made(server, direction="incoming", scheme="github")
    body = b'{"ref": "refs/heads/main"}'
    headers = {
        "X-Hub-Signature-256": "sha256=" + hmac.digest(made["secret"].encode(), body, "sha256").hex(),
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "1",
    }
    path = made["integration"]["url"].partition("8000")[2]
    github = server.with_key(None)

    first = await github.post(path, content=body, headers=headers)
    second = await github.post(path, content=body, headers=headers)
    forged = await github.post(path, content=body + b" ", headers=headers)

    assert path == f"{INCOMING}?integration={made['id']}"
    assert (first.status_code, first.json()) == (200, {"received": True, "duplicate": False})
    assert second.json() == {"received": True, "duplicate": True}
    assert (forged.status_code, forged.json()["error"]["code"]) == (401, "signature_invalid")
    asked = "query ($id: ID!) { incomingWebhooks(id: $id) { nodes { type body deliveryId } } }"
    [came] = (await server.data(asked, {"id": made["id"]}))["incomingWebhooks"]["nodes"]
    assert came == {"type": "incoming.github.push", "body": {"ref": "refs/heads/main"}, "deliveryId": "1"}


@pytest.mark.parametrize(
    ("path", "status"),
    [(INCOMING, 404), (f"{INCOMING}?integration=whk_{'0' * 26}", 404), ("/v1/webhooks/incoming?integration=x", 404)],
)
async def test_an_unknown_integration_takes_nothing(shared: Served, path: str, status: int) -> None:
    response = await shared.with_key(None).post(path, content=b"{}")

    assert response.status_code == status


async def test_a_body_that_is_too_large_is_not_taken(shared: Served) -> None:
    made = await _made(await shared.newcomer(), direction="incoming", scheme="gitlab")
    path = f"{INCOMING}?integration={made['id']}"

    response = await shared.with_key(None).post(
        path, content=b" " * 300_000, headers={"X-Gitlab-Token": made["secret"]}
    )

    assert response.status_code == 413


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "invalid_request"),
        ({"url": "ftp://example.com/"}, "webhook_address_refused"),
        ({"url": "https://user:secret@example.com/"}, "webhook_address_refused"),
        ({"url": "https://example.com/", "events": []}, "invalid_request"),
        ({"url": "https://example.com/", "events": ["nothing.*"]}, "invalid_request"),
        ({"url": "https://example.com/", "events": ["incoming.github.push"]}, "invalid_request"),
        ({"url": "https://example.com/", "secret": "a secret of my own"}, "wrong_direction"),
        ({"url": "https://example.com/", "scheme": "github"}, "wrong_direction"),
        ({"direction": "incoming", "url": "https://example.com/"}, "wrong_direction"),
        ({"direction": "incoming", "secret": "short"}, "invalid_request"),
        ({"direction": "incoming", "secret": "whsec_" + "=" * 30}, "invalid_request"),
        ({"direction": "incoming", "secret": "whsec_not base64, not at all!"}, "invalid_request"),
        ({"name": " ", "url": "https://example.com/"}, "invalid_request"),
    ],
)
async def test_what_is_no_integration(shared: Served, given: dict[str, Any], code: str) -> None:
    response = await shared.post("/api/v1/webhook-integrations", json={"name": "hook", **given})

    assert response.json()["error"]["code"] == code


async def test_a_rotation_shows_a_new_secret_and_the_list_shows_none(shared: Served) -> None:
    owner = await shared.newcomer()
    made = await _made(owner, url="https://example.com/")

    asked = "mutation ($id: ID!) { rotateWebhookSecret(id: $id, overlap: 60) { secret integration { version } } }"
    rotated = (await owner.data(asked, {"id": made["id"]}))["rotateWebhookSecret"]
    listed = await owner.get("/api/v1/webhook-integrations")

    assert rotated["secret"] != made["secret"]
    assert rotated["integration"]["version"] == 2
    assert "secret" not in listed.text.replace("previousSecretExpiresAt", "")


async def test_a_deleted_integration_is_gone_with_its_deliveries(shared: Served) -> None:
    owner = await shared.newcomer()
    made = await _made(owner, url="https://203.0.113.7/")
    await owner.data("mutation ($id: ID!) { testWebhookIntegration(id: $id) { id } }", {"id": made["id"]})

    await owner.data("mutation ($id: ID!) { deleteWebhookIntegration(id: $id) { id } }", {"id": made["id"]})

    assert (await owner.data(INTEGRATION, {"id": made["id"]}))["webhookIntegration"] is None
    assert await owner.code(DELIVERIES, {"id": made["id"]}) == "NOT_FOUND"


async def test_the_types_of_events_are_told(shared: Served) -> None:
    told = (await shared.data("{ webhookEventTypes { name description } }"))["webhookEventTypes"]

    assert {"environment.running", "agent.suspended", "approval.requested"} <= {each["name"] for each in told}
