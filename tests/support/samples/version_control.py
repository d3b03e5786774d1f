"""Files and version control of sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.samples.workspaces import PREPARATIONS as WORKSPACES
from tests.support.sampling import Facts, RouteSample, Sample
from tests.support.serving import Client


def _session(facts: Facts, **more: Any) -> dict[str, Any]:
    return {"sessionId": facts["work_session"], **more}


def _in(**more: Any) -> Callable[[Facts], dict[str, Any]]:
    return lambda facts: _session(facts, **more)


def _path(facts: Facts) -> dict[str, Any]:
    return {"session_id": facts["work_session"]}


def _route(*needs: str, **body: Any) -> RouteSample:
    return RouteSample(_path, body=body, given="", needs=needs)


SAMPLES: dict[str, Sample] = {
    "Query.file": Sample(_in(path="README.md"), given="", needs=("work_session",)),
    "Query.files": Sample(_in(), given="", needs=("work_session",)),
    "Query.searchFiles": Sample(_in(pattern="workspace"), given="", needs=("work_session",)),
    "Query.findFiles": Sample(_in(text="read"), given="", needs=("work_session",)),
    "Mutation.writeFile": Sample(_in(path="made", text="1\n"), given="", needs=("work_session",)),
    "Mutation.makeFolder": Sample(_in(path="made"), given="", needs=("work_session",)),
    "Mutation.deleteFile": Sample(_in(path="README.md"), given="", needs=("work_session",)),
    "Mutation.moveFile": Sample(_in(path="README.md", to="moved"), given="", needs=("work_session",)),
    "Query.commits": Sample(_in(), given="", needs=("work_session",)),
    "Query.commit": Sample(_in(commitId="main"), given="", needs=("work_session",)),
    "Query.diff": Sample(_in(**{"from": "main"}), given="", needs=("committed",)),
    "Query.workingCopyDiff": Sample(_in(), given="", needs=("changed",)),
    "Query.suggestedCommitMessage": Sample(_in(), given="", needs=("changed",)),
    "Mutation.generateCommitMessage": Sample(_in(), given="", needs=("changed",)),
    "Mutation.commitChanges": Sample(_in(message="Change it"), given="", needs=("changed",)),
    "Mutation.discardChanges": Sample(_in(), given="", needs=("changed",)),
    "Mutation.rollback": Sample(_in(commitId="main"), given="", needs=("committed",)),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "ReadFile": _route("work_session", operation="read", path="README.md"),
    "WriteFile": _route("work_session", operation="write", path="made", text="1\n"),
    "DeleteFile": _route("work_session", operation="delete", path="README.md"),
    "MoveFile": _route("work_session", operation="move", path="README.md", to="moved"),
    "MakeFolder": _route("work_session", operation="mkdir", path="made"),
    "SearchFiles": _route("work_session", operation="search", pattern="workspace"),
    "FindFiles": _route("work_session", operation="find", text="read"),
    "GetFileTree": _route("work_session"),
    "GetCommitLog": _route("work_session"),
    "GetCommit": RouteSample(lambda facts: {**_path(facts), "commit_id": "main"}, given="", needs=("work_session",)),
    "GetDiff": _route("committed", **{"from": "main"}),
    "GetWorkingCopyDiff": RouteSample(_path, given="", needs=("changed",)),
    "CommitChanges": _route("changed", message="Change it"),
    "GenerateCommitMessage": RouteSample(_path, given="", needs=("changed",)),
    "DiscardChanges": _route("changed"),
    "Rollback": _route("committed", commitId="main"),
}


async def _changed(client: Client) -> dict[str, str]:
    """A session with a file that is in no commit."""
    known = await WORKSPACES["work_session"](client)
    asked = 'mutation ($id: ID!) { writeFile(sessionId: $id, path: "private-file", text: "1\\n") { version } }'
    await client.data(asked, {"id": known["work_session"]})
    return known


async def _committed(client: Client) -> dict[str, str]:
    known = await _changed(client)
    asked = 'mutation ($id: ID!) { commitChanges(sessionId: $id, message: "private-commit") { id } }'
    await client.data(asked, {"id": known["work_session"]})
    found = await client.data("query ($id: ID!) { session(id: $id) { branch } }", {"id": known["work_session"]})
    return {**known, "branch": found["session"]["branch"]}


PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {
    "changed": _changed,
    "committed": _committed,
}
