"""`node(id:)`, connections, and how many statements an answer takes."""

from __future__ import annotations

import pytest

from app.core.paging import encode_cursor
from tests.support.samples import MISSING, Sample, facts
from tests.support.serving import Client, Served
from tests.support.statements import counted_statements

pytestmark = pytest.mark.anyio

BLUEPRINT = {"services": {"web": {"run": "serve", "ports": ["http"]}, "db": {"run": "store"}}}
CREATE = "mutation ($input: CreateEnvironmentInput!) { createEnvironment(input: $input) { id } }"
PAGE = """query ($first: Int, $after: String) { environments(first: $first, after: $after) {
  edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
} }"""


async def _many(client: Client, count: int) -> list[str]:
    variables = {"input": {"blueprint": BLUEPRINT}}
    made = [(await client.data(CREATE, variables))["createEnvironment"]["id"] for _ in range(count)]
    return sorted(made, reverse=True)


async def test_a_node_is_read_by_its_id_whatever_its_type(shared: Served) -> None:
    client = await shared.newcomer()
    known = await facts(client, Sample())
    query = "query ($id: ID!) { node(id: $id) { __typename id } }"

    found = {
        kind: (await client.data(query, {"id": id_}))["node"]
        for kind, id_ in [("Environment", known.environment), ("ApiKey", known.key), ("Organization", client.tenant.id)]
    }

    assert {kind: node["__typename"] for kind, node in found.items()} == {kind: kind for kind in found}
    for missing in (*MISSING.values(), "", "nonsense", "usr_" + "0" * 26, known.environment.upper()):
        assert (await client.data(query, {"id": missing}))["node"] is None


async def test_pages_of_a_connection_hold_each_of_250_once(shared: Served) -> None:
    client = await shared.newcomer()
    made = await _many(client, 250)

    seen: list[str] = []
    after, pages = None, 0
    while True:
        page = (await client.data(PAGE, {"first": 100, "after": after}))["environments"]
        info = page["pageInfo"]
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert info["startCursor"] == page["edges"][0]["cursor"]
        assert info["endCursor"] == page["edges"][-1]["cursor"]
        assert info["hasPreviousPage"] == (after is not None)
        seen += [node["id"] for node in page["nodes"]]
        after, pages = info["endCursor"], pages + 1
        if not info["hasNextPage"]:
            break

    assert (seen, pages) == (made, 3)


async def test_a_page_has_at_most_a_hundred(shared: Served) -> None:
    client = await shared.newcomer()

    for first in (0, -1, 101, 2**31 - 1):
        assert await client.code(PAGE, {"first": first}) == "INVALID_REQUEST"
    empty = (await client.data(PAGE, {"first": 100}))["environments"]
    assert empty["pageInfo"] == {
        "hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None
    }  # fmt: skip


async def test_a_cursor_of_an_item_that_is_nobodys_still_has_its_place(shared: Served) -> None:
    client = await shared.newcomer()
    made = await _many(client, 3)

    page = await client.data(PAGE, {"first": 10, "after": encode_cursor("env_zzzz")})

    assert [node["id"] for node in page["environments"]["nodes"]] == made


async def test_keys_are_paged_too(shared: Served) -> None:
    client = await shared.newcomer()
    for number in range(4):
        await client.data(f'mutation {{ createApiKey(input: {{name: "k{number}"}}) {{ id }} }}')
    query = "query ($after: String) { apiKeys(first: 3, after: $after) { nodes { name } pageInfo { endCursor } } }"

    first = (await client.data(query))["apiKeys"]
    second = (await client.data(query, {"after": first["pageInfo"]["endCursor"]}))["apiKeys"]

    names = [node["name"] for node in (*first["nodes"], *second["nodes"])]
    assert sorted(names) == ["first key", "k0", "k1", "k2", "k3"]


@pytest.mark.parametrize("by", ["graphql", "rest"])
async def test_fifty_environments_take_as_many_statements_as_one(
    shared: Served, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    query = "{ environments { nodes { id url services { name instances { status cause { kind } } ports { url } } } } }"

    async def statements(count: int) -> int:
        client = await shared.newcomer()
        for environment in await _many(client, count):
            await client.settled(environment, "running")
        with counted_statements(shared, client, monkeypatch) as asked:
            found = (
                (await client.data(query))["environments"]["nodes"]
                if by == "graphql"
                else (await client.get("/v1/environments")).json()["data"]
            )
        assert len(found) == count
        assert all(len(environment["services"]) == 2 for environment in found)
        return len(asked)

    assert await statements(1) == await statements(50) == 2
