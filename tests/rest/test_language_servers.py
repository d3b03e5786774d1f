"""The WebSocket of language servers, with the real basedpyright and ty."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.core.actor import Role
from app.language_servers.conversation import LARGEST_MESSAGE
from app.language_servers.shared import SharedServer
from app.terminals.tickets import LIFE_SECONDS
from tests.support.language_servers import HELPER, MAIN, SERVERS, Failed, LspClient, editing, session_with_code
from tests.support.samples import MISSING
from tests.support.serving import Client, Served
from tests.support.sockets import Refused
from tests.support.waiting import until

pytestmark = pytest.mark.anyio
BOTH = pytest.mark.parametrize("name", ["basedpyright", "ty"])
TICKET = """mutation ($id: ID!, $language: String, $server: String, $origin: String) {
  createLanguageServerTicket(sessionId: $id, language: $language, server: $server, origin: $origin) {
    ticket path watchPath expiresIn
  }
}"""
ORIGIN = "http://soundstage.test"


def running(served: Served, session: str, name: str = "ty") -> SharedServer:
    found = served.product.language_servers.hub.find(session, name)
    assert found is not None
    return found


def programs(server: SharedServer) -> list[psutil.Process]:
    """The leash's children: the language server itself."""
    assert server.pid is not None
    return psutil.Process(server.pid).children(recursive=True)


