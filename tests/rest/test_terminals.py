"""The WebSocket of terminals: frames, credentials, writers, limits. The engine in memory gives back what is typed."""

from __future__ import annotations

import asyncio
import itertools
from base64 import b64decode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from app.core.actor import Role
from app.engines.base import TerminalOrder
from app.runner.output_ring import CAPACITY
from app.terminals.frames import PROTOCOL, Type, frame
from app.terminals.tickets import LIFE_SECONDS
from rest_compat.terminals import WINDOW
from tests.support.samples import MISSING
from tests.support.serving import Client, Served
from tests.support.sockets import Refused, connected
from tests.support.terminals import OPEN, PATH, TICKET, Viewer, new_session, open_terminal, viewing
from tests.support.waiting import until

pytestmark = pytest.mark.anyio
_numbers = itertools.count()
WRITE = """mutation ($id: ID!, $input: TerminalInput!, $takeOver: Boolean! = false) {
  writeTerminal(id: $id, input: $input, takeOver: $takeOver) { id writer }
}"""
OUTPUT = """subscription ($id: ID!, $after: String) {
  terminalOutput(id: $id, after: $after) { cursor data gap { start end } end { reason exitCode } }
}"""
SEEN = "query ($id: ID!) { terminal(id: $id) { status cause exitCode columns rows writer viewers } }"
ORIGIN = "http://soundstage.test"


async def terminal(client: Client, **fields: Any) -> str:
    return await open_terminal(client, await new_session(client, f"terminals-{next(_numbers)}"), **fields)


