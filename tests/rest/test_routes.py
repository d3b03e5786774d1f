"""Every route: its answer, its aliases, its methods, and what stands at paths that are none."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from app.core.errors import NotFound
from rest_compat.dialects import DIALECTS, Answered
from tests.support.routes import facts_for, path_of, request
from tests.support.samples import OPERATIONS, ROUTE_SAMPLES, ROUTES, STREAMS, Facts, route_of_operators
from tests.support.serving import BLUEPRINT, Served

pytestmark = pytest.mark.anyio

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REQUEST_ID = re.compile(r"req_[0-9a-hjkmnp-tv-z]{26}")


@pytest.mark.parametrize("name", ROUTES)
async def test_a_route_answers_with_its_documented_status(shared: Served, name: str) -> None:
    client = await shared.newcomer(operator=route_of_operators(name))
    known = await facts_for(client, name)

    answer = await request(client, name, known)

    assert answer.status_code == OPERATIONS[name].status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])


@pytest.mark.parametrize("name", [name for name in ROUTES if not ROUTES[name].raw and ROUTES[name].api == "microstax"])
async def test_a_microstax_answer_is_data_and_meta(shared: Served, name: str) -> None:
    client = await shared.newcomer(operator=route_of_operators(name))
    known = await facts_for(client, name)

    answer = await request(client, name, known)

    meta = answer.json()["meta"]
    assert list(answer.json()) == ["data", "meta"]
    assert meta["requestId"] == answer.headers["x-request-id"]
    assert meta["signatureVerified"] is False
    assert datetime.fromisoformat(meta["timestamp"]).tzinfo is not None
    assert set(meta) - {"requestId", "signatureVerified", "timestamp", "nextCursor", "hasMore"} == set()


@pytest.mark.parametrize("name", ROUTES)
async def test_a_route_answers_under_all_its_prefixes(shared: Served, name: str) -> None:
    operation = ROUTES[name]
    bare = re.sub(r"^(/api)?/v1(?=/)", "", operation.path)
    paths = {operation.path, f"/v1{bare}", f"/api/v1{bare}"} | ({bare} if operation.api == "microstax" else set())
    assert set(operation.paths()) == paths

    for documented in paths:
        client = await shared.newcomer(operator=route_of_operators(name))
        known = await facts_for(client, name)
        answer = await request(client, name, known, path_of(name, known, documented))
        assert answer.status_code == operation.status, (documented, answer.text)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_path_refuses_other_methods_and_says_which_it_takes(shared: Served, name: str) -> None:
    path = OPERATIONS[name].path
    taken = {operation.method for operation in OPERATIONS.values() if operation.path == path}
    taken = {"GET" if method == "WS" else method for method in taken}
    client = await shared.newcomer()

    for method in (*METHODS, "OPTIONS", "TRACE", "PROPFIND"):
        if method in taken and not (method == "GET" and OPERATIONS[name].is_stream):
            continue
        answer = await client.request(method, re.sub(r"\{\w+\}", "x", path))
        assert answer.status_code == 405, (method, answer.text)
        assert set(answer.headers["allow"].split(", ")) == taken
        assert answer.json()["error"]["code"].lower() == "method_not_allowed"


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/v1/nowhere",
        "/v1",
        "/v1/environments/a/b/c",
        "/v2/environments",
        "/v1//environments",
        "/%00",
        "/a%2fb",
    ],
)
@pytest.mark.parametrize("method", METHODS)
async def test_a_path_that_is_none_is_404_in_the_form_of_an_error(shared: Served, method: str, path: str) -> None:
    answer = await shared.request(method, path)

    error = answer.json()["error"]
    assert answer.status_code == 404
    assert (error["code"], error["status"]) == ("not_found", 404)
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])


#: Takes the id of somebody who may be gone: erasing what is not there is no error.
GONE_IS_FINE = {"EraseAuditPersonalData"}


@pytest.mark.parametrize("name", [name for name in ROUTES if ROUTES[name].path_parameters and name not in GONE_IS_FINE])
async def test_a_missing_id_is_404_in_the_form_of_the_api(shared: Served, name: str) -> None:
    path = re.sub(r"\{\w+\}", "env_" + "0" * 26, OPERATIONS[name].path)
    client = await shared.newcomer(operator=route_of_operators(name))

    answer = await client.request(OPERATIONS[name].method, path, json=_body(name))

    dialect, refused = DIALECTS[OPERATIONS[name].api], answer.json()
    assert answer.status_code == 404
    assert refused["error"]["code"] == dialect.code(NotFound())
    assert refused["error"].get("details", {}) == {}
    assert refused.get("meta", {}).get("requestId", answer.headers["x-request-id"]) == answer.headers["x-request-id"]
    assert refused.keys() == dialect.failure(NotFound(), Answered("")).keys()


def _body(name: str) -> object:
    return ROUTE_SAMPLES[name].json(Facts())


@pytest.mark.parametrize("name", ROUTES)
async def test_an_unknown_query_parameter_is_refused_by_name(shared: Served, name: str) -> None:
    client = await shared.newcomer(operator=route_of_operators(name))
    known = await facts_for(client, name)

    answer = await client.request(OPERATIONS[name].method, path_of(name, known) + "?limitt=3", json=_body(name))

    assert answer.status_code == 400
    assert "'limitt'" in answer.json()["error"]["message"]


async def test_a_created_environment_says_where_it_is_read(shared: Served) -> None:
    answer = await shared.post("/v1/environments", json={"blueprint": BLUEPRINT})

    made = answer.json()["data"]
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/environments/{made['id']}"
    assert (await shared.get(answer.headers["location"])).json()["data"]["id"] == made["id"]


@pytest.mark.parametrize(("verb", "given"), [("resume", "stopped"), ("retry", "failed")])
async def test_what_goes_on_in_the_background_says_where_it_is_read(shared: Served, verb: str, given: str) -> None:
    known = await shared.environment(given)

    answer = await shared.post(f"/v1/environments/{known}/{verb}")

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/environments/{known}"


async def test_enums_are_lower_case_and_keys_camel_case(shared: Served) -> None:
    known = await shared.running()

    body = (await shared.get(f"/v1/environments/{known}")).json()["data"]

    assert body["status"] == "running"
    assert body["services"][0]["instances"][0]["status"] == "running"
    assert body["isolation"] == "plain"
    assert not [key for key in body if "_" in key or key[0].isupper()]
    assert (await shared.get("/v1/environments?status=running")).status_code == 200
    assert (await shared.get("/v1/environments?status=flying")).status_code == 400


async def test_health_is_public_and_bare(shared: Served) -> None:
    for path in ("/health", "/health/live", "/health/ready", "/health/details", "/ready"):
        answer = await shared.with_key(None).get(path)
        assert answer.status_code == 200, path
        assert answer.json()["status"] == "ok"
        assert "meta" not in answer.json()


async def test_a_key_that_is_none_is_not_asked_for_at_public_routes(shared: Served) -> None:
    """A load balancer that sends a stale credential still learns how the server is."""
    assert (await shared.with_key("sk_live_nonsense").get("/health")).status_code == 200
    assert (await shared.with_key("sk_live_nonsense").get("/v1/environments")).status_code == 401


async def test_an_unauthorized_answer_names_the_scheme(shared: Served) -> None:
    answer = await shared.with_key(None).get("/v1/environments")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "unauthorized"


@pytest.mark.parametrize(
    "header", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer  ", "bearer nonsense", "sk_live_x", "Bearer é"]
)
async def test_other_credentials_are_unauthorized(shared: Served, header: str) -> None:
    answer = await shared.with_key(None).get("/v1/environments", headers={"Authorization": header.encode()})  # type: ignore[dict-item]

    assert answer.status_code == 401


async def test_metrics_are_text_and_count_routes_by_name(shared: Served) -> None:
    await shared.get("/v1/environments/env_secret-in-a-path")

    answer = await shared.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'route="GetEnvironment"' in answer.text
    assert "env_secret-in-a-path" not in answer.text


def test_every_stream_is_a_websocket_route() -> None:
    assert {operation.method for operation in STREAMS.values()} == {"WS"}