async def refusal(served: Served, session: str, key: str | None, **options: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        async with editing(served.product.app, session, key, **options):
            pass
    return refused.value.status, refused.value.body["error"]["code"]


@BOTH
async def test_an_editor_has_all_that_it_asks_for(shared: Served, name: str) -> None:
    session, folder = await session_with_code(shared, shared)

    async with editing(shared.product.app, session, shared.key, server=name) as editor:
        began = await editor.begin(textDocument={"hover": {"contentFormat": ["markdown"]}})
        await editor.open("main.py", MAIN)
        hover = await editor.at("hover", "main.py", 2, 10)
        definition = await editor.at("definition", "main.py", 2, 10)
        [problem] = await editor.problems("main.py", lambda found: len(found) == 1)
        await editor.change("main.py", {"text": MAIN.replace("greet(1)", "greet('1')")})
        await editor.problems("main.py", lambda found: found == [])
        await editor.change(
            "main.py",
            {
                "range": {"start": {"line": 4, "character": 0}, "end": {"line": 4, "character": 0}},
                "text": "value.starts\n",
            },
        )
        items = await editor.at("completion", "main.py", 4, 12)

        assert began["capabilities"]["hoverProvider"]
        assert "greet" in str(hover)
        assert "Says hello" in str(hover)
        assert [where["uri"] for where in definition] == ["file:///workspace/helper.py"]
        assert problem["range"]["start"]["line"] == 3
        assert "startswith" in {
            item["label"] for item in (items.get("items", items) if isinstance(items, dict) else items)
        }
        assert str(folder) not in json.dumps(editor.seen)


@BOTH
async def test_two_clients_share_one_server_and_each_has_its_own_root(shared: Served, name: str) -> None:
    session, _ = await session_with_code(shared, shared)
    app = shared.product.app

    async with (
        editing(app, session, shared.key, server=name) as one,
        editing(app, session, shared.key, server=name, root="file:///home/me/my%20shop") as two,
    ):
        first = await one.begin()
        second = await two.begin()
        await one.open("main.py", MAIN)
        await two.open("main.py", MAIN)
        await one.problems("main.py", lambda found: len(found) == 1)
        await two.problems("main.py", lambda found: len(found) == 1)
        asked = await asyncio.gather(
            *(each.at("definition", "main.py", 2, 10) for each in (one, two) for _ in range(5))
        )
        [shown] = [
            each for each in (await shared.data(SERVERS, {"id": session}))["languageServers"] if each["name"] == name
        ]

        assert first == second
        assert len(shared.product.language_servers.hub._entries) >= 1
        assert [found[0]["uri"] for found in asked] == [
            *["file:///workspace/helper.py"] * 5,
            *["file:///home/me/my%20shop/helper.py"] * 5,
        ]
        assert (shown["status"], shown["clients"], shown["restarts"]) == ("RUNNING", 2, 0)


async def test_a_change_of_one_is_seen_by_the_other_unless_it_has_its_own(shared: Served) -> None:
    session, _ = await session_with_code(shared, shared)
    app = shared.product.app

    async with (
        editing(app, session, shared.key, server="ty") as one,
        editing(app, session, shared.key, server="ty") as two,
    ):
        await one.begin()
        await two.begin()
        await one.open("main.py", MAIN)
        await one.problems("main.py", lambda found: len(found) == 1)
        await two.open("main.py", "x: int = 1\n")
        await two.problems("main.py", lambda found: found == [])
        hover_of_two = await two.at("hover", "main.py", 0, 0)
        hover_of_one = await one.at("hover", "main.py", 0, 20)
        await two.close("main.py")
        one.forget()
        version = await one.change("main.py", {"text": MAIN + "\nundefined_name\n"})
        told = await one.until("textDocument/publishDiagnostics", lambda params: len(params["diagnostics"]) == 2)

        assert "int" in str(hover_of_two)
        assert "greet" in str(hover_of_one)
        assert told["version"] == version
        assert len(await two.problems("main.py", lambda found: len(found) == 2)) == 2


async def test_a_client_that_leaves_disturbs_nobody(shared: Served) -> None:
    session, _ = await session_with_code(shared, shared)
    app = shared.product.app

    async with editing(app, session, shared.key, server="ty") as stays:
        await stays.begin()
        await stays.open("main.py", MAIN)
        async with editing(app, session, shared.key, server="ty") as leaves:
            await leaves.begin()
            await leaves.open("main.py", "unsaved = 1\n")
            await leaves.at("hover", "main.py", 0, 0)
            assert await leaves.request("shutdown") is None
            await leaves.notify("exit")
            assert await leaves.step() is None
            assert leaves.socket.closed == (1000, "end")

        assert "greet" in str(await stays.at("hover", "main.py", 2, 10))
        assert running(shared, session).restarts == 0


@BOTH
async def test_a_server_that_is_killed_starts_again_with_what_is_open(shared: Served, name: str) -> None:
    session, _ = await session_with_code(shared, shared)

    async with editing(shared.product.app, session, shared.key, server=name) as editor:
        await editor.begin()
        await editor.open("main.py", MAIN + "\nundefined_name\n")
        await editor.problems("main.py", lambda found: len(found) >= 2)
        editor.forget()
        for process in programs(running(shared, session, name)):
            process.send_signal(signal.SIGKILL)
        await editor.until("$/soundstage/restarted")
        hover = await editor.at("hover", "main.py", 2, 10)
        await editor.problems("main.py", lambda found: len(found) >= 2)

        assert "greet" in str(hover)
        assert running(shared, session, name).restarts == 1


async def test_a_request_to_a_server_that_dies_is_answered(shared: Served) -> None:
    session, _ = await session_with_code(shared, shared)

    async with editing(shared.product.app, session, shared.key, server="ty") as editor:
        await editor.begin()
        server = running(shared, session)
        stopped = programs(server)
        for process in stopped:
            process.suspend()
        asked = asyncio.create_task(editor.at("hover", "main.py", 2, 10))
        await until(lambda: _true(server._asked))
        for process in stopped:
            process.kill()
        with pytest.raises(Failed, match="started again"):
            await asked


async def _true(value: Any) -> Any:
    return value


async def test_a_leash_that_is_killed_leaves_nothing(shared: Served) -> None:
    session, _ = await session_with_code(shared, shared)

    async with editing(shared.product.app, session, shared.key, server="ty") as editor:
        await editor.begin()
        server = running(shared, session)
        old = programs(server)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await editor.until("$/soundstage/restarted")
        await until(lambda: _true(not any(process.is_running() and process.status() != "zombie" for process in old)))
        await editor.open("main.py", MAIN)
        assert "greet" in str(await editor.at("hover", "main.py", 2, 10))


async def test_a_server_that_ends_again_and_again_is_given_up_and_tried_anew(
    shared: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.language_servers.shared._PAUSES", (0.0,) * 10)
    session, _ = await session_with_code(shared, shared)
    app = shared.product.app

    async with editing(app, session, shared.key, server="ty") as editor:
        await editor.begin()
        failing = running(shared, session)

        async def broken() -> Any:
            from app.language_servers.process import ServerProcess

            return await ServerProcess.start(["false"], Path("/"), os.environ)

        failing._launch = broken
        for process in programs(failing):
            process.kill()
        while await editor.step() is not None:
            pass

    assert editor.socket.closed == (4503, "LANGUAGE_SERVER_FAILED")
    [shown] = [
        each for each in (await shared.data(SERVERS, {"id": session}))["languageServers"] if each["name"] == "ty"
    ]
    assert shown["status"] == "FAILED"
    assert "6 times" in shown["message"]
    async with editing(app, session, shared.key, server="ty") as editor:
        await editor.begin()
        assert running(shared, session) is not failing


async def test_what_agents_and_terminals_write_is_seen(shared: Served) -> None:
    session, folder = await session_with_code(shared, shared)

    async with editing(shared.product.app, session, shared.key, server="ty") as editor:
        await editor.begin()
        await editor.open("main.py", MAIN)
        await editor.problems("main.py", lambda found: len(found) == 1)
        editor.forget()
        server = running(shared, session)
        await until(lambda: _true(server._answers.watches))
        (folder / "helper.py").write_text(HELPER.replace("name: str", "name: str | int"))
        hover = ""

        async def look() -> bool:
            nonlocal hover
            hover = str(await editor.at("hover", "main.py", 2, 10))
            return "int" in hover

        await until(look)


async def test_files_elsewhere_are_neither_asked_for_nor_told_of(shared: Served) -> None:
    session, _ = await session_with_code(shared, shared)

    async with editing(shared.product.app, session, shared.key, server="basedpyright") as editor:
        await editor.begin()
        await editor.open("main.py", "import os\n\nos.getcwd()\nfrom helper import greet\ngreet\n")
        outside = await editor.at("definition", "main.py", 2, 5)
        inside = await editor.at("definition", "main.py", 4, 2)
        assert outside in ([], None)
        assert [where["uri"] for where in inside] == ["file:///workspace/helper.py"]
        for uri in (
            "file:///etc/passwd",
            "file:///workspace/../etc/passwd",
            "file:///workspace/%2e%2e/%2e%2e/etc/passwd",
            "file:///workspace/.git/config",
            "file:///workspace-other/main.py",
            "file:///workspace/a%00b",
            "file:",
        ):
            params = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}}
            with pytest.raises(Failed) as failed:
                await editor.request("textDocument/hover", params)
            assert failed.value.code == -32602
        assert not [each for each in editor.seen if "/etc/" in json.dumps(each.get("result"))]
        assert "/usr/" not in json.dumps(editor.seen)
        assert "site-packages" not in json.dumps(editor.seen)


