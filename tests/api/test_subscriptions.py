"""Subscriptions: graphql-transport-ws and graphql-sse by their reference clients, credentials, and many viewers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.live import LiveServer
from tests.support.node import run_client
from tests.support.serving import Served
from tests.support.sockets import Socket, connected
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

PROTOCOL = "graphql-transport-ws"
PROGRESS = """subscription ($id: ID!, $after: String) {
  environmentProgress(id: $id, after: $after) { cursor kind message end { reason } }
}"""
LOGS = """subscription ($id: ID!, $after: String) {
  environmentLogs(id: $id, after: $after) { cursor service lines end { reason } }
}"""


def _order(live: LiveServer, client: str, query: str, variables: dict[str, Any], **options: Any) -> dict[str, Any]:
    url = live.ws_url if client == "ws.mjs" else live.url
    return {"url": f"{url}/graphql", "token": live.key, "query": query, "variables": variables, **options}


def _items(lines: list[Any], field: str) -> list[dict[str, Any]]:
    return [line["item"]["data"][field] for line in lines if "item" in line]


@pytest.mark.parametrize("client", ["ws.mjs", "sse.mjs"])
def test_the_reference_clients_follow_progress_over_a_cut(live: LiveServer, client: str) -> None:
    known = live.running()

    first = run_client(client, _order(live, client, PROGRESS, {"id": known}, abortAfter=2))
    live.http.post(f"/v1/environments/{known}/stop")
    live.reach(known, "stopped")
    live.http.delete(f"/v1/environments/{known}")
    cursor = _items(first, "environmentProgress")[-1]["cursor"]
    second = run_client(client, _order(live, client, PROGRESS, {"id": known, "after": cursor}))

    assert first[-1] == {"done": "aborted"}
    assert second[-1] == {"done": "complete"}
    items = [*_items(first, "environmentProgress"), *_items(second, "environmentProgress")]
    positions = [int(item["cursor"]) for item in items if item["end"] is None]
    assert positions == list(range(1, len(positions) + 1)), "nothing lost, nothing doubled"
    assert items[-1]["end"] == {"reason": "terminated"}


@pytest.mark.parametrize("client", ["ws.mjs", "sse.mjs"])
def test_the_reference_clients_follow_logs_over_a_cut(live: LiveServer, client: str) -> None:
    known = live.running(blueprint={"services": {"web": {"run": "serve", "replicas": 2}}})
    for number in range(200):
        live.print(f"{known}/web/{number % 2}", f"line {number}\n")

    cursor, lines, rounds = None, [], 0
    while len(lines) < 200:
        seen = run_client(client, _order(live, client, LOGS, {"id": known, "after": cursor}, abortAfter=40))
        items = _items(seen, "environmentLogs")
        lines += [line for item in items for line in item["lines"]]
        cursor, rounds = items[-1]["cursor"], rounds + 1
        assert rounds < 20

    assert sorted(lines, key=lambda line: int(line.split()[1])) == [f"line {number}" for number in range(200)]


@pytest.mark.parametrize("client", ["ws.mjs", "sse.mjs"])
def test_the_reference_clients_are_told_what_is_wrong(live: LiveServer, client: str) -> None:
    for query, code in [
        (PROGRESS.replace("cursor", "nothing"), "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        (PROGRESS, "NOT_FOUND"),
    ]:
        variables = {"id": "env_missing"} if query == PROGRESS else {}
        lines = run_client(client, _order(live, client, query, variables))
        told = lines[-1].get("error") or next((line["item"]["errors"] for line in lines if "item" in line), [])
        assert told, (query, lines)
        assert told[0]["extensions"]["code"] == code


def test_the_clients_may_also_ask_queries_and_mutations(live: LiveServer) -> None:
    order = _order(live, "ws.mjs", "{ viewer { role } }", {})

    assert run_client("ws.mjs", order)[0]["item"]["data"] == {"viewer": {"role": "OWNER"}}


@pytest.mark.parametrize("token", ["", "sk_live_nonsense"])
def test_a_connection_without_a_valid_key_is_closed_with_4403(live: LiveServer, token: str) -> None:
    order = {**_order(live, "ws.mjs", PROGRESS, {"id": "x"}), "token": token}

    assert run_client("ws.mjs", order)[-1]["closed"] == 4403


def test_sse_without_a_key_is_told_so(live: LiveServer) -> None:
    order = {**_order(live, "sse.mjs", PROGRESS, {"id": "x"}), "token": ""}

    lines = run_client("sse.mjs", order)

    assert "UNAUTHORIZED" in str(lines)


def test_the_key_may_come_with_the_upgrade(live: LiveServer) -> None:
    order = {**_order(live, "ws.mjs", "{ viewer { role } }", {}), "token": ""}

    lines = run_client("ws.mjs", {**order, "headers": {"Authorization": f"Bearer {live.key}"}})

    assert lines[0]["item"]["data"]["viewer"]["role"] == "OWNER"


async def _begin(socket: Socket, **payload: str) -> Any:
    await socket.send({"type": "connection_init", "payload": payload})
    return await socket.next()


async def test_a_browser_sends_its_key_as_a_second_subprotocol(shared: Served) -> None:
    offered = [PROTOCOL, f"bearer.{shared.key}"]

    async with connected(shared.product.app, "/graphql", subprotocols=offered) as socket:
        assert socket.subprotocol == PROTOCOL, "never the key itself"
        assert (await _begin(socket))["type"] == "connection_ack"
        await socket.send({"id": "1", "type": "subscribe", "payload": {"query": "{ viewer { role } }"}})
        assert (await socket.next())["payload"]["data"] == {"viewer": {"role": "OWNER"}}


async def test_subscribing_before_the_connection_is_acknowledged_closes_it_with_4401(shared: Served) -> None:
    async with connected(shared.product.app, "/graphql", subprotocols=[PROTOCOL]) as socket:
        await socket.send({"id": "1", "type": "subscribe", "payload": {"query": "{ liveness { status } }"}})
        assert await socket.next() is None
        assert socket.closed is not None
        assert socket.closed[0] == 4401


async def test_initializing_twice_closes_with_4429_and_an_id_twice_with_4409(shared: Served) -> None:
    known = await shared.running()
    operation = {"id": "1", "type": "subscribe", "payload": {"query": PROGRESS, "variables": {"id": known}}}

    async with connected(shared.product.app, "/graphql", subprotocols=[PROTOCOL], key=shared.key) as socket:
        await _begin(socket)
        await _begin(socket)
        assert (socket.closed or (0,))[0] == 4429
    async with connected(shared.product.app, "/graphql", subprotocols=[PROTOCOL], key=shared.key) as socket:
        await _begin(socket)
        await socket.send(operation)
        await socket.send(operation)
        await socket.all()
        assert (socket.closed or (0,))[0] == 4409


@pytest.mark.parametrize("offered", [["graphql-ws"], [], ["bearer.sk_live_x"]])
async def test_an_unknown_subprotocol_closes_with_4406(shared: Served, offered: list[str]) -> None:
    async with connected(shared.product.app, "/graphql", subprotocols=offered) as socket:
        assert await socket.next() is None

    assert socket.subprotocol is None
    assert (socket.closed or (0,))[0] == 4406


async def test_an_error_ends_its_own_operation_not_the_connection(shared: Served) -> None:
    async with connected(shared.product.app, "/graphql", subprotocols=[PROTOCOL], key=shared.key) as socket:
        await _begin(socket)
        for query in ("{", "{ nothing }", 'subscription { environmentProgress(id: "x") { cursor } }'):
            await socket.send({"id": query, "type": "subscribe", "payload": {"query": query}})
            told = await socket.next()
            while told["type"] == "complete":
                told = await socket.next()
            errors = told["payload"] if told["type"] == "error" else told["payload"]["errors"]
            assert errors[0]["extensions"]["code"] in ("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "NOT_FOUND")
        await socket.send({"id": "9", "type": "subscribe", "payload": {"query": "{ liveness { status } }"}})
        answers = [await socket.next(), await socket.next()]
        [answered] = [each["payload"]["data"] for each in answers if each["id"] == "9" and each["type"] == "next"]
        assert answered == {"liveness": {"status": "ok"}}


async def test_operations_of_a_connection_share_nothing(shared: Served) -> None:
    """What one operation has read is not another one's answer."""
    client = await shared.newcomer()
    known = await client.running()
    query = f'{{ environment(id: "{known}") {{ name services {{ replicas readyReplicas }} }} }}'

    async with connected(shared.product.app, "/graphql", subprotocols=[PROTOCOL], key=client.key) as socket:
        await _begin(socket)
        answers = []
        for number in range(2):
            await socket.send({"id": str(number), "type": "subscribe", "payload": {"query": query}})
            answers.append((await socket.next())["payload"]["data"]["environment"]["services"][0]["readyReplicas"])
            await socket.next()
            await client.patch(f"/v1/environments/{known}/scale", json={"service": "web", "replicas": 3})
            await client.settled(known, "running")

    assert answers == [1, 3]


