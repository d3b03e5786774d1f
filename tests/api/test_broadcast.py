"""Viewers of the same get the same bytes; never those of another organization, nor what they may not see."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from app.core.actor import Role
from resolvers.broadcast import Broadcast
from tests.support.serving import Client, Served
from tests.support.sockets import Socket, connected
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

PROTOCOL = "graphql-transport-ws"
PROGRESS = "subscription Watch($id: ID!) { environmentProgress(id: $id) { cursor kind message end { reason } } }"
AUDIT = "subscription { auditLog { cursor event { action resource } } }"


class Viewer:
    """One subscription on a WebSocket of its own."""

    def __init__(self, socket: Socket, number: int) -> None:
        self.socket, self.id, self.items = socket, f"viewer-{number}", []  # type: ignore[var-annotated]

    async def subscribe(self, query: str, variables: dict[str, Any]) -> None:
        await self.socket.send({"type": "connection_init", "payload": {}})
        assert (await self.socket.next())["type"] == "connection_ack"
        payload = {"query": query, "variables": variables}
        await self.socket.send({"id": self.id, "type": "subscribe", "payload": payload})

    async def until_end(self) -> list[dict[str, Any]]:
        """The payloads of all results."""
        while True:
            message = await self.socket.next()
            assert message["id"] == self.id
            if message["type"] != "next":
                self.items.append(message)
                return self.items
            self.items.append(message["payload"])


async def _viewer(stack: AsyncExitStack, server: Served, client: Client, number: int) -> Viewer:
    opened = connected(server.product.app, "/graphql", subprotocols=[PROTOCOL], key=client.key)
    return Viewer(await stack.enter_async_context(opened), number)


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[Broadcast]:
    """The broadcasts that were joined."""
    joined: list[Broadcast] = []
    usual = Broadcast.join

    def join(broadcast: Broadcast, *given: Any) -> Any:
        member = usual(broadcast, *given)
        if member is not None:
            joined.append(broadcast)
        return member

    monkeypatch.setattr(Broadcast, "join", join)
    return joined


async def _plan(server: Served, query: str, variables: dict[str, Any], client: Client) -> None:
    """Runs it once, so that it is known from then on."""
    async with AsyncExitStack() as stack:
        viewer = await _viewer(stack, server, client, 0)
        await viewer.subscribe(query, variables)
        await viewer.socket.next()


async def test_many_viewers_share_one_stream(shared: Served, groups: list[Broadcast]) -> None:
    client = await shared.newcomer()
    known = await client.running()
    await _plan(shared, PROGRESS, {"id": known}, client)

    async with AsyncExitStack() as stack:
        viewers = [await _viewer(stack, shared, client, number) for number in range(20)]
        for viewer in viewers[:10]:
            await viewer.subscribe(PROGRESS, {"id": known})
        await client.post(f"/v1/environments/{known}/stop")
        await client.reach(known, "stopped")
        for viewer in viewers[10:]:
            await viewer.subscribe(PROGRESS, {"id": known})
        await until(lambda: asyncio.sleep(0, len(groups) == 20))
        assert groups[0].size == 1
        await client.delete(f"/v1/environments/{known}")
        seen = await asyncio.gather(*(viewer.until_end() for viewer in viewers))

    told = [[item.get("data") for item in items] for items in seen]
    assert told == [told[0]] * 20
    assert told[0][-2]["environmentProgress"]["end"] == {"reason": "terminated"}
    assert all(items[0]["extensions"]["cost"]["requested"] for items in seen), "each pays for its own"
    assert groups[0].size == 0


async def test_two_organizations_never_see_one_anothers(shared: Served, groups: list[Broadcast]) -> None:
    clients = [await shared.newcomer(), await shared.newcomer()]
    made = [(await client.create(name=f"of-{number}"))["id"] for number, client in enumerate(clients)]
    await _plan(shared, AUDIT, {}, clients[0])

    async with AsyncExitStack() as stack:
        viewers = [await _viewer(stack, shared, client, number) for number, client in enumerate(clients * 3)]
        for viewer in viewers:
            await viewer.subscribe(AUDIT, {})
        await until(lambda: asyncio.sleep(0, len(groups) == 6))
        assert groups[0].size == 2
        received = [await viewer.socket.next() for viewer in viewers]

    told = [message["payload"]["data"]["auditLog"]["event"]["resource"] for message in received]
    assert told == made * 3


async def test_who_may_not_see_it_is_not_served_from_a_group(shared: Served, groups: list[Broadcast]) -> None:
    client = await shared.newcomer()
    viewer_of_the_organization = await client.as_(Role.VIEWER, "environments:read")
    await client.create()
    await _plan(shared, AUDIT, {}, client)

    async with AsyncExitStack() as stack:
        owner = await _viewer(stack, shared, client, 1)
        await owner.subscribe(AUDIT, {})
        assert (await owner.socket.next())["type"] == "next"
        other = await _viewer(stack, shared, viewer_of_the_organization, 2)
        await other.subscribe(AUDIT, {})
        told = await other.socket.next()

    errors = told["payload"] if told["type"] == "error" else told["payload"]["errors"]
    assert errors[0]["extensions"]["code"] == "FORBIDDEN"
