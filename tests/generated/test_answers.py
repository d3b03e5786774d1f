"""What routes really answer is what the OpenAPI document says, to the last field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema_rs
import orjson
import pytest

from tests.support.routes import facts_for, request
from tests.support.samples import (
    OPERATIONS,
    ROUTE_SAMPLES,
    ROUTES,
    STREAMS,
    Facts,
    RouteSample,
    facts,
    route_of_operators,
)
from tests.support.serving import Served
from tests.support.sockets import connected

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = orjson.loads((ROOT / "openapi.json").read_bytes())
BLUEPRINT = orjson.loads((ROOT / "schemas/blueprint.json").read_bytes())


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Both databases answer the same: tests/rest sees to it."""
    name: str = request.param
    return name


def _validator(schema: dict[str, Any]) -> Any:
    whole = {**schema, "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def _schema(name: str, status: int) -> dict[str, Any]:
    operation = OPERATIONS[name]
    responses = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"]
    assert str(status) in responses, f"{name} answers {status}, which is not documented"
    found: dict[str, Any] = responses[str(status)]["content"]["application/json"]["schema"]
    return found


def _check(schema: dict[str, Any], body: Any) -> None:
    problems = [
        f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in _validator(schema).iter_errors(body)
    ]
    assert problems == []


@pytest.mark.parametrize("name", ROUTES)
async def test_an_answer_is_as_documented(shared: Served, name: str) -> None:
    client = await shared.newcomer(operator=route_of_operators(name))
    known = await facts_for(client, name)
    shared.engine.print(f"{known.environment}/web/0", "one\ntwo\n")

    answer = await request(client, name, known)

    _check(_schema(name, answer.status_code), answer.json())


@pytest.mark.parametrize("name", ROUTES)
async def test_an_error_is_as_documented(shared: Served, name: str) -> None:
    client = await shared.newcomer(operator=route_of_operators(name))
    errors = [await client.request(ROUTES[name].method, re.sub(r"\{\w+\}", "x", ROUTES[name].path) + "?unknown=1")]
    if ROUTES[name].access is not None:
        errors.append(await request(client.with_key(None), name, Facts(every_id="x")))
    if ROUTES[name].path_parameters:
        errors.append(
            await client.request(ROUTES[name].method, re.sub(r"\{\w+\}", "x", ROUTES[name].path), json=_body(name))
        )

    for answer in errors:
        assert answer.status_code >= 400
        _check(_schema(name, answer.status_code), answer.json())


def _body(name: str) -> Any:
    return ROUTE_SAMPLES[name].json(Facts())


@pytest.mark.parametrize("given", ["failed", "stopped", "terminated"])
async def test_an_environment_in_any_state_is_as_documented(shared: Served, given: str) -> None:
    known = await facts(shared, RouteSample(given=given))

    for name in ("GetEnvironment", "GetEnvironmentStatus", "ListEnvironments", "GetEnvironmentLogs"):
        query = {"params": {}} if name == "ListEnvironments" else {}
        if name == "ListEnvironments":
            answer = await shared.get("/v1/environments", **query)
        elif name == "GetEnvironmentLogs":
            answer = await shared.get(f"/v1/environments/{known.environment}/logs")
        else:
            answer = await request(shared, name, known)
        _check(_schema(name, 200), answer.json())


@pytest.mark.parametrize("name", STREAMS)
async def test_every_frame_of_a_stream_is_as_documented(shared: Served, name: str) -> None:
    known = await facts(shared, RouteSample())
    shared.engine.print(f"{known.environment}/web/0", "one\ntwo\n")
    path = STREAMS[name].path.replace("{id}", known.environment)

    query = urlencode(ROUTE_SAMPLES[name].query)
    async with connected(shared.product.app, path, key=shared.key, query=query) as socket:
        frames = [await socket.next()]
        await shared.delete(f"/v1/environments/{known.environment}")
        while (frame := await socket.next()) is not None:
            frames.append(frame)

    assert len(frames) >= 2
    for frame in frames:
        _check(DOCUMENT["paths"][STREAMS[name].path]["x-websocket-message"], frame)


async def test_the_document_that_is_served_is_the_committed_one(shared: Served) -> None:
    assert (await shared.get("/openapi.json")).json() == DOCUMENT
    assert (await shared.get("/schemas/blueprint.json")).json() == BLUEPRINT
