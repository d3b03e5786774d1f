"""Lists: pages by cursor, in `meta` and in the `Link` header."""

from __future__ import annotations

import re

import pytest

from tests.support.serving import BLUEPRINT, Client, Served

pytestmark = pytest.mark.anyio

CREATE = "mutation ($input: CreateEnvironmentInput!) { createEnvironment(input: $input) { id } }"


async def _many(client: Client, count: int) -> list[str]:
    """Newest first."""
    made = [
        (await client.data(CREATE, {"input": {"blueprint": BLUEPRINT, "name": f"n{number}"}}))["createEnvironment"][
            "id"
        ]
        for number in range(count)
    ]
    return made[::-1]


async def test_pages_hold_every_item_once_newest_first(shared: Served) -> None:
    client = await shared.newcomer()
    made = await _many(client, 25)

    seen: list[str] = []
    path = "/v1/environments?limit=10"
    while path:
        answer = await client.get(path)
        seen += [item["id"] for item in answer.json()["data"]]
        meta, link = answer.json()["meta"], re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
        assert meta["hasMore"] == (meta["nextCursor"] is not None) == (link is not None)
        path = link[1] if link else ""

    assert sorted(seen) == sorted(made)
    assert seen == sorted(seen, reverse=True)


async def test_the_link_keeps_the_other_parameters(shared: Served) -> None:
    client = await shared.newcomer()
    for environment in await _many(client, 3):
        await client.reach(environment, "running")

    answer = await client.get("/environments?limit=2&status=running")

    following = answer.links["next"]["url"]
    assert following.startswith("/environments?")
    assert {"limit=2", "status=running"} < set(following.partition("?")[2].split("&"))
    assert len((await client.get(following)).json()["data"]) == 1


async def test_a_page_has_a_hundred_items_unless_asked_for_up_to_a_thousand(shared: Served) -> None:
    client = await shared.newcomer()
    await _many(client, 105)

    assert len((await client.get("/v1/environments")).json()["data"]) == 100
    assert len((await client.get("/v1/environments?limit=1000")).json()["data"]) == 105
    for wrong in ("0", "-1", "1001", "x", "1e2", "٣"):
        answer = await client.get("/v1/environments", params={"limit": wrong})
        assert answer.status_code == 400, wrong
        assert "limit" in answer.json()["error"]["message"]


@pytest.mark.parametrize("cursor", ["nonsense", "%00", "!!!!", "////", "é", "YQ" * 5_000])
async def test_a_cursor_that_is_not_ours_is_refused_or_finds_nothing(shared: Served, cursor: str) -> None:
    client = await shared.newcomer()
    await _many(client, 2)

    answer = await client.get("/v1/environments", params={"cursor": cursor})

    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert answer.json()["error"]["code"] == "invalid_request"


async def test_an_item_that_is_made_meanwhile_moves_no_page(shared: Served) -> None:
    client = await shared.newcomer()
    made = sorted(await _many(client, 4), reverse=True)
    first = (await client.get("/v1/environments?limit=2")).json()

    await _many(client, 3)
    second = (await client.get("/v1/environments", params={"limit": 2, "cursor": first["meta"]["nextCursor"]})).json()

    assert [item["id"] for item in (*first["data"], *second["data"])] == made


async def test_terminated_environments_stay_listed(shared: Served) -> None:
    client = await shared.newcomer()
    known = await client.environment("terminated")

    answer = await client.get("/v1/environments?status=terminated")

    assert [item["id"] for item in answer.json()["data"]] == [known]