async def refusal(app: Any, terminal_id: str, key: str | None, **options: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        async with viewing(app, terminal_id, key, **options):
            pass
    return refused.value.status, refused.value.body["error"]["code"]


@pytest.mark.parametrize("path", [PATH, "/v1/ws/terminal"])
async def test_what_is_typed_is_seen(shared: Served, path: str) -> None:
    known = await terminal(shared, columns=100, rows=30)

    async with viewing(shared.product.app, known, shared.key, path=path) as viewer:
        await viewer.type("hello\r")
        await viewer.until(b"hello\r\n")

    assert viewer.socket.subprotocol == PROTOCOL
    assert viewer.hello["role"] == "writer"
    assert (viewer.hello["columns"], viewer.hello["rows"], viewer.hello["isolation"]) == (100, 30, "plain")


async def test_a_viewer_resumes_at_any_offset(shared: Served) -> None:
    known = await terminal(shared)
    async with viewing(shared.product.app, known, shared.key) as first:
        await first.type("one two\r")
        whole = await first.until(b"two\r\n")

    for offset in range(len(whole)):
        async with viewing(shared.product.app, known, shared.key, query=f"&offset={offset}") as viewer:
            assert await viewer.until(whole[offset:]) == whole[offset:]


async def test_the_end_tells_the_exit_code_and_closes(shared: Served) -> None:
    known = await terminal(shared)

    async with viewing(shared.product.app, known, shared.key) as viewer:
        await viewer.type("exit 3\r")
        await viewer.until_type(Type.EXIT)
        assert await viewer.step() is None

    assert (viewer.exit["cause"], viewer.exit["exitCode"]) == ("exit", 3)
    assert viewer.socket.closed == (1000, "end")

    async def ended() -> bool:
        found = (await shared.data(SEEN, {"id": known}))["terminal"]
        return bool((found["status"], found["cause"], found["exitCode"]) == ("ENDED", "exit", 3))

    await until(ended)
    async with viewing(shared.product.app, known, shared.key) as late:
        await late.until(b"exit 3")
        await late.until_type(Type.EXIT)


async def test_what_is_gone_is_told_as_a_gap(shared: Served) -> None:
    known = await terminal(shared)
    shared.engine.terminals.print(known, b"x" * (2 * CAPACITY))

    async with viewing(shared.product.app, known, shared.key) as viewer:
        while viewer.position < 2 * CAPACITY:
            await viewer.step()

    assert viewer.gaps == [(0, 2 * CAPACITY - len(viewer.data))]


async def test_one_writes_and_the_others_watch(shared: Served) -> None:
    known, app = await terminal(shared), shared.product.app
    other = await shared.as_(Role.MEMBER)

    async with viewing(app, known, shared.key) as writer, viewing(app, known, other.key) as watcher:
        assert (writer.hello["role"], watcher.hello["role"]) == ("writer", "viewer")
        await watcher.type("sneaky\r")
        await watcher.until_type(Type.ERROR)
        await writer.type("open\r")
        await watcher.until(b"open\r\n")
        assert (await shared.data(SEEN, {"id": known}))["terminal"]["viewers"] == 2

        await watcher.send(Type.TAKE_OVER)
        await watcher.until_type(Type.ROLE)
        await writer.until_type(Type.ROLE)
        await watcher.type("mine\r")
        await writer.until(b"mine\r\n")
        await writer.type("refused\r")
        await writer.until_type(Type.ERROR)

    assert watcher.errors == writer.errors == ["TERMINAL_HAS_WRITER"]
    assert [role["role"] for role in watcher.roles] == ["writer"]
    assert [role["role"] for role in writer.roles] == ["viewer"]
    assert b"sneaky" not in writer.data


async def test_the_newest_viewer_of_one_person_writes(shared: Served) -> None:
    known, app = await terminal(shared), shared.product.app

    async with viewing(app, known, shared.key) as older, viewing(app, known, shared.key) as newer:
        await older.until_type(Type.ROLE)
        assert older.roles[0]["role"] == "viewer"
        assert newer.hello["role"] == "writer"


async def test_a_free_place_goes_to_who_types_first(shared: Served) -> None:
    known, app = await terminal(shared), shared.product.app
    other = await shared.as_(Role.MEMBER)

    async with viewing(app, known, shared.key) as first:
        async with viewing(app, known, other.key) as second:
            pass
        async with viewing(app, known, other.key, query="&role=viewer") as second:
            await second.type("x")
            await second.until_type(Type.ERROR)
        assert second.errors == ["FORBIDDEN"]
        await first.type("still me\r")
        await first.until(b"still me")
    async with viewing(app, known, other.key) as third:
        await third.type("free now\r")
        await third.until(b"free now")


async def test_the_writer_sets_the_size_and_all_are_told(shared: Served) -> None:
    known, app = await terminal(shared), shared.product.app
    other = await shared.as_(Role.MEMBER)

    async with viewing(app, known, shared.key) as writer, viewing(app, known, other.key) as watcher:
        await writer.resize(132, 43)
        await watcher.until_type(Type.RESIZE)
        await watcher.resize(10, 10)
        await watcher.until_type(Type.ERROR)
        await writer.resize(0, 5)
        await writer.until_type(Type.ERROR)
        async with viewing(app, known, other.key) as late:
            assert (late.hello["columns"], late.hello["rows"]) == (132, 43)

    assert watcher.sizes == [(132, 43)]
    assert writer.errors == ["ENGINE_REFUSED"]


async def test_a_viewer_role_only_watches(shared: Served) -> None:
    known = await terminal(shared)
    viewer = await shared.as_(Role.VIEWER)

    async with viewing(shared.product.app, known, viewer.key) as watching:
        assert watching.hello["role"] == "viewer"
        await watching.type("x")
        await watching.until_type(Type.ERROR)
        await watching.send(Type.TAKE_OVER)
        await watching.until_type(Type.ERROR)

    assert watching.errors == ["FORBIDDEN", "FORBIDDEN"]


async def test_without_acknowledgement_it_stops_at_the_window(shared: Served) -> None:
    known = await terminal(shared)

    async with viewing(shared.product.app, known, shared.key) as viewer:
        await viewer.send(Type.ACK)
        await viewer.type("ready")
        await viewer.until(b"ready")
        shared.engine.terminals.print(known, b"x" * (CAPACITY - 100))
        await silent(viewer)
        assert WINDOW <= viewer.position < WINDOW + 64 * 1024
        await viewer.send(Type.ACK, offset=viewer.position)
        while viewer.position < CAPACITY - 95:
            await viewer.step()


async def test_a_paused_viewer_gets_nothing(shared: Served) -> None:
    known = await terminal(shared)

    async with viewing(shared.product.app, known, shared.key) as viewer:
        await viewer.send(Type.PAUSE)
        await viewer.type("first\r")
        await silent(viewer)
        position = viewer.position
        await viewer.type("second\r")
        await silent(viewer)
        assert viewer.position == position
        await viewer.send(Type.RESUME)
        await viewer.until(b"first\r\nsecond\r\n")


async def silent(viewer: Viewer) -> None:
    """Takes what comes, until nothing does."""
    with suppress(TimeoutError):
        while True:
            await viewer.step(0.2)


async def test_a_stuck_viewer_holds_up_nobody_and_is_skipped_ahead(shared: Served) -> None:
    known, app = await terminal(shared), shared.product.app

    async with viewing(app, known, shared.key) as stuck, viewing(app, known, shared.key) as other:
        await stuck.send(Type.PAUSE)
        await asyncio.sleep(0.05)
        for number in range(40):
            shared.engine.terminals.print(known, b"%06d" % number * 16_384)
            while other.position < (number + 1) * 6 * 16_384:
                await other.step()
        await stuck.send(Type.RESUME)
        while stuck.position < other.position:
            await stuck.step()

    assert other.gaps == []
    assert stuck.gaps
    assert stuck.data[-1000:] == other.data[-1000:]


async def test_a_frame_that_is_none_closes_the_socket(shared: Served) -> None:
    known = await terminal(shared)

    for wrong in (b"", b"\x10", frame(Type.OUTPUT, 0, b"x"), b"\xff" * 20):
        async with viewing(shared.product.app, known, shared.key) as viewer:
            await viewer.socket.send_bytes(wrong)
            while await viewer.step() is not None:
                pass
        assert viewer.socket.closed is not None
        assert viewer.socket.closed[0] == 1002


async def test_a_ticket_opens_once(shared: Served) -> None:
    known, app = await terminal(shared), shared.product.app
    made = (await shared.data(TICKET, {"id": known, "origin": ORIGIN}))["createTerminalTicket"]
    by_ticket = {"subprotocols": [f"ticket.{made['ticket']}"], "headers": {"origin": ORIGIN, "host": "soundstage.test"}}

    async with viewing(app, known, None, **by_ticket) as viewer:
        await viewer.type("by ticket\r")
        await viewer.until(b"by ticket")
        assert viewer.socket.subprotocol == PROTOCOL

    assert await refusal(app, known, None, **by_ticket) == (401, "ticket_invalid")
    assert made["path"] == f"{PATH}?terminal={known}"
    assert made["expiresIn"] == LIFE_SECONDS == 30


async def test_a_ticket_is_for_one_terminal_one_origin_and_half_a_minute(
    shared: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, other, app = await terminal(shared), await terminal(shared), shared.product.app
    host = {"host": "soundstage.test"}

    async def ticket() -> list[str]:
        made = await shared.data(TICKET, {"id": known, "origin": ORIGIN})
        return [f"ticket.{made['createTerminalTicket']['ticket']}"]

    async def tried(terminal_id: str, subprotocols: list[str], **headers: str) -> tuple[int, str]:
        return await refusal(app, terminal_id, None, subprotocols=subprotocols, headers={**host, **headers})

    assert (await tried(other, await ticket(), origin=ORIGIN))[0] == 401
    assert (await tried(known, await ticket()))[0] == 401
    assert (await tried(known, await ticket(), origin="https://soundstage.test"))[0] == 401
    assert (await tried(known, ["ticket.trt_nonsense"], origin=ORIGIN))[0] == 401
    late = await ticket()
    tickets = shared.product.product.terminals.tickets
    moment = tickets._clock()
    monkeypatch.setattr(tickets, "_clock", lambda: moment + LIFE_SECONDS + 1)
    assert (await tried(known, late, origin=ORIGIN))[0] == 401


async def test_a_ticket_gives_no_more_rights_than_its_owner_has(shared: Served) -> None:
    known = await terminal(shared)
    watcher = await shared.as_(Role.VIEWER)
    made = (await watcher.data(TICKET, {"id": known}))["createTerminalTicket"]

    async with viewing(shared.product.app, known, None, subprotocols=[f"ticket.{made['ticket']}"]) as viewer:
        assert viewer.hello["role"] == "viewer"


async def test_a_page_of_another_site_is_refused(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve(allowed_origins=["https://app.example"])
    known, app = await terminal(server), server.product.app

    for origin in ("https://evil.example", "https://app.example.evil.example", "null", "http://soundstage.test.evil"):
        headers = {"origin": origin, "host": "soundstage.test"}
        assert await refusal(app, known, server.key, headers=headers) == (403, "forbidden")
    for origin in ("https://app.example", "http://soundstage.test"):
        async with viewing(app, known, server.key, headers={"origin": origin, "host": "soundstage.test"}):
            pass


async def test_a_credential_never_travels_in_the_address(shared: Served) -> None:
    known = await terminal(shared)

    for name in ("token", "access_token", "key", "ticket", "api_key"):
        assert await refusal(shared.product.app, known, None, query=f"&{name}={shared.key}") == (400, "invalid_request")


async def test_what_is_wrong_before_it_begins_is_an_http_answer(shared: Served) -> None:
    known, app = await terminal(shared), shared.product.app
    limited = await shared.as_(Role.OWNER, "environments:write")

    assert await refusal(app, known, None) == (401, "unauthorized")
    assert await refusal(app, known, "sk_live_nonsense") == (401, "unauthorized")
    assert await refusal(app, known, limited.key) == (403, "forbidden")
    assert await refusal(app, MISSING["trm"], shared.key) == (404, "not_found")
    assert await refusal(app, known, shared.key, query="&offset=-1") == (400, "invalid_request")
    assert await refusal(app, known, shared.key, query="&role=king") == (400, "invalid_request")
    with pytest.raises(Refused) as refused:
        async with connected(app, PATH, key=shared.key, query=f"terminal={known}"):
            pass
    assert refused.value.status == 400


async def test_organizations_are_apart(shared: Served) -> None:
    known = await terminal(shared)
    stranger = await shared.newcomer()

    assert await refusal(shared.product.app, known, stranger.key) == (404, "not_found")
    assert await stranger.code(TICKET, {"id": known}) == "NOT_FOUND"
    assert await stranger.code(WRITE, {"id": known, "input": {"text": "x"}}) == "NOT_FOUND"


async def test_who_looks_and_who_writes_is_audited(shared: Served) -> None:
    client = await shared.newcomer()
    known = await terminal(client)

    async with viewing(shared.product.app, known, client.key):
        pass
    async with viewing(shared.product.app, known, client.key, query="&role=viewer"):
        pass

    asked = "query { auditEvents(first: 10) { nodes { action resource } } }"
    events = [(event["action"], event["resource"]) for event in (await client.data(asked))["auditEvents"]["nodes"]]
    assert ("terminal.attach", known) in events
    assert ("terminal.watch", known) in events


async def test_graphql_writes_and_streams(shared: Served) -> None:
    known = await terminal(shared)
    await shared.data(WRITE, {"id": known, "input": {"text": "héllo\r"}})
    await shared.data(WRITE, {"id": known, "input": {"data": "AP8="}})
    await shared.data(WRITE, {"id": known, "input": {"text": "exit 0\r"}})

    items = [item["data"]["terminalOutput"] for item in await shared.stream(OUTPUT, {"id": known})]

    whole = b"".join(b64decode(item["data"]) for item in items)
    assert whole == "héllo\r\n".encode() + b"\x00\xff" + b"exit 0\r\n"
    assert items[-1]["end"] == {"reason": "exit", "exitCode": 0}
    assert items[-1]["cursor"] == str(len(whole))
    rest = [item["data"]["terminalOutput"] for item in await shared.stream(OUTPUT, {"id": known, "after": "7"})]
    assert b"".join(b64decode(item["data"]) for item in rest) == whole[7:]
    assert await shared.code(WRITE, {"id": known, "input": {"text": "x"}}) == "TERMINAL_ENDED"
    assert await shared.code(WRITE, {"id": known, "input": {}}) == "INVALID_REQUEST"
    assert await shared.code(WRITE, {"id": known, "input": {"data": "no base64"}}) == "INVALID_REQUEST"


async def test_graphql_respects_the_writer(shared: Served) -> None:
    known = await terminal(shared)
    other = await shared.as_(Role.MEMBER)

    async with viewing(shared.product.app, known, shared.key) as writer:
        given = {"id": known, "input": {"text": "mine\r"}}
        assert await other.code(WRITE, given) == "TERMINAL_HAS_WRITER"
        assert (await shared.data(SEEN, {"id": known}))["terminal"]["writer"] == shared.tenant.user_id
        await other.data(WRITE, {**given, "takeOver": True})
        await writer.until_type(Type.ROLE)
        await writer.until(b"mine\r\n")


async def test_an_organization_has_so_many_terminals(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve(terminals_per_organization=3)
    session = await new_session(server, "limited")
    opened = await asyncio.gather(*(server.ask(OPEN, {"id": session, "input": {}}) for _ in range(6)))
    good = [answer["data"]["openTerminal"]["id"] for answer in opened if "errors" not in answer]

    assert len(good) == 3
    refused = next(answer["errors"][0] for answer in opened if "errors" in answer)
    assert refused["extensions"]["code"] == "TOO_MANY_TERMINALS"
    assert "closeTerminal" in refused["message"]
    stranger = await server.newcomer()
    await terminal(stranger)
    await server.data("mutation ($id: ID!) { closeTerminal(id: $id) { status } }", {"id": good[0]})
    await open_terminal(server, session)


async def test_what_cannot_be_opened_is_refused(shared: Served) -> None:
    session = await new_session(shared, f"terminals-{next(_numbers)}")

    for wrong, code in (
        ({"columns": 0}, "ENGINE_REFUSED"),
        ({"rows": 5_000}, "ENGINE_REFUSED"),
        ({"command": [""]}, "BAD_TERMINAL"),
        ({"command": ["x" * 20_000]}, "BAD_TERMINAL"),
        ({"variables": [{"name": "A=B", "value": "x"}]}, "BAD_TERMINAL"),
        ({"variables": [{"name": "SOUNDSTAGE_UNIT", "value": "x"}]}, "BAD_TERMINAL"),
    ):
        assert await shared.code(OPEN, {"id": session, "input": wrong}) == code, wrong
    assert await shared.code(OPEN, {"id": MISSING["ses"]}) == "NOT_FOUND"


async def test_terminals_end_with_their_session(shared: Served) -> None:
    session = await new_session(shared, f"terminals-{next(_numbers)}")
    known = await open_terminal(shared, session)

    await shared.data("mutation ($id: ID!) { deleteSession(id: $id) { id } }", {"id": session})
    await shared.product.keeper.look(shared.engine.terminals)

    states = {state.id: state for state in await shared.engine.terminals.states()}
    assert states[known].cause == "closed"


async def test_one_that_no_row_tells_of_is_closed(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    terminals, keeper = shared.engine.terminals, shared.product.keeper
    await terminals.open(TerminalOrder("trm_left", ("cat",), "/tmp"))

    await keeper.look(terminals)
    before = {state.id: state.cause for state in await terminals.states()}
    monkeypatch.setattr("app.terminals.jobs.GRACE_SECONDS", 0.0)
    known = await terminal(shared)
    await keeper.look(terminals)
    after = {state.id: state.cause for state in await terminals.states()}

    assert (before["trm_left"], after["trm_left"], after[known]) == ("", "closed", "")


async def test_an_agent_that_is_suspended_loses_its_terminals(shared: Served) -> None:
    client = await shared.newcomer()
    known = await terminal(client)
    asked = 'mutation { enrollAgent(input: {name: "coder"}) { id credential } }'
    agent = (await client.data(asked))["enrollAgent"]

    async with viewing(shared.product.app, known, agent["credential"]) as viewer:
        await viewer.type("by an agent\r")
        await viewer.until(b"by an agent")
        await client.data("mutation ($id: ID!) { suspendAgent(id: $id) { id } }", {"id": agent["id"]})
        while await viewer.step() is not None:
            pass

    assert viewer.socket.closed == (4403, "AGENT_SUSPENDED")


async def test_a_key_that_is_revoked_loses_its_terminals(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rest_compat.entrance.LOOK_AGAIN_SECONDS", 0.05)
    known = await terminal(shared)
    made = (await shared.data('mutation { createApiKey(input: {name: "short"}) { id key } }'))["createApiKey"]

    async with viewing(shared.product.app, known, made["key"]) as viewer:
        await shared.data("mutation ($id: ID!) { revokeApiKey(id: $id) { id } }", {"id": made["id"]})
        while await viewer.step() is not None:
            pass

    assert viewer.socket.closed == (4401, "UNAUTHORIZED")


async def test_one_that_the_engine_does_not_know_is_lost(shared: Served) -> None:
    known = await terminal(shared)
    del shared.engine.terminals._terminals[known]

    closed = await shared.data("mutation ($id: ID!) { closeTerminal(id: $id) { status cause } }", {"id": known})

    assert closed["closeTerminal"] == {"status": "ENDED", "cause": "lost"}
    items = await shared.stream(OUTPUT, {"id": known})
    assert items[-1]["data"]["terminalOutput"]["end"]["reason"] == "lost"


async def test_a_recording_is_for_who_may_read_the_audit_log(shared: Served) -> None:
    client = await shared.newcomer()
    known, other = await terminal(client, record=True), await terminal(client)
    path = shared.product.terminals.recordings / client.tenant.id / f"{known}.cast"
    path.parent.mkdir(parents=True)
    path.write_text('{"version": 2}\n')
    member, stranger = await client.as_(Role.MEMBER), await shared.newcomer()

    response = await client.get(f"/v1/terminals/{known}/recording")

    assert (response.status_code, response.text) == (200, '{"version": 2}\n')
    assert response.headers["content-type"] == "application/x-asciicast"
    assert (await client.get(f"/v1/terminals/{other}/recording")).status_code == 404
    assert (await member.get(f"/v1/terminals/{known}/recording")).status_code == 403
    assert (await stranger.get(f"/v1/terminals/{known}/recording")).status_code == 404