async def test_two_hundred_viewers_that_leave_leave_nothing_behind(shared: Served) -> None:
    client = await shared.newcomer()
    known = await client.running()
    shared.engine.print(f"{known}/web/0", "hello\n")
    events = shared.product.product.environments.events
    before = len(asyncio.all_tasks())

    async def view(number: int) -> int:
        query, field = (PROGRESS, "environmentProgress") if number % 2 else (LOGS, "environmentLogs")
        async with connected(shared.product.app, "/graphql", subprotocols=[PROTOCOL], key=client.key) as socket:
            await _begin(socket)
            payload = {"query": query, "variables": {"id": known}}
            await socket.send({"id": "1", "type": "subscribe", "payload": payload})
            first = await socket.next(30)
            if number % 3 == 0:
                await socket.send({"id": "1", "type": "complete"})
            assert first["payload"]["data"][field]["cursor"]
            return len(socket.frames)

    viewed = await asyncio.gather(*(view(number) for number in range(200)))

    async def nothing_is_left() -> bool:
        return events.waiting == 0 and not shared.engine._followers and len(asyncio.all_tasks()) <= before + 2

    assert len(viewed) == 200
    await until(nothing_is_left)


async def test_a_viewer_of_an_environment_sees_each_step_as_it_happens(shared: Served) -> None:
    client = await shared.newcomer()
    known = await client.running()

    async with connected(shared.product.app, f"/v1/environments/{known}/progress", key=client.key) as socket:
        for _ in range(3):
            await socket.next()
        await client.post(f"/v1/environments/{known}/stop")
        kinds = [(frame := await socket.next())["kind"] for _ in range(2)]
        while frame["status"] != "stopped":
            frame = await socket.next()

    assert kinds[0] == "requested"
