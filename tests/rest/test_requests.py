"""What holds for every request: its id, its rate limit, its errors."""

from __future__ import annotations

import asyncio
import time

import pytest

from app.audit.repository import ALL_EVENTS
from app.core.errors import StorageUnavailable
from app.environments.service import Environments
from app.identity.models import Plan
from tests.support.live import LiveServer
from tests.support.serving import BLUEPRINT, Client, Served
from tests.support.tenants import found

pytestmark = pytest.mark.anyio


async def test_a_well_formed_request_id_is_kept_everywhere(shared: Served) -> None:
    client = await shared.newcomer()
    own = "trace-1234.5678:abc_d"

    answer = await client.post("/v1/environments", json={"blueprint": BLUEPRINT}, headers={"X-Request-ID": own})

    [event] = await client.tenant.work().all(ALL_EVENTS)
    assert answer.headers["x-request-id"] == own
    assert answer.json()["meta"]["requestId"] == own
    assert event.request_id == own


@pytest.mark.parametrize(
    "bad", ["short", "x" * 129, "with spaces in it", "inject\tion-1234", "<script>alert(1)</script>", ""]
)
async def test_another_request_id_is_replaced(shared: Served, bad: str) -> None:
    answer = await shared.get("/v1/environments", headers={"X-Request-ID": bad})

    assert answer.headers["x-request-id"] != bad
    assert answer.headers["x-request-id"].startswith("req_")


async def test_every_answer_has_a_request_id_of_its_own(shared: Served) -> None:
    paths = ["/v1/environments", "/nowhere", "/health", "/v1/environments/x", "/graphql"]

    answers = [await shared.get(path) for path in paths] + [await shared.get(path) for path in paths]

    ids = [answer.headers.get("x-request-id") for answer in answers]
    assert None not in ids
    assert len(set(ids)) == len(ids)


async def test_authenticated_answers_tell_the_rate_limit(shared: Served) -> None:
    client = await shared.newcomer(Plan.FREE)

    first = await client.get("/v1/environments")
    second = await client.get("/v1/environments/env_missing")

    assert first.headers["x-ratelimit-limit"] == "100"
    assert [int(answer.headers["x-ratelimit-remaining"]) for answer in (first, second)] == [99, 98]
    assert 0 < int(first.headers["x-ratelimit-reset"]) - time.time() <= 61
    assert "x-ratelimit-limit" not in (await shared.get("/health")).headers


async def test_one_request_too_many_is_429_and_says_when_to_come_back(shared: Served) -> None:
    client = await shared.newcomer(Plan.FREE)

    answers = await asyncio.gather(*(client.get("/v1/environments") for _ in range(101)))

    [refused] = [answer for answer in answers if answer.status_code != 200]
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert refused.json()["error"]["code"] == "rate_limited"


async def test_organizations_and_plans_are_counted_apart(shared: Served) -> None:
    free, other = await shared.newcomer(Plan.FREE), await shared.newcomer(Plan.FREE)
    own_quota = await found(shared.product.database, Plan.ENTERPRISE, requests_per_minute=7)
    await asyncio.gather(*(free.get("/v1/environments") for _ in range(101)))

    answer = await Client(shared.http, own_quota, own_quota.api_key).get("/v1/environments")

    assert answer.headers["x-ratelimit-limit"] == "7"
    assert (await other.get("/v1/environments")).status_code == 200


async def test_a_refused_request_has_no_effect(shared: Served) -> None:
    client = await shared.newcomer(Plan.FREE)
    await asyncio.gather(*(client.get("/v1/environments") for _ in range(100)))

    answer = await client.post("/v1/environments", json={"blueprint": BLUEPRINT})

    assert answer.status_code == 429
    assert await client.tenant.work().all(ALL_EVENTS) == []


async def test_a_defect_is_masked_and_has_a_request_id(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("the secret inside")

    monkeypatch.setattr(Environments, "page", defect)

    answer = await shared.get("/v1/environments")

    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert answer.headers["x-request-id"] in answer.json()["error"]["message"]
    assert "secret inside" not in answer.text
    assert "ZeroDivision" not in answer.text
    assert "Traceback" not in answer.text


async def test_a_database_that_does_not_answer_is_503(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_: object) -> None:
        raise StorageUnavailable("The database cannot be read: disk I/O error.")

    monkeypatch.setattr(Environments, "page", silent)

    answer = await shared.get("/v1/environments")

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "storage_unavailable"


def test_head_answers_as_get_without_a_body(live: LiveServer) -> None:
    get, head = live.http.get("/v1/environments"), live.http.head("/v1/environments")

    assert (head.status_code, head.content) == (200, b"")
    assert set(head.headers) == set(get.headers)


def test_a_client_that_goes_away_in_the_middle_of_its_body_hurts_nobody(live: LiveServer) -> None:
    import socket

    for _ in range(20):
        with socket.create_connection(("127.0.0.1", int(live.url.rsplit(":", 1)[1]))) as connection:
            head = f"POST /v1/environments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {live.key}\r\n"
            connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{".encode())

    assert live.http.get("/v1/environments").json()["data"] == []


def test_a_chunked_body_beyond_the_limit_is_413_over_a_real_connection(live: LiveServer) -> None:
    def chunks():  # type: ignore[no-untyped-def]
        for _ in range(100):
            yield b" " * 65_536

    answer = live.http.post("/v1/environments", content=chunks(), headers={"Content-Type": "application/json"})

    assert answer.status_code == 413
