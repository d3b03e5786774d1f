"""Pull requests and reviews."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.samples.version_control import PREPARATIONS as VERSION_CONTROL
from tests.support.sampling import Facts, RouteSample, Sample
from tests.support.serving import Client


def _of(facts: Facts) -> dict[str, Any]:
    return {"workspaceId": facts["workspace"], "id": facts["pull_request"]}


def _in_session(facts: Facts) -> dict[str, Any]:
    return {**_of(facts), "sessionId": facts["work_session"]}


def _path(facts: Facts) -> dict[str, Any]:
    return {"workspace_id": facts["workspace"], "id": facts["pull_request"]}


def _session_path(facts: Facts) -> dict[str, Any]:
    return {**_path(facts), "session_id": facts["work_session"]}


def _opened(facts: Facts) -> dict[str, Any]:
    return {"title": "The file", "sourceBranch": facts["branch"]}


_COMMENT = {"path": "private-file", "line": 1, "body": "Why?"}

SAMPLES: dict[str, Sample] = {
    "Query.pullRequest": Sample(lambda facts: {"id": facts["pull_request"]}, given="", needs=("pull_request",)),
    "Query.pullRequests": Sample(lambda facts: {"workspaceId": facts["workspace"]}, given="", needs=("pull_request",)),
    "Query.pullRequestCounts": Sample(
        lambda facts: {"workspaceId": facts["workspace"]}, given="", needs=("pull_request",)
    ),
    "Query.conflictContent": Sample(_of, given="", needs=("pull_request",)),
    "Query.pullRequestDiff": Sample(_in_session, given="", needs=("pull_request",)),
    "Query.pullRequestReviews": Sample(_in_session, given="", needs=("pull_request",)),
    "Mutation.openPullRequest": Sample(
        lambda facts: {"workspaceId": facts["workspace"], "input": _opened(facts)}, given="", needs=("committed",)
    ),
    "Mutation.updatePullRequest": Sample(
        lambda facts: {**_of(facts), "input": {"description": "renamed"}}, given="", needs=("pull_request",)
    ),
    "Mutation.refreshPullRequest": Sample(_of, given="", needs=("pull_request",)),
    "Mutation.mergePullRequest": Sample(_of, given="", needs=("pull_request",)),
    "Mutation.addReview": Sample(
        lambda facts: {**_in_session(facts), "input": {"verdict": "APPROVE", "comments": [_COMMENT]}},
        given="",
        needs=("pull_request",),
    ),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "OpenPullRequest": RouteSample(
        lambda facts: {"workspace_id": facts["workspace"]}, body=_opened, given="", needs=("committed",)
    ),
    "ListPullRequests": RouteSample(
        lambda facts: {"workspace_id": facts["workspace"]},
        query={"status": "open", "limit": "10"},
        given="",
        needs=("pull_request",),
    ),
    "GetPullRequestCounts": RouteSample(
        lambda facts: {"workspace_id": facts["workspace"]}, given="", needs=("pull_request",)
    ),
    "GetPullRequest": RouteSample(lambda facts: {"id": facts["pull_request"]}, given="", needs=("pull_request",)),
    "UpdatePullRequest": RouteSample(_path, body={"description": "renamed"}, given="", needs=("pull_request",)),
    "MergePullRequest": RouteSample(_path, body={"method": "squash"}, given="", needs=("pull_request",)),
    "RefreshPullRequest": RouteSample(_path, given="", needs=("pull_request",)),
    "GetConflictContent": RouteSample(_path, body={}, given="", needs=("conflict",)),
    "GetPullRequestDiff": RouteSample(_session_path, given="", needs=("pull_request",)),
    "ListReviews": RouteSample(_session_path, given="", needs=("pull_request",)),
    "AddReview": RouteSample(
        _session_path, body={"verdict": "approve", "comments": [_COMMENT]}, given="", needs=("pull_request",)
    ),
}


async def _pull_request(client: Client) -> dict[str, str]:
    known = await VERSION_CONTROL["committed"](client)
    asked = (
        "mutation ($id: ID!, $branch: String!) {"
        ' openPullRequest(workspaceId: $id, input: {title: "private-pull", sourceBranch: $branch}) { id } }'
    )
    made = await client.data(asked, {"id": known["workspace"], "branch": known["branch"]})
    return {**known, "pull_request": made["openPullRequest"]["id"]}


async def _conflict(client: Client) -> dict[str, str]:
    """A pull request whose target changed the same file meanwhile."""
    known = await _pull_request(client)
    other = await client.data(
        'mutation ($id: ID!) { createSession(input: {workspaceId: $id, name: "other"}) { id branch } }',
        {"id": known["workspace"]},
    )
    session = other["createSession"]
    await client.data(
        'mutation ($id: ID!) { writeFile(sessionId: $id, path: "private-file", text: "2\\n") { version }'
        ' commitChanges(sessionId: $id, message: "private-other") { id } }',
        {"id": session["id"]},
    )
    asked = (
        "mutation ($id: ID!, $branch: String!) {"
        ' openPullRequest(workspaceId: $id, input: {title: "other", sourceBranch: $branch}) { id } }'
    )
    opened = await client.data(asked, {"id": known["workspace"], "branch": session["branch"]})
    await client.data(
        "mutation ($workspace: ID!, $id: ID!) { mergePullRequest(workspaceId: $workspace, id: $id) { id } }",
        {"workspace": known["workspace"], "id": opened["openPullRequest"]["id"]},
    )
    return known


PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {
    "pull_request": _pull_request,
    "conflict": _conflict,
}
