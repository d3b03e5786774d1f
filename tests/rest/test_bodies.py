"""What is wrong with a request's body, or its parameters, is said by name and with the right status."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.support.samples import ROUTES
from tests.support.serving import BLUEPRINT, Served

pytestmark = pytest.mark.anyio

TAKING_BODIES = [name for name, route in ROUTES.items() if route.method in ("POST", "PUT", "PATCH")]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "blueprint"),
        ({"blueprint": BLUEPRINT, "nmae": "x"}, "nmae"),
        ({"blueprint": BLUEPRINT, "name": 7}, "name"),
        ({"blueprint": BLUEPRINT, "name": ["x"]}, "name"),
        ({"blueprint": 7}, "blueprint"),
        ({"blueprint": None}, "blueprint"),
        ({"blueprint": BLUEPRINT, "autoShutdown": "soon"}, "autoShutdown"),
        ({"blueprint": BLUEPRINT, "autoShutdown": {"hours": 2}}, "autoShutdown"),
        ({"blueprint": BLUEPRINT, "secrets": "b"}, "secrets"),
        ({"blueprint": BLUEPRINT, "secrets": {"A": "b"}}, "secrets.A"),
        ({"blueprint": BLUEPRINT, "secrets": [{"name": "A"}]}, "secrets.0.value"),
        ({"blueprint": BLUEPRINT, "secrets": [{"name": "A", "value": "b", "extra": 1}]}, "secrets.0.extra"),
        ({"blueprint": BLUEPRINT, "isolation": "total"}, "isolation"),
    ],
)
async def test_a_wrong_field_is_named(shared: Served, body: dict[str, Any], named: str) -> None:
    answer = await shared.post("/v1/environments", json=body)

    error = answer.json()["error"]
    assert answer.status_code == 400, answer.text
    assert error["code"] == "invalid_request"
    assert named in [problem["field"] for problem in error["details"]["fields"]]
    assert named in error["message"]


async def test_all_wrong_fields_are_told_at_once(shared: Served) -> None:
    answer = await shared.post("/v1/environments", json={"name": 7, "extra": True})

    told = {problem["field"] for problem in answer.json()["error"]["details"]["fields"]}
    assert told == {"blueprint", "name", "extra"}


async def test_a_secret_is_not_repeated_in_an_error(shared: Served) -> None:
    for secrets in (
        [{"name": "A", "value": ["hunter2"]}],
        {"A": "hunter2"},
        "hunter2",
        [{"name": "A", "valeu": "hunter2"}],
    ):
        answer = await shared.post("/v1/environments", json={"blueprint": BLUEPRINT, "secrets": secrets})
        assert answer.status_code == 400
        assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    "body", [b"{", b"nonsense", b'{"blueprint": }', b"\xff\xfe", b'{"a": NaN}', b'{"a": "\xed\xa0\x80"}']
)
async def test_malformed_json_is_400(shared: Served, body: bytes) -> None:
    answer = await shared.post("/v1/environments", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"
    assert "JSON" in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [[], "text", 7, True, [{"blueprint": BLUEPRINT}]])
async def test_a_body_that_is_no_object_is_400(shared: Served, body: Any) -> None:
    answer = await shared.post("/v1/environments", json=body)

    assert answer.status_code == 400
    assert "JSON object" in answer.json()["error"]["message"]


async def test_json_nested_beyond_reason_is_400(shared: Served) -> None:
    body = b'{"blueprint": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    answer = await shared.post("/v1/environments", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"]
)
@pytest.mark.parametrize("name", ["CreateEnvironment", "ValidateBlueprint"])
async def test_a_body_of_another_media_type_is_415(shared: Served, name: str, media_type: str) -> None:
    answer = await shared.post(ROUTES[name].path, content=b"{}", headers={"Content-Type": media_type})

    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"]
)
async def test_json_is_recognized_in_its_other_spellings(shared: Served, media_type: str) -> None:
    content = b'{"blueprint": "services: {web: {run: serve}}"}'

    answer = await shared.post("/v1/environments/validate", content=content, headers={"Content-Type": media_type})

    assert answer.status_code == 200


async def test_a_body_where_none_is_taken_is_ignored(shared: Served) -> None:
    known = await shared.running()

    answer = await shared.post(f"/v1/environments/{known}/stop", json={"reason": "lunch"})

    assert answer.status_code == 200


async def test_a_body_larger_than_the_limit_is_413(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve(body_limit=5_000)
    large = b'{"blueprint": "' + b"#" * 6_000 + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        for begin in range(0, len(large), 1_000):
            yield large[begin : begin + 1_000]

    for path in ("/v1/environments", "/graphql"):
        for content in (large, chunks()):
            answer = await server.post(path, content=content, headers={"Content-Type": "application/json"})
            error = answer.json()["errors"][0]["extensions"] if path == "/graphql" else answer.json()["error"]
            assert answer.status_code == 413, path
            assert error["code"].lower() == "payload_too_large"


async def test_a_body_at_the_limit_is_read(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve(body_limit=5_000)
    head, tail = b'{"blueprint": "services: {web: {run: serve}} ', b'"}'
    content = head + b"#" * (5_000 - len(head) - len(tail)) + tail

    answer = await server.post(
        "/v1/environments/validate", content=content, headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.json()["data"]["valid"]) == (200, True)


async def test_an_invalid_blueprint_is_422_with_line_and_column(shared: Served) -> None:
    blueprint = "services:\n  web:\n    rnu: serve\n"

    answer = await shared.post("/v1/environments", json={"blueprint": blueprint})

    error = answer.json()["error"]
    assert answer.status_code == 422
    assert error["code"] == "blueprint_invalid"
    assert any((problem["line"], problem["column"]) == (3, 5) for problem in error["details"]["problems"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": ""}, "name_invalid"),
        ({"name": "   "}, "name_invalid"),
        ({"name": "x" * 101}, "name_invalid"),
        ({"autoShutdown": 0}, "duration_invalid"),
        ({"autoShutdown": 31_536_001}, "duration_invalid"),
        ({"isolation": "namespace"}, "isolation_unavailable"),
    ],
)
async def test_what_is_well_formed_but_not_valid_is_422(shared: Served, body: dict[str, Any], code: str) -> None:
    answer = await shared.post("/v1/environments", json={"blueprint": BLUEPRINT, **body})

    assert answer.json()["error"]["code"] == code, answer.text
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"service": "api", "replicas": 2}, 422, "service_not_found"),
        ({"service": "", "replicas": 2}, 422, "service_not_found"),
        ({"service": "web", "replicas": -1}, 422, "replicas_out_of_range"),
        ({"service": "web", "replicas": 21}, 422, "replicas_out_of_range"),
        ({"service": "web", "replicas": 2**31}, 400, "invalid_request"),
        ({"service": "web", "replicas": 1.5}, 400, "invalid_request"),
        ({"service": "web", "replicas": "2"}, 400, "invalid_request"),
        ({"service": "web", "replicas": None}, 400, "invalid_request"),
        ({"service": "web"}, 400, "invalid_request"),
    ],
)
async def test_scaling_out_of_range_is_refused(shared: Served, body: dict[str, Any], status: int, code: str) -> None:
    known = await shared.running()

    answer = await shared.patch(f"/v1/environments/{known}/scale", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    "query",
    [
        "tail=0", "tail=10001", "tail=x", "tail=1.5", "tail=", "tail=99999999999999999999", "tail=1&tail=2",
        "since=yesterday", "since=", "service=a&service=b", "tail=%31%00",
    ],
)  # fmt: skip
async def test_a_wrong_query_parameter_is_400(shared: Served, query: str) -> None:
    known = await shared.running()

    answer = await shared.get(f"/v1/environments/{known}/logs?{query}")

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "invalid_request"


@pytest.mark.parametrize(
    "since", ["2026-01-01T00:00:00", "2026-01-01", "0001-01-01T00:00:00%2B14:00", "2026-01-01T00:00:00Z"]
)
async def test_a_time_without_a_zone_is_utc(shared: Served, since: str) -> None:
    known = await shared.running()
    shared.engine.print(f"{known}/web/0", "hello\n")

    answer = await shared.get(f"/v1/environments/{known}/logs?since={since}")

    assert answer.status_code == 200, answer.text
    assert [line["text"] for line in answer.json()["data"]] == ["hello"]


@pytest.mark.parametrize("name", ["a\u0000b", "\u0000"])
async def test_the_character_that_no_database_stores_is_400(shared: Served, name: str) -> None:
    answer = await shared.post("/v1/environments", json={"blueprint": BLUEPRINT, "name": name})
    in_json = {"services": {"web": {"run": "serve", "env": {"A": name}}}}

    assert answer.status_code == 400
    assert (await shared.post("/v1/environments", json={"blueprint": in_json})).status_code in (400, 422)
    assert (await shared.get("/v1/environments/%00")).status_code == 400


@pytest.mark.parametrize(
    "name", ["naïve ☂ 𝔰𝔥𝔬𝔭", "'; DROP TABLE environments; --", "<script>", "a\\u0000b", "x" * 100, " padded "]
)
async def test_a_name_may_be_any_other_text(shared: Served, name: str) -> None:
    made = await shared.create(name=name)

    assert (await shared.get(f"/v1/environments/{made['id']}")).json()["data"]["name"] == name.strip()


@pytest.mark.parametrize("name", TAKING_BODIES)
async def test_a_body_that_never_comes_is_a_missing_field_or_no_matter(shared: Served, name: str) -> None:
    route = ROUTES[name]

    answer = await shared.request(route.method, re.sub(r"\{\w+\}", "env_" + "0" * 26, route.path))

    # 200 where every field may be left out
    assert answer.status_code in (200, 400, 404, 409)
