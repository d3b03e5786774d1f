"""GraphQL counts by cost: known before it runs, told with every answer, refused beyond the budget."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import pytest

from app.audit.repository import ALL_EVENTS
from app.core.clock import now
from app.identity.models import Plan
from app.limits.counters import Metric
from app.limits.service import Usage
from tests.support.serving import BLUEPRINT, Client, Served
from tests.support.sockets import connected
from tests.support.tenants import found

pytestmark = pytest.mark.anyio

GRAPHQL_RESPONSE = "application/graphql-response+json"
VIEWER = "{ viewer { role } }"
CREATE = "mutation ($input: CreateEnvironmentInput!) { createEnvironment(input: $input) { id } }"
#: 1 + 100 × (1 + 1) of a plan of 5,000.
PAGE = "{ environments { nodes { id } } }"


async def _cost(client: Client, query: str, variables: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    told: dict[str, Any] = (await client.ask(query, variables, **options))["extensions"]["cost"]
    return told


async def _with_budget(shared: Served, requests_per_minute: int) -> Client:
    tenant = await found(shared.product.database, Plan.ENTERPRISE, requests_per_minute=requests_per_minute)
    return Client(shared.http, tenant, tenant.api_key)


@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        (VIEWER, {}, 2),
        ("{ __typename }", {}, 1),
        (PAGE, {}, 201),
        ("{ environments(first: 5) { nodes { id } } }", {}, 11),
        ("{ environments(first: null) { nodes { id } } }", {}, 201),
        ("query ($n: Int) { environments(first: $n) { nodes { id } } }", {"n": 3}, 7),
        ("query ($n: Int) { environments(first: $n) { nodes { id } } }", {}, 201),
        ("query ($n: Int = 4) { environments(first: $n) { nodes { id } } }", {}, 9),
        ("{ environments(first: 5) { ...F } } fragment F on EnvironmentConnection { nodes { id } }", {}, 11),
        ("{ environments(first: 5) { ... { nodes { id } } } }", {}, 11),
        ("{ nothing }", {}, 1),
        ("{", {}, 1),
    ],
)
async def test_the_cost_is_the_fields_of_the_answer_at_most(
    shared: Served, query: str, variables: dict[str, Any], cost: int
) -> None:
    client = await shared.newcomer(Plan.FREE)

    told = await _cost(client, query, variables)

    assert {name: told[name] for name in ("requested", "limit", "remaining")} == {
        "requested": cost,
        "limit": 5_000,
        "remaining": 5_000 - cost,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["resetAt"])


async def test_one_operation_of_several_is_counted(shared: Served) -> None:
    query = f"query A {VIEWER} query B {PAGE}"

    answer = await shared.post("/graphql", json={"query": query, "operationName": "A"})

    assert answer.json()["extensions"]["cost"]["requested"] == 2


@pytest.mark.parametrize(("plan", "limit"), [(Plan.FREE, 5_000), (Plan.PRO, 50_000), (Plan.ENTERPRISE, 1_000_000)])
async def test_the_plan_sets_the_budget(shared: Served, plan: Plan, limit: int) -> None:
    assert (await _cost(await shared.newcomer(plan), VIEWER))["limit"] == limit


async def test_an_organization_with_a_quota_of_its_own_has_ten_for_each_request(shared: Served) -> None:
    assert (await _cost(await _with_budget(shared, 7), VIEWER))["limit"] == 70


@pytest.mark.parametrize(("accept", "status"), [("application/json", 200), (GRAPHQL_RESPONSE, 429)])
async def test_beyond_the_budget_nothing_runs(shared: Served, accept: str, status: int) -> None:
    client = await _with_budget(shared, 1)
    await asyncio.gather(*(client.ask(VIEWER) for _ in range(5)))

    answer = await client.post(
        "/graphql", json={"query": CREATE, "variables": {"input": {"blueprint": BLUEPRINT}}}, headers={"Accept": accept}
    )

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (status, "RATE_LIMITED")
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert "data" not in answer.json()
    assert answer.json()["extensions"]["cost"]["remaining"] == 0
    assert await client.tenant.work().all(ALL_EVENTS) == []


async def test_of_many_at_once_as_many_are_answered_as_the_budget_covers(shared: Served) -> None:
    client = await _with_budget(shared, 10)

    codes = await asyncio.gather(*(client.code(VIEWER) for _ in range(200)))

    assert codes.count("") == 50
    assert codes.count("RATE_LIMITED") == 150


async def test_what_no_budget_covers_says_so(shared: Served) -> None:
    client = await _with_budget(shared, 20)

    answer = await client.ask(PAGE)

    assert "ask for smaller pages" in answer["errors"][0]["message"]
    assert await client.code(VIEWER) == ""


async def test_every_authenticated_answer_has_the_headers(shared: Served) -> None:
    client = await shared.newcomer(Plan.FREE)

    for request in ({"query": VIEWER}, {"query": "{"}, {"query": ""}, {"query": 7}, {}):
        headers = (await client.post("/graphql", json=request)).headers
        left = headers["x-ratelimit-remaining"]
        assert headers["x-ratelimit-limit"] == "5000"
        assert 0 < int(headers["x-ratelimit-reset"]) - time.time() <= 61
        assert headers["ratelimit-policy"] == '"cost";q=5000;w=60'
        assert re.fullmatch(rf'"cost";r={left};t=\d+', headers["ratelimit"])
    rest = (await client.get("/v1/environments")).headers
    assert rest["ratelimit-policy"] == '"default";q=100;w=60'
    assert re.fullmatch(r'"default";r=99;t=\d+', rest["ratelimit"])


async def test_nobody_has_no_budget(shared: Served) -> None:
    nobody = shared.with_key(None)

    answer = await nobody.post("/graphql", json={"query": "{ liveness { status } }"})

    assert "extensions" not in answer.json()
    assert "ratelimit" not in answer.headers


async def test_a_subscription_costs_once_and_tells_it_first(shared: Served) -> None:
    client = await shared.newcomer(Plan.FREE)
    known = await client.environment("terminated")
    before = (await _cost(client, "{ __typename }"))["remaining"]
    query = "subscription ($id: ID!) { environmentProgress(id: $id) { cursor message } }"

    results = await client.stream(query, {"id": known})

    assert results[0]["extensions"]["cost"]["requested"] == 3
    assert len(results) > 2
    assert all("extensions" not in result for result in results[1:])
    assert (await _cost(client, "{ __typename }"))["remaining"] == before - 4


async def test_each_operation_of_a_socket_is_counted(shared: Served) -> None:
    client = await _with_budget(shared, 1)
    protocol = "graphql-transport-ws"

    async with connected(shared.product.app, "/graphql", subprotocols=[protocol], key=client.key) as socket:
        await socket.send({"type": "connection_init"})
        await socket.next()
        told: list[Any] = []
        for number in range(6):
            await socket.send({"id": str(number), "type": "subscribe", "payload": {"query": VIEWER}})
            message = await socket.next()
            while message["type"] == "complete":
                message = await socket.next()
            told.append(message["payload"])

    assert [each["extensions"]["cost"]["remaining"] for each in told[:5]] == [8, 6, 4, 2, 0]
    assert "RATE_LIMITED" in str(told[5])


async def test_rest_and_graphql_are_counted_apart_and_used_together(shared: Served) -> None:
    client = await shared.newcomer(Plan.FREE)

    rest = [await client.get("/v1/environments") for _ in range(3)]
    told = await _cost(client, PAGE)
    await shared.product.limits.usage.flush()

    used = await Usage(client.tenant.work(), client.tenant.actor).period(now().strftime("%Y-%m"))
    assert rest[-1].headers["x-ratelimit-remaining"] == "97"
    assert told["remaining"] == 5_000 - 201
    assert (used[Metric.REQUESTS], used[Metric.GRAPHQL_COST]) == (4, 201)
