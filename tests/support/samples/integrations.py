"""Webhooks, and connections to code hosts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.sampling import Facts, RouteSample, Sample
from tests.support.serving import Client

#: Nobody's (TEST-NET-3): refused before anything is sent.
ADDRESS = "https://203.0.113.7/hook"


def _webhook(facts: Facts) -> dict[str, Any]:
    return {"id": facts["webhook"]}


def _delivery(facts: Facts) -> dict[str, Any]:
    return {"id": facts["delivery"]}


OUTGOING = {"name": "hook", "url": ADDRESS, "events": ["environment.*"]}
SAMPLES: dict[str, Sample] = {
    "Query.webhookIntegration": Sample(_webhook, given="", needs=("webhook",)),
    "Query.webhookIntegrations": Sample(given=""),
    "Query.webhookDeliveries": Sample(_webhook, given="", needs=("webhook",)),
    "Query.incomingWebhooks": Sample(_webhook, given="", needs=("webhook",)),
    "Query.webhookEventTypes": Sample(given=""),
    "Mutation.createWebhookIntegration": Sample(lambda _: {"input": OUTGOING}, given=""),
    "Mutation.updateWebhookIntegration": Sample(
        lambda facts: {**_webhook(facts), "input": {"name": "renamed"}}, given="", needs=("webhook",)
    ),
    "Mutation.rotateWebhookSecret": Sample(_webhook, given="", needs=("webhook",)),
    "Mutation.deleteWebhookIntegration": Sample(_webhook, given="", needs=("webhook",)),
    "Mutation.testWebhookIntegration": Sample(_webhook, given="", needs=("webhook",)),
    "Mutation.redeliverWebhook": Sample(_delivery, given="", needs=("webhook",)),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "CreateWebhookIntegration": RouteSample(body=OUTGOING, given=""),
    "ListWebhookIntegrations": RouteSample(query={"limit": "10"}, given="", needs=("webhook",)),
}


async def _made_webhook(client: Client) -> dict[str, str]:
    asked = "mutation ($input: CreateWebhookIntegrationInput!) { createWebhookIntegration(input: $input) { id } }"
    given = {"name": "private-hook", "url": f"{ADDRESS}?private-token", "events": ["agent.suspended"]}
    made = (await client.data(asked, {"input": given}))["createWebhookIntegration"]["id"]
    sent = await client.data("mutation ($id: ID!) { testWebhookIntegration(id: $id) { id } }", {"id": made})
    return {"webhook": made, "delivery": sent["testWebhookIntegration"]["id"]}


PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {"webhook": _made_webhook}
