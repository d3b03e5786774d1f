"""WebSocket routes: JSON text frames, one item a frame, resumable with `?after=`."""

from __future__ import annotations

import asyncio
import json

import pytest
import websockets

from tests.support.live import LiveServer
from tests.support.samples import MISSING
from tests.support.serving import Served
from tests.support.sockets import Refused, connected
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


async def test_progress_tells_every_step_once_in_order(shared: Served) -> None:
    known = await shared.environment("terminated")

    async with connected(shared.product.app, f"/v1/environments/{known}/progress", key=shared.key) as socket:
        frames = await socket.all()

    positions = [int(frame["cursor"]) for frame in frames[:-1]]
    assert positions == list(range(1, len(positions) + 1))
    assert frames[0]["kind"] == "requested"
    assert frames[-1]["end"] == {"reason": "terminated"}
    assert socket.closed == (1000, "end")


@pytest.mark.parametrize("cut", range(6))
async def test_progress_resumes_behind_any_cursor(shared: Served, cut: int) -> None:
    known = await shared.environment("terminated")
    path = f"/v1/environments/{known}/progress"
    async with connected(shared.product.app, path, key=shared.key) as socket:
        whole = await socket.all()

    async with connected(shared.product.app, path, key=shared.key, query=f"after={cut}") as socket:
        rest = await socket.all()

    assert rest == whole[cut:]


async def test_log_lines_come_as_they_are_written_and_resume_without_loss(shared: Served) -> None:
    known = await shared.running()
    path, unit = f"/v1/environments/{known}/logstream", f"{known}/web/0"
    seen: list[str] = []
    cursor = ""

    for part in range(5):
        shared.engine.print(unit, f"line {part}a\nline {part}b\n")
        query = f"after={cursor}" if cursor else ""
        async with connected(shared.product.app, path, key=shared.key, query=query) as socket:
            frame = await socket.next()
            seen += frame["lines"]
            cursor = frame["cursor"]

    assert seen == [f"line {part}{half}" for part in range(5) for half in "ab"]


async def test_a_line_that_is_not_yet_complete_waits(shared: Served) -> None:
    known = await shared.running()
    path, unit = f"/v1/environments/{known}/logstream", f"{known}/web/0"

    async with connected(shared.product.app, path, key=shared.key) as socket:
        shared.engine.print(unit, "begun")
        shared.engine.print(unit, " and done\n")
        frame = await socket.next()

    assert frame["lines"] == ["begun and done"]


@pytest.mark.parametrize("route", ["progress", "logstream"])
async def test_what_is_wrong_before_the_stream_is_an_http_answer(shared: Served, route: str) -> None:
    known = await shared.running()
    path = f"/v1/environments/{known}/{route}"
    cases = [
        (path, None, "", 401, "unauthorized"),
        (path, "sk_live_nonsense", "", 401, "unauthorized"),
        (f"/v1/environments/{MISSING['env']}/{route}", shared.key, "", 404, "not_found"),
        (path, shared.key, "after=nonsense", 400, "invalid_request"),
        (path, shared.key, "afterr=1", 400, "invalid_request"),
    ]

    for asked, key, query, status, code in cases:
        with pytest.raises(Refused) as refused:
            async with connected(shared.product.app, asked, key=key, query=query):
                pass
        assert (refused.value.status, refused.value.body["error"]["code"]) == (status, code), asked


async def test_a_key_never_travels_in_the_query(shared: Served) -> None:
    known = await shared.running()

    for query in (f"token={shared.key}", f"access_token={shared.key}", f"key={shared.key}"):
        with pytest.raises(Refused):
            async with connected(shared.product.app, f"/v1/environments/{known}/progress", query=query):
                pass


async def test_a_browser_sends_its_key_as_a_second_subprotocol(shared: Served) -> None:
    known = await shared.running()
    offered = ["soundstage", f"bearer.{shared.key}"]

    async with connected(shared.product.app, f"/v1/environments/{known}/progress", subprotocols=offered) as socket:
        frame = await socket.next()

    assert frame["kind"] == "requested"
    assert socket.subprotocol == "soundstage", "never the key itself"


async def test_a_websocket_to_a_path_without_stream_is_refused(shared: Served) -> None:
    for path in ("/v1/environments", "/nowhere", "/health"):
        with pytest.raises(Refused):
            async with connected(shared.product.app, path, key=shared.key):
                pass


async def test_viewers_that_leave_leave_nothing_behind(shared: Served) -> None:
    known = await shared.running()
    events = shared.product.product.environments.events
    shared.engine.print(f"{known}/web/0", "hello\n")

    for route in ("progress", "logstream"):
        for _ in range(20):
            async with connected(shared.product.app, f"/v1/environments/{known}/{route}", key=shared.key):
                pass

    async def nobody_waits() -> bool:
        return events.waiting == 0 and not shared.engine._followers

    await until(nobody_waits)


def test_a_stream_over_a_real_socket_resumes_after_a_cut(live: LiveServer) -> None:
    known = live.running()
    address = f"{live.ws_url}/v1/environments/{known}/progress"
    headers = {"Authorization": f"Bearer {live.key}"}

    async def watch() -> list[int]:
        seen: list[int] = []
        async with websockets.connect(address, additional_headers=headers) as socket:
            seen.append(int(json.loads(await socket.recv())["cursor"]))
            socket.transport.abort()
        await asyncio.to_thread(live.http.delete, f"/v1/environments/{known}")
        async with websockets.connect(f"{address}?after={seen[-1]}", additional_headers=headers) as socket:
            async for frame in socket:
                item = json.loads(frame)
                if item["end"] is None:
                    seen.append(int(item["cursor"]))
        return seen

    seen = asyncio.run(watch())

    assert seen == list(range(1, len(seen) + 1))


def test_a_refusal_over_a_real_socket_is_an_http_answer(live: LiveServer) -> None:
    async def refused() -> tuple[int, bytes]:
        with pytest.raises(websockets.InvalidStatus) as error:
            await websockets.connect(f"{live.ws_url}/v1/environments/{MISSING['env']}/progress")
        return error.value.response.status_code, error.value.response.body

    status, body = asyncio.run(refused())

    assert status == 401
    assert json.loads(body)["error"]["code"] == "unauthorized"