async def test_messages_that_are_none_are_told_and_hurt_nobody(shared: Served) -> None:
    session, _ = await session_with_code(shared, shared)

    async with editing(shared.product.app, session, shared.key, server="ty") as editor:
        with pytest.raises(Failed) as failed:
            await editor.request("textDocument/hover", {})
        assert failed.value.code == -32002
        with pytest.raises(Failed) as failed:
            await editor.request("initialize", {"rootUri": "not an address", "capabilities": {}})
        assert failed.value.code == -32602
        await editor.begin()
        for strange in (
            [],
            7,
            "x",
            None,
            [{"jsonrpc": "2.0"}],
            {"id": [1]},
            {"method": 7, "id": 1},
            {"id": 99, "result": 1},
        ):
            await editor.socket.send(strange)
        for params in (None, [], {}, {"textDocument": 7}, {"textDocument": {"uri": ["x"]}}, "x"):
            for method in ("didOpen", "didChange", "didClose", "didSave"):
                await editor.notify(f"textDocument/{method}", params)
            await editor.socket.send({"jsonrpc": "2.0", "id": "odd", "method": "textDocument/hover", "params": params})
        await editor.notify("$/cancelRequest", {"id": 12345})
        await editor.notify("workspace/didChangeConfiguration", {"settings": {"ty": {}}})
        await editor.open("main.py", MAIN)
        assert "greet" in str(await editor.at("hover", "main.py", 2, 10))
        assert running(shared, session).restarts == 0


