"""The services of sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.support import published
from tests.support.samples.workspaces import PREPARATIONS as OF_WORKSPACES
from tests.support.sampling import Facts, RouteSample, Sample
from tests.support.serving import Client

NEW = {"name": "web", "definition": {"run": "python3 -m http.server $PORT", "ports": ["http"]}}
SECRET = {"name": "PRIVATE", "value": "private-secret"}
REPOSITORY = {"repository": f"{published.OWNER}/sample"}
IMAGE = {"image": "postgres", "tag": "18"}
DATABASE = {
    "engine": "POSTGRESQL",
    "host": "db.example",
    "database": "private-database",
    "user": "private-user",
    "password": "private-password",
}


def _session(facts: Facts) -> dict[str, Any]:
    return {"sessionId": facts["work_session"]}


def _service(facts: Facts) -> dict[str, Any]:
    return {**_session(facts), "id": facts["service"]}


def _path(facts: Facts) -> dict[str, Any]:
    return {"session_id": facts["work_session"]}


def _service_path(facts: Facts) -> dict[str, Any]:
    return {**_path(facts), "id": facts["service"]}


def _runtime_path(facts: Facts) -> dict[str, Any]:
    return {**_path(facts), "service_id": facts["service"]}


def _order(facts: Facts) -> dict[str, Any]:
    return {"serviceIds": [facts["service"]]}


SAMPLES: dict[str, Sample] = {
    "Query.service": Sample(lambda facts: {"id": facts["service"]}, given="", needs=("service",)),
    "Query.services": Sample(_session, given="", needs=("service",)),
    "Mutation.createService": Sample(
        lambda facts: {**_session(facts), "input": NEW}, given="", needs=("work_session",)
    ),
    "Mutation.updateService": Sample(
        lambda facts: {**_service(facts), "input": {"name": "renamed"}}, given="", needs=("service",)
    ),
    "Mutation.deleteService": Sample(_service, given="", needs=("service",)),
    "Mutation.reorderServices": Sample(
        lambda facts: {**_session(facts), "input": _order(facts)}, given="", needs=("service",)
    ),
    "Mutation.runServices": Sample(_session, given="", needs=("service",)),
    "Mutation.stopServices": Sample(_session, given="", needs=("service",)),
    "Mutation.restartService": Sample(_service, given="", needs=("service",)),
    "Mutation.stopService": Sample(_service, given="", needs=("service",)),
    "Mutation.importRepository": Sample(
        lambda facts: {**_session(facts), "host": "GITHUB", "input": REPOSITORY}, given="", needs=("hosts",)
    ),
    "Mutation.importImage": Sample(
        lambda facts: {**_session(facts), "input": IMAGE}, given="", needs=("work_session",)
    ),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "CreateService": RouteSample(_path, body=NEW, given="", needs=("work_session",)),
    "ListServices": RouteSample(_path, given="", needs=("service",)),
    "UpdateService": RouteSample(_service_path, body={"name": "renamed"}, given="", needs=("service",)),
    "DeleteService": RouteSample(_service_path, given="", needs=("service",)),
    "ReorderServices": RouteSample(_path, body=_order, given="", needs=("service",)),
    "RunServices": RouteSample(_path, given="", needs=("service",)),
    "StopServices": RouteSample(_path, given="", needs=("service",)),
    "RestartService": RouteSample(_runtime_path, given="", needs=("service",)),
    "StopService": RouteSample(_runtime_path, given="", needs=("service",)),
    "ImportFromGitHub": RouteSample(_path, body=REPOSITORY, given="", needs=("hosts",)),
    "ImportFromGitLab": RouteSample(_path, body=REPOSITORY, given="", needs=("hosts",)),
    "ImportFromBitbucket": RouteSample(_path, body=REPOSITORY, given="", needs=("hosts",)),
    "ImportFromDockerHub": RouteSample(_path, body=IMAGE, given="", needs=("work_session",)),
}


async def _define(client: Client) -> dict[str, str]:
    made = await OF_WORKSPACES["work_session"](client)
    asked = """mutation ($session: ID!, $input: CreateServiceInput!) {
      createService(sessionId: $session, input: $input) { id } }"""
    given = {
        "name": "private-service",
        "definition": {"run": "private-command"},
        "database": DATABASE,
        "secrets": [SECRET],
    }
    found = await client.data(asked, {"session": made["work_session"], "input": given})
    return {**made, "service": found["createService"]["id"]}


async def _connect(client: Client) -> dict[str, str]:
    made = await OF_WORKSPACES["work_session"](client)
    if not published.is_published(REPOSITORY["repository"]):
        published.publish("sample", {"Procfile": "web: serve"})
    for host in ("github", "gitlab", "bitbucket"):
        await published.connect(client, host)
    return made


PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {"service": _define, "hosts": _connect}
