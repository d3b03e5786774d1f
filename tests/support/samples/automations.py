"""What workspaces do by themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.samples.workspaces import PREPARATIONS as WORKSPACES
from tests.support.sampling import Facts, RouteSample, Sample
from tests.support.serving import BLUEPRINT, Client
from tests.support.waiting import until

#: Not due while a test runs.
YEARLY = "0 0 1 1 *"


def _automation(facts: Facts) -> dict[str, Any]:
    return {"id": facts["automation"]}


def _of_workspace(facts: Facts) -> dict[str, Any]:
    return {"workspaceId": facts["workspace"]}


def _made(kind: str) -> dict[str, Any]:
    action = {"kind": kind, "blueprint": BLUEPRINT}
    return {"name": "nightly", "trigger": {"cron": YEARLY, "timeZone": "Europe/Berlin"}, "action": action}


CREATE = "CREATE_ENVIRONMENT"
SAMPLES: dict[str, Sample] = {
    "Query.automation": Sample(_automation, given="", needs=("automation",)),
    "Query.automations": Sample(_of_workspace, given="", needs=("automation",)),
    "Query.automationRun": Sample(lambda facts: {"id": facts["run"]}, given="", needs=("automation",)),
    "Query.automationRuns": Sample(_automation, given="", needs=("automation",)),
    "Subscription.automationRunLog": Sample(lambda facts: {"id": facts["run"]}, given="", needs=("automation",)),
    "Mutation.createAutomation": Sample(
        lambda facts: {**_of_workspace(facts), "input": _made(CREATE)}, given="", needs=("workspace",)
    ),
    "Mutation.updateAutomation": Sample(
        lambda facts: {**_automation(facts), "input": {"name": "renamed"}}, given="", needs=("automation",)
    ),
    "Mutation.enableAutomation": Sample(_automation, given="", needs=("automation",)),
    "Mutation.disableAutomation": Sample(_automation, given="", needs=("automation",)),
    "Mutation.rotateAutomationSecret": Sample(_automation, given="", needs=("automation",)),
    "Mutation.deleteAutomation": Sample(_automation, given="", needs=("automation",)),
    "Mutation.runAutomation": Sample(_automation, given="", needs=("automation",)),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "ListAutomations": RouteSample(
        lambda facts: {"workspace_id": facts["workspace"]}, query={"limit": "10"}, given="", needs=("automation",)
    ),
    "CreateAutomation": RouteSample(
        lambda facts: {"workspace_id": facts["workspace"]},
        body=_made(CREATE.lower()),
        given="",
        needs=("workspace",),
    ),
}


async def _make(client: Client) -> dict[str, str]:
    """An automation that calls nobody (TEST-NET-3), and a run of it that is over."""
    known = await WORKSPACES["workspace"](client)
    asked = "mutation ($id: ID!, $in: CreateAutomationInput!) { createAutomation(workspaceId: $id, input: $in) { id } }"
    action = {"kind": "CALL", "url": "https://203.0.113.7/private-call"}
    given = {"name": "private-automation", "trigger": {"cron": YEARLY}, "action": action}
    made = (await client.data(asked, {"id": known["workspace"], "in": given}))["createAutomation"]["id"]
    run = (await client.data("mutation ($id: ID!) { runAutomation(id: $id) { id } }", {"id": made}))["runAutomation"]
    await ended(client, run["id"])
    return {**known, "automation": made, "run": run["id"]}


async def ended(client: Client, run_id: str) -> dict[str, Any]:
    """A run that is over."""
    query = "query ($id: ID!) { automationRun(id: $id) { status error resource triggeredBy endedAt lines { text } } }"

    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] = (await client.data(query, {"id": run_id}))["automationRun"]
        return found if found["endedAt"] else None

    return await until(look)


PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {"automation": _make}