async def test_messages_have_a_largest_size(shared: Served) -> None:
    session, _ = await session_with_code(shared, shared)

    async with editing(shared.product.app, session, shared.key, server="ty") as editor:
        await editor.begin()
        await editor.open("main.py", "x" * (LARGEST_MESSAGE + 1))
        while await editor.step() is not None:
            pass

    assert editor.socket.closed is not None
    assert editor.socket.closed[0] == 1009


async def test_a_client_that_does_not_read_is_cut_off(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.language_servers.viewers.MOST_WAITING", 20)
    session, _ = await session_with_code(shared, shared)
    app = shared.product.app

    async with (
        editing(app, session, shared.key, server="ty") as slow,
        editing(app, session, shared.key, server="ty") as quick,
    ):
        await slow.begin()
        await quick.begin()
        viewer = running(shared, session).viewers[0]
        for number in range(30):
            viewer.send({"jsonrpc": "2.0", "method": "test", "params": number})
        while await slow.step() is not None:
            pass
        await quick.open("main.py", MAIN)
        assert "greet" in str(await quick.at("hover", "main.py", 2, 10))

    assert slow.socket.closed == (4408, "CLIENT_TOO_SLOW")


async def test_an_idle_server_is_stopped(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve(language_server_idle_seconds=1)
    session, _ = await session_with_code(server, server)

    async with editing(server.product.app, session, server.key, server="ty") as editor:
        await editor.begin()
        [process, *_] = programs(running(server, session))

    await until(lambda: _true(not process.is_running() or process.status() == "zombie"))
    assert server.product.language_servers.hub.find(session, "ty") is None
    shown = (await server.data(SERVERS, {"id": session}))["languageServers"]
    assert {each["name"]: each["status"] for each in shown}["ty"] == "AVAILABLE"


async def test_a_deleted_session_ends_its_servers(
    serve: Callable[..., Awaitable[Served]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.language_servers.hub.LOOK_SECONDS", 0.05)
    server = await serve()
    session, _ = await session_with_code(server, server)

    async with editing(server.product.app, session, server.key, server="ty") as editor:
        await editor.begin()
        await server.data("mutation ($id: ID!) { deleteSession(id: $id) { id } }", {"id": session})
        while await editor.step() is not None:
            pass

    assert editor.socket.closed == (4404, "SESSION_GONE")


async def test_servers_are_counted_and_an_idle_one_makes_room(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve(language_servers_per_organization=1)
    one, _ = await session_with_code(server, server)
    two, _ = await session_with_code(server, server)
    app = server.product.app

    async with editing(app, one, server.key, server="ty") as editor:
        await editor.begin()
        async with editing(app, two, server.key, server="ty") as refused:
            while await refused.step() is not None:
                pass
        assert refused.socket.closed == (4429, "TOO_MANY_LANGUAGE_SERVERS")
    async with editing(app, two, server.key, server="ty") as editor:
        await editor.begin()
        assert server.product.language_servers.hub.find(one, "ty") is None


async def test_one_that_is_not_installed_is_told_by_name(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.language_servers.catalogue.shutil.which", lambda name: None)
    session, _ = await session_with_code(shared, shared)

    async with editing(shared.product.app, session, shared.key, language="typescript") as editor:
        told = await editor.until("window/showMessage")
        assert await editor.step() is None
    answer = await shared.ask(TICKET, {"id": session, "language": "typescript"})
    shown = (await shared.data(SERVERS, {"id": session}))["languageServers"]

    assert "npm install --global typescript typescript-language-server" in told["message"]
    assert editor.socket.closed == (4503, "LANGUAGE_SERVER_MISSING")
    assert answer["errors"][0]["extensions"]["code"] == "LANGUAGE_SERVER_MISSING"
    assert "typescript-language-server is not installed" in answer["errors"][0]["message"]
    assert {each["name"]: each["status"] for each in shown}["typescript-language-server"] == "MISSING"


async def test_a_language_that_nobody_knows_is_told(shared: Served) -> None:
    session, _ = await session_with_code(shared, shared)

    async with editing(shared.product.app, session, shared.key, language="cobol") as editor:
        while await editor.step() is not None:
            pass

    assert editor.socket.closed == (4404, "LANGUAGE_UNKNOWN")
    assert await shared.code(TICKET, {"id": session, "language": "python", "server": "pylsp"}) == "LANGUAGE_UNKNOWN"


async def test_who_may_not_is_answered_by_http(shared: Served) -> None:
    session, _ = await session_with_code(shared, shared)
    stranger, reader = await shared.newcomer(), await shared.as_(Role.VIEWER)
    limited = await shared.as_(Role.OWNER, "environments:write")

    assert await refusal(shared, session, None) == (401, "unauthorized")
    assert await refusal(shared, session, "sk_live_nonsense") == (401, "unauthorized")
    assert await refusal(shared, session, stranger.key) == (404, "not_found")
    assert await refusal(shared, MISSING["ses"], shared.key) == (404, "not_found")
    assert (await refusal(shared, session, reader.key))[0] == 403
    assert (await refusal(shared, session, limited.key))[0] == 403
    assert await refusal(shared, session, None, language=f"python&token={shared.key}") == (400, "invalid_request")
    headers = {"origin": "https://evil.example", "host": "soundstage.test"}
    assert await refusal(shared, session, shared.key, headers=headers) == (403, "forbidden")


async def test_a_browser_comes_with_a_ticket_once(shared: Served) -> None:
    session, _ = await session_with_code(shared, shared)
    other, _ = await session_with_code(shared, shared)
    headers = {"origin": ORIGIN, "host": "soundstage.test"}

    async def ticket() -> dict[str, Any]:
        asked = {"id": session, "language": "python", "server": "ty", "origin": ORIGIN}
        made: dict[str, Any] = (await shared.data(TICKET, asked))["createLanguageServerTicket"]
        return made

    made = await ticket()
    offered = ["soundstage.lsp.v1", f"ticket.{made['ticket']}"]
    async with editing(shared.product.app, session, None, server="ty", subprotocols=offered, headers=headers) as editor:
        await editor.begin()
        assert editor.socket.subprotocol == "soundstage.lsp.v1"

    assert (made["path"], made["expiresIn"]) == (
        f"/api/v1/ws/lsp?session={session}&language=python&server=ty",
        LIFE_SECONDS,
    )
    assert (await refusal(shared, session, None, subprotocols=offered, headers=headers))[0] == 401
    wrong = [f"ticket.{(await ticket())['ticket']}"]
    assert (await refusal(shared, other, None, subprotocols=wrong, headers=headers))[0] == 401
    wrong = [f"ticket.{(await ticket())['ticket']}"]
    assert (await refusal(shared, session, None, subprotocols=wrong))[0] == 401


async def test_a_key_that_is_revoked_loses_its_server(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rest_compat.entrance.LOOK_AGAIN_SECONDS", 0.05)
    session, _ = await session_with_code(shared, shared)
    made = (await shared.data('mutation { createApiKey(input: {name: "short"}) { id key } }'))["createApiKey"]

    async with editing(shared.product.app, session, made["key"], server="ty") as editor:
        await editor.begin()
        await shared.data("mutation ($id: ID!) { revokeApiKey(id: $id) { id } }", {"id": made["id"]})
        while await editor.step() is not None:
            pass

    assert editor.socket.closed == (4401, "UNAUTHORIZED")


async def test_taking_a_seat_is_in_the_audit_log(shared: Served) -> None:
    client: Client = await shared.newcomer()
    session, _ = await session_with_code(client, shared)

    async with editing(shared.product.app, session, client.key, server="ty") as editor:
        assert isinstance(editor, LspClient)
        await editor.begin()

    found = await client.data("{ auditEvents(first: 5) { nodes { action resource } } }")
    assert {"action": "language_server.attach", "resource": session} in found["auditEvents"]["nodes"]
