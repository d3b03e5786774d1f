"""Terminals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.samples.workspaces import PREPARATIONS as OF_WORKSPACES
from tests.support.sampling import Facts, Sample
from tests.support.serving import Client


def _terminal(facts: Facts) -> dict[str, Any]:
    return {"id": facts["terminal"]}


def _of_session(facts: Facts) -> dict[str, Any]:
    return {"sessionId": facts["work_session"]}


SAMPLES: dict[str, Sample] = {
    "Query.terminal": Sample(_terminal, given="", needs=("terminal",)),
    "Query.terminals": Sample(_of_session, given="", needs=("terminal",)),
    "Mutation.openTerminal": Sample(
        lambda facts: {**_of_session(facts), "input": {"command": ["cat"]}}, given="", needs=("work_session",)
    ),
    "Mutation.writeTerminal": Sample(
        lambda facts: {**_terminal(facts), "input": {"text": "ls\r"}}, given="", needs=("terminal",)
    ),
    "Mutation.resizeTerminal": Sample(
        lambda facts: {**_terminal(facts), "columns": 132, "rows": 43}, given="", needs=("terminal",)
    ),
    "Mutation.closeTerminal": Sample(_terminal, given="", needs=("terminal",)),
    "Mutation.createTerminalTicket": Sample(_terminal, given="", needs=("terminal",)),
    "Subscription.terminalOutput": Sample(_terminal, given="", needs=("ended_terminal",)),
}

ROUTE_SAMPLES: dict[str, Any] = {}


async def _open(client: Client) -> dict[str, str]:
    made = await OF_WORKSPACES["work_session"](client)
    asked = 'mutation ($id: ID!) { openTerminal(sessionId: $id, input: {command: ["private-program"]}) { id } }'
    return {**made, "terminal": (await client.data(asked, {"id": made["work_session"]}))["openTerminal"]["id"]}


async def _ended(client: Client) -> dict[str, str]:
    made = await _open(client)
    await client.data("mutation ($id: ID!) { closeTerminal(id: $id) { id } }", {"id": made["terminal"]})
    return made


PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {"terminal": _open, "ended_terminal": _ended}
