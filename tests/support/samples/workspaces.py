"""Workspaces and sessions."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.sampling import Facts, RouteSample, Sample
from tests.support.serving import Client

_numbers = itertools.count(1)


def _workspace(facts: Facts) -> dict[str, Any]:
    return {"id": facts["workspace"]}


def _session(facts: Facts) -> dict[str, Any]:
    return {"id": facts["work_session"]}


def _of_workspace(facts: Facts) -> dict[str, Any]:
    return {"workspaceId": facts["workspace"]}


def _new_session(facts: Facts) -> dict[str, Any]:
    return {"workspaceId": facts["workspace"], "name": "Fix the cart"}


SAMPLES: dict[str, Sample] = {
    "Query.workspace": Sample(_workspace, given="", needs=("workspace",)),
    "Query.workspaces": Sample(given=""),
    "Query.workspaceBranches": Sample(_of_workspace, given="", needs=("workspace",)),
    "Query.workspaceTemplates": Sample(given=""),
    "Query.session": Sample(_session, given="", needs=("work_session",)),
    "Query.sessions": Sample(_of_workspace, given="", needs=("work_session",)),
    "Query.defaultSession": Sample(_of_workspace, given="", needs=("workspace",), otherwise="NOT_FOUND"),
    "Mutation.createWorkspace": Sample(lambda _: {"input": {"name": "made"}}, given=""),
    "Mutation.updateWorkspace": Sample(
        lambda facts: {**_workspace(facts), "input": {"description": "renamed"}}, given="", needs=("workspace",)
    ),
    "Mutation.deleteWorkspace": Sample(_workspace, given="", needs=("workspace",)),
    "Mutation.createSession": Sample(lambda facts: {"input": _new_session(facts)}, given="", needs=("workspace",)),
    "Mutation.deleteSession": Sample(_session, given="", needs=("work_session",)),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "CreateWorkspace": RouteSample(body={"name": "made", "settings": {"theme": "dark"}}, given=""),
    "AutoCreateWorkspace": RouteSample(body={"template": "python-service", "name": "made"}, given=""),
    "ListWorkspaces": RouteSample(query={"limit": "10"}, given="", needs=("workspace",)),
    "GetWorkspace": RouteSample(_workspace, given="", needs=("workspace",)),
    "UpdateWorkspace": RouteSample(_workspace, body={"description": "renamed"}, given="", needs=("workspace",)),
    "DeleteWorkspace": RouteSample(_workspace, given="", needs=("workspace",)),
    "GetDefaultSession": RouteSample(_workspace, given="", needs=("workspace",)),
    "ListWorkspaceTemplates": RouteSample(given=""),
    "ListWorkspaceBranches": RouteSample(_workspace, given="", needs=("workspace",)),
    "CreateSession": RouteSample(body=_new_session, given="", needs=("workspace",)),
    "ListWorkspaceSessions": RouteSample(query={"limit": "10"}, given="", needs=("work_session",)),
    "GetSession": RouteSample(_session, given="", needs=("work_session",)),
    "DeleteSession": RouteSample(_session, given="", needs=("work_session",)),
    "ListSessionsOfWorkspace": RouteSample(
        lambda facts: {"workspace_id": facts["workspace"]}, given="", needs=("work_session",)
    ),
}


async def _make_workspace(client: Client) -> dict[str, str]:
    asked = "mutation ($name: String!) { createWorkspace(input: {name: $name}) { id } }"
    made = await client.data(asked, {"name": f"private-workspace-{next(_numbers)}"})
    return {"workspace": made["createWorkspace"]["id"]}


async def _make_session(client: Client) -> dict[str, str]:
    made = await _make_workspace(client)
    asked = 'mutation ($id: ID!) { createSession(input: {workspaceId: $id, name: "private-session"}) { id } }'
    return {**made, "work_session": (await client.data(asked, {"id": made["workspace"]}))["createSession"]["id"]}


PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {
    "workspace": _make_workspace,
    "work_session": _make_session,
}
