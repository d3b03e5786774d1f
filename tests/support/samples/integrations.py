"""Webhooks, and connections to code hosts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.code_hosts import GOOD, code_hosts
from tests.support.sampling import Facts, RouteSample, Sample
from tests.support.serving import Client

#: Nobody's (TEST-NET-3): refused before anything is sent.
ADDRESS = "https://203.0.113.7/hook"


def _webhook(facts: Facts) -> dict[str, Any]:
    return {"id": facts["webhook"]}


def _delivery(facts: Facts) -> dict[str, Any]:
    return {"id": facts["delivery"]}


def _code_host(facts: Facts) -> dict[str, Any]:
    return {"id": facts["code_host"]}


def _github(_: Facts) -> dict[str, Any]:
    return {"token": GOOD, "baseUrl": code_hosts().github}


OUTGOING = {"name": "hook", "url": ADDRESS, "events": ["environment.*"]}
SAMPLES: dict[str, Sample] = {
    "Query.webhookIntegration": Sample(_webhook, given="", needs=("webhook",)),
    "Query.webhookIntegrations": Sample(given=""),
    "Query.webhookDeliveries": Sample(_webhook, given="", needs=("webhook",)),
    "Query.incomingWebhooks": Sample(_webhook, given="", needs=("webhook",)),
    "Query.webhookEventTypes": Sample(given=""),
    "Query.codeHostConnection": Sample(lambda _: {"host": "GITHUB"}, given="", needs=("code_host",)),
    "Query.codeHostConnections": Sample(given="", needs=("code_host",)),
    "Query.dockerImages": Sample(lambda _: {"words": "postgres"}, given=""),
    "Query.dockerImageTags": Sample(lambda _: {"image": "postgres"}, given=""),
    "Mutation.connectCodeHost": Sample(lambda facts: {"input": {"host": "GITHUB", **_github(facts)}}, given=""),
    "Mutation.rotateCodeHostToken": Sample(
        lambda facts: {**_code_host(facts), "token": GOOD}, given="", needs=("code_host",)
    ),
    "Mutation.disconnectCodeHost": Sample(_code_host, given="", needs=("code_host",)),
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
    "GetGitHubIntegration": RouteSample(query={"first": "2"}, given="", needs=("code_host",)),
    "GetGitLabIntegration": RouteSample(given="", needs=("code_host",)),
    "GetBitbucketIntegration": RouteSample(given="", needs=("code_host",)),
    "ConnectGitHubIntegration": RouteSample(body=_github, given=""),
    "ConnectGitLabIntegration": RouteSample(body=lambda _: {"token": GOOD, "baseUrl": code_hosts().gitlab}, given=""),
    "ConnectBitbucketIntegration": RouteSample(
        body=lambda _: {"token": GOOD, "baseUrl": code_hosts().bitbucket, "username": "me@example.com"}, given=""
    ),
    "CreateWebhookIntegration": RouteSample(body=OUTGOING, given=""),
    "ListWebhookIntegrations": RouteSample(query={"limit": "10"}, given="", needs=("webhook",)),
}


async def _made_webhook(client: Client) -> dict[str, str]:
    asked = "mutation ($input: CreateWebhookIntegrationInput!) { createWebhookIntegration(input: $input) { id } }"
    given = {"name": "private-hook", "url": f"{ADDRESS}?private-token", "events": ["agent.suspended"]}
    made = (await client.data(asked, {"input": given}))["createWebhookIntegration"]["id"]
    sent = await client.data("mutation ($id: ID!) { testWebhookIntegration(id: $id) { id } }", {"id": made})
    return {"webhook": made, "delivery": sent["testWebhookIntegration"]["id"]}


async def _connected(client: Client) -> dict[str, str]:
    hosts = code_hosts()
    asked = "mutation ($input: ConnectCodeHostInput!) { connectCodeHost(input: $input) { id } }"
    made = ""
    for host, address in (("BITBUCKET", hosts.bitbucket), ("GITLAB", hosts.gitlab), ("GITHUB", hosts.github)):
        given = {"host": host, "token": GOOD, "baseUrl": address}
        made = (await client.data(asked, {"input": given}))["connectCodeHost"]["id"]
    return {"code_host": made}


PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {
    "webhook": _made_webhook,
    "code_host": _connected,
}
