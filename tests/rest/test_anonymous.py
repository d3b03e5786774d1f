"""Requests without a valid credential are counted by the client's address; probes are not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from tests.support.serving import Served

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """What is tested here is counted in memory."""
    name: str = request.param
    return name


async def test_of_many_requests_of_nobody_the_limit_is_answered(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve(anonymous_per_minute=30)
    nobody = server.with_key("sk_live_guess")

    answers = await asyncio.gather(
        *(nobody.get("/v1/environments") for _ in range(20)),
        *(nobody.post("/graphql", json={"query": "{ viewer { role } }"}) for _ in range(20)),
    )

    told = Counter(answer.status_code for answer in answers)
    assert told[429] == 10
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(1 <= int(answer.headers["retry-after"]) <= 61 for answer in refused)
    assert {code for answer in refused for code in ("rate_limited", "RATE_LIMITED") if code in answer.text}


async def test_probes_and_valid_credentials_are_not_counted(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve(anonymous_per_minute=1)
    nobody = server.with_key(None)

    probes = [(await nobody.get(path)).status_code for path in ("/health", "/ready", "/live", "/health/live") * 3]
    own = [(await server.get("/v1/environments")).status_code for _ in range(3)]

    assert 429 not in probes
    assert own == [200] * 3


async def test_the_limit_can_be_left_to_a_proxy(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve(anonymous_per_minute=0)

    answers = [await server.with_key(None).get("/v1/environments") for _ in range(400)]

    assert {answer.status_code for answer in answers} == {401}
