"""REST and GraphQL are the same: every route, beside the operation that it was made from, asked the same."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest

from rest_compat.binding import bind
from tests.support.databases import KINDS
from tests.support.preparations import sealed
from tests.support.routes import facts_for, path_of, payload, request
from tests.support.samples import (
    OPERATIONS,
    ROUTE_SAMPLES,
    ROUTES,
    STREAMS,
    Facts,
    RouteSample,
    caller,
    facts,
    route_of_operators,
    steady,
)
from tests.support.serving import Client, Served
from tests.support.sockets import connected

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Both databases."""
    name: str = request.param
    return name


def _variables(name: str, known: Facts, body: dict[str, Any] | None = None) -> dict[str, Any]:
    sample = ROUTE_SAMPLES[name]
    query = {key: [value] for key, value in sample.query.items()}
    variables = bind(OPERATIONS[name], sample.path(known), query, sample.json(known) if body is None else body, None)
    return json.loads(json.dumps(variables))  # type: ignore[no-any-return]


async def _by_graphql(client: Client, name: str, variables: dict[str, Any]) -> Any:
    operation = OPERATIONS[name]
    answer = await client.ask(operation.text, variables)
    if "errors" in answer:
        return answer["errors"][0]["extensions"]["code"]
    value = answer["data"][operation.root_key]
    return value["nodes"] if operation.connection else value


#: How far the reconciler is with a service: it does not wait for either call.
_PROGRESS = re.compile(r'"status": "\w+", "replicas": (\d+), "readyreplicas": \d+')


def _plain(value: Any) -> str:
    """Without ids, times and ports, and without regard to upper and lower case: REST writes enums in lower case."""
    return _PROGRESS.sub(r'"replicas": \1', steady(json.dumps(value)).lower())


@pytest.mark.parametrize("name", ROUTES)
async def test_a_route_gives_what_its_operation_gives(shared: Served, name: str) -> None:
    one = await shared.newcomer(operator=route_of_operators(name))
    other = await shared.newcomer() if OPERATIONS[name].is_mutation else one
    for_rest = await facts_for(one, name)
    for_graphql = await facts_for(other, name) if other is not one else for_rest
    for client, known in ((one, for_rest), (other, for_graphql)) if ROUTE_SAMPLES[name].given else ():
        await client.patch(f"/v1/environments/{known.environment}", json={"name": "same"})
        await client.settled(known.environment, ROUTE_SAMPLES[name].given)
        shared.engine.print(f"{known.environment}/web/0", "one\ntwo\n")
    for client in {one, other} if "sealed" in ROUTE_SAMPLES[name].needs else ():
        await sealed(client)

    for _ in range(1 if OPERATIONS[name].is_mutation else 5):  # the sealer, too, changes what is read
        by_rest = payload(name, (await request(one, name, for_rest)).json())
        by_graphql = await _by_graphql(await caller(other, ROUTE_SAMPLES[name]), name, _variables(name, for_graphql))
        if _plain(by_rest) == _plain(by_graphql):
            break

    assert by_rest not in (None, [], {})
    assert _plain(by_rest) == _plain(by_graphql)


@pytest.mark.parametrize("name", STREAMS)
async def test_a_websocket_route_gives_what_its_subscription_gives(shared: Served, name: str) -> None:
    client = await shared.newcomer()
    known = await facts(client, RouteSample())
    shared.engine.print(f"{known.environment}/web/0", "one\ntwo\n")
    await client.delete(f"/v1/environments/{known.environment}")
    await client.reach(known.environment, "terminated")

    query = urlencode(ROUTE_SAMPLES[name].query)
    async with connected(shared.product.app, path_of(name, known), key=client.key, query=query) as socket:
        by_rest = await socket.all()
    results = await client.stream(OPERATIONS[name].text, _variables(name, known))
    by_graphql = [result["data"][OPERATIONS[name].root_key] for result in results]

    assert by_rest
    assert _plain(by_rest) == _plain(by_graphql)


@pytest.mark.parametrize("name", [name for name in ROUTES if "/environments/{id}" in ROUTES[name].path])
async def test_a_missing_environment_is_the_same_error(shared: Served, name: str) -> None:
    by_rest = (await request(shared, name, Facts())).json()["error"]["code"]
    by_graphql = await _by_graphql(shared, name, _variables(name, Facts()))

    assert by_rest == "not_found"
    assert by_graphql in (None, "NOT_FOUND"), "null where the schema may say null, else an error"


@pytest.mark.parametrize(
    ("name", "given", "body"),
    [
        ("CreateEnvironment", "running", {"blueprint": "services: {}"}),
        ("CreateEnvironment", "running", {"blueprint": "services: {web: {run: x}}", "name": " "}),
        ("CreateEnvironment", "running", {"blueprint": "services: {web: {run: x}}", "isolation": "namespace"}),
        ("UpdateEnvironment", "running", {"autoShutdown": 0}),
        ("UpdateEnvironment", "terminated", {"name": "late"}),
        ("StopEnvironment", "terminated", None),
        ("ResumeEnvironment", "running", None),
        ("ResumeEnvironment", "terminated", None),
        ("RetryEnvironment", "running", None),
        ("RetryEnvironment", "stopped", None),
        ("ScaleEnvironmentService", "running", {"service": "nobody", "replicas": 1}),
        ("ScaleEnvironmentService", "running", {"service": "web", "replicas": 99}),
        ("ScaleEnvironmentService", "terminated", {"service": "web", "replicas": 1}),
    ],
)
async def test_a_refusal_has_the_same_code(shared: Served, name: str, given: str, body: dict[str, Any] | None) -> None:
    known = await facts(shared, RouteSample(given=given))

    by_rest = (await request(shared, name, known, json=body)).json()["error"]["code"]
    by_graphql = await _by_graphql(shared, name, _variables(name, known, body))

    assert by_rest.upper() == by_graphql
