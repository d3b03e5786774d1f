"""GraphQL over HTTP: the specification's audits, methods, media types, and what is off in production."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.environments.service import Environments
from tests.support.live import LiveServer
from tests.support.node import run_client
from tests.support.serving import BLUEPRINT, Served

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """What is tested here ends before the database."""
    name: str = request.param
    return name


GRAPHQL_RESPONSE = "application/graphql-response+json"
CREATE = "mutation ($input: CreateEnvironmentInput!) { createEnvironment(input: $input) { id } }"


def test_all_audits_of_graphql_over_http_pass(live: LiveServer) -> None:
    [results] = run_client("audit.mjs", {"url": f"{live.url}/graphql", "token": live.key})

    assert len(results) == 61
    assert [f"{audit['id']} {audit['name']}: {audit['reason']}" for audit in results if audit["status"] != "ok"] == []


async def test_a_query_may_come_by_get(shared: Served) -> None:
    answer = await shared.get("/graphql", params={"query": "{ viewer { role } }"}, headers={"Accept": GRAPHQL_RESPONSE})

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(GRAPHQL_RESPONSE)
    assert answer.json()["data"] == {"viewer": {"role": "OWNER"}}


@pytest.mark.parametrize("operation", ["mutation", "subscription"])
async def test_what_is_no_query_is_refused_by_get(shared: Served, operation: str) -> None:
    client = await shared.newcomer()
    query = {
        "mutation": 'mutation { createEnvironment(input: {blueprint: "services: {web: {run: x}}"}) { id } }',
        "subscription": 'subscription { environmentProgress(id: "env_x") { cursor } }',
    }[operation]

    answer = await client.get("/graphql", params={"query": query}, headers={"Accept": "application/json"})

    assert answer.status_code in (400, 405)
    assert answer.json()["errors"][0]["extensions"]["code"]
    assert (await client.get("/v1/environments")).json()["data"] == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
async def test_other_methods_are_405_with_allow(shared: Served, method: str) -> None:
    answer = await shared.request(method, "/graphql")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"


async def test_a_batch_is_refused(shared: Served) -> None:
    answer = await shared.post("/graphql", json=[{"query": "{ liveness { status } }"}] * 2)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/plain", b'{"query": "{ liveness { status } }"}'),
        ("application/x-www-form-urlencoded", b"query=%7Bliveness%7Bstatus%7D%7D"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{}\r\n--x--',
        ),
    ],
)
async def test_what_a_foreign_page_could_send_without_asking_is_refused(
    shared: Served, media_type: str, body: bytes
) -> None:
    answer = await shared.post("/graphql", content=body, headers={"Content-Type": media_type})

    assert answer.status_code in (400, 415)
    assert "data" not in answer.json()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ environment { id } }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query A { viewer { role } } query B { viewer { role } }"}, ""),
        ({"query": "{ viewer { role } }", "operationName": "Nobody"}, ""),
        ({"query": "query ($id: ID!) { environment(id: $id) { id } }"}, ""),
        ({"query": "query ($n: Int) { environments(first: $n) { nodes { id } } }", "variables": {"n": "x"}}, ""),
        ({"query": CREATE, "variables": {"input": {"blueprint": 7}}}, ""),
        ({"query": CREATE, "variables": {"input": {"blueprint": "{}", "autoShutdown": "soon"}}}, ""),
        ({"query": CREATE, "variables": {"input": {"blueprint": "services: {}"}}}, "BLUEPRINT_INVALID"),
        ({"query": "{ environments(first: 0) { nodes { id } } }"}, "INVALID_REQUEST"),
        ({"query": "{ environments(first: 101) { nodes { id } } }"}, "INVALID_REQUEST"),
        ({"query": '{ environments(after: "!") { nodes { id } } }'}, "INVALID_REQUEST"),
        ({"query": 'mutation { stopEnvironment(id: "x") { id } }'}, "NOT_FOUND"),
        ({"query": ""}, ""),
        ({"query": None}, ""),
        ({"query": 7}, ""),
        ({}, ""),
        ({"query": "{ viewer { role } }", "variables": [1]}, ""),
        ({"query": "{ viewer { role } }", "variables": "x"}, ""),
        ({"query": "{ viewer { role } }", "extensions": 7}, ""),
        ({"query": "subscription { environmentProgress(id: \"x\") { cursor } }"}, ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("accept", ["application/json", GRAPHQL_RESPONSE])
async def test_every_error_has_a_code(shared: Served, accept: str, body: dict[str, Any], code: str) -> None:
    answer = await shared.post("/graphql", json=body, headers={"Accept": accept})

    errors = answer.json()["errors"]
    assert errors
    assert all(re.fullmatch(r"[A-Z][A-Z_]+", error["extensions"]["code"]) for error in errors), errors
    assert errors[0]["extensions"]["code"] != "INTERNAL_ERROR"
    assert not code or errors[0]["extensions"]["code"] == code
    assert answer.status_code < 500


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff", b"7", b"null", b'"text"'])
async def test_a_body_that_is_no_request_is_400(shared: Served, content: bytes) -> None:
    answer = await shared.post("/graphql", content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_REQUEST"


async def test_a_defect_is_masked_with_a_request_id_and_no_trace(
    shared: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("the secret inside")

    monkeypatch.setattr(Environments, "page", defect)

    answer = await shared.post("/graphql", json={"query": "{ environments { nodes { id } } viewer { role } }"})

    [error] = answer.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL_ERROR", "requestId": answer.headers["x-request-id"]}
    assert answer.headers["x-request-id"] in error["message"]
    for inside in ("secret inside", "ZeroDivision", "Traceback", ".py"):
        assert inside not in answer.text


async def test_credentials_are_asked_for_by_field_not_by_request(shared: Served) -> None:
    answer = await shared.with_key(None).ask("{ liveness { status } viewer { role } }")

    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHORIZED"
    assert await shared.with_key(None).data("{ liveness { status } }") == {"liveness": {"status": "ok"}}


async def test_graphiql_is_served_to_browsers(shared: Served) -> None:
    answer = await shared.with_key(None).get("/graphql", headers={"Accept": "text/html"})

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


async def test_production_has_no_introspection_and_no_pages(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve(production=True)

    for query in ("{ __schema { types { name } } }", '{ __type(name: "Query") { name } }'):
        assert await server.code(query) == "GRAPHQL_VALIDATION_FAILED"
    page = await server.get("/graphql", headers={"Accept": "text/html"})
    assert "html" not in page.headers["content-type"]
    assert page.status_code in (400, 404, 405)
    for path in ("/docs", "/", "/assets/api.js"):
        assert (await server.get(path)).status_code == 404
    assert await server.data("{ __typename viewer { role } }")


async def test_production_suggests_no_names(serve: Callable[..., Awaitable[Served]]) -> None:
    """A suggestion would tell the schema word by word."""
    server = await serve(production=True)

    answer = await server.ask("{ environmentz { nodes { id } } }")

    assert "Did you mean" not in answer["errors"][0]["message"]


async def test_a_listed_origin_may_ask_from_a_browser(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve(allowed_origins=["https://app.example"])
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}

    for path in ("/graphql", "/v1/environments"):
        listed = await server.request("OPTIONS", path, headers={"Origin": "https://app.example", **ask})
        other = await server.request("OPTIONS", path, headers={"Origin": "https://evil.example", **ask})
        assert listed.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-origin" not in other.headers


async def test_a_mutation_fails_as_a_whole_and_the_next_one_runs(shared: Served) -> None:
    client = await shared.newcomer()
    query = """mutation ($good: CreateEnvironmentInput!) {
      first: stopEnvironment(id: "env_nobody") { id }
      second: createEnvironment(input: $good) { id }
    }"""

    answer = await client.ask(query, {"good": {"blueprint": BLUEPRINT}})

    assert [error["path"] for error in answer["errors"]] == [["first"]]
    listed = (await client.get("/v1/environments")).json()["data"]
    assert answer["data"] is None or len(listed) == 1
    assert len(listed) <= 1
