"""Requests that are answered whole, and those that are not, on one connection each: raw bytes in and out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.cli import http_server
from app.cli.http_server import HttpServer, listen
from app.observability.exchange import JSON, Answer, Headers, Incoming, Receive, Scope, Send

pytestmark = pytest.mark.anyio


class Application:
    """Answers `/whole…` whole, in one way or another, and everything else by ASGI's messages."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.calls: list[str] = []

    async def whole(self, request: Incoming) -> Answer | None:
        path = request.path
        if not path.startswith("/whole"):
            return None
        self.calls.append(path)
        if path == "/whole/later":
            await asyncio.sleep(0.02)
        if path == "/whole/never":
            await request.gone()
            self.left.set()
        if path == "/whole/not known after all":
            await asyncio.sleep(0.01)
            return None
        if path == "/whole/defect":
            raise ValueError("a defect")
        if path == "/whole/line":
            return Answer(200, [JSON, (b"x-bad", b"one\r\ntwo: three")], b"")
        request.limit = 1_000_000
        told = {"path": path, "query": request.query(), "body": (await request.body()).decode()}
        return Answer(200, [JSON], json.dumps(told).encode(), b"x-line: yes\r\n")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls.append(f"asgi {scope['path']}")
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["path"].startswith("/whole") and "not known" not in scope["path"]:  # as the product does it there
            self.calls.pop()
            answer = await self.whole(Incoming.whole(scope, Headers(scope["headers"]), body))
            assert answer is not None
            await answer.send(scope, send)
            return
        told = json.dumps({"path": scope["path"], "asgi": len(body)}).encode()
        headers = [(b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})


class Connection:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, path: str, body: bytes = b"", method: str = "POST", head: str = "") -> tuple[int, Any]:
        """Status, and the body as JSON or text."""
        self.send(path, body, method, head)
        return await self.answer()

    def send(self, path: str, body: bytes = b"", method: str = "POST", head: str = "") -> None:
        """A request, not waiting for its answer."""
        length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
        self.writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{length}{head}\r\n".encode() + body)

    async def answer(self) -> tuple[int, Any]:
        """The next answer."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)).decode()
        self.head = head.lower()
        length = next(int(line.split(": ")[1]) for line in self.head.split("\r\n") if line.startswith("content-length"))
        body = await asyncio.wait_for(self.reader.readexactly(length), 5)
        return int(head.split()[1]), json.loads(body) if body.startswith(b"{") else body.decode()

    async def is_closed(self) -> bool:
        """Whether the server ends it."""
        return await asyncio.wait_for(self.reader.read(1), 5) == b""


@asynccontextmanager
async def _served(application: Application) -> AsyncIterator[int]:
    started = asyncio.Event()
    server, listener = HttpServer(application, started.set, message_limit=1_000_000), listen("127.0.0.1", 0)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await started.wait()
    try:
        yield listener.getsockname()[1]
    finally:
        server.stop()
        await asyncio.wait_for(running, 10)


@asynccontextmanager
async def _connected(application: Application) -> AsyncIterator[Connection]:
    async with _served(application) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()


def _whole(path: str = "/whole", body: str = "", query: list[Any] | None = None) -> tuple[int, Any]:
    return 200, {"path": path, "query": query or [], "body": body}


async def test_many_requests_on_one_connection_are_answered_whole() -> None:
    application = Application()
    async with _connected(application) as connection:
        answers = [await connection.ask("/whole", f"body {number}".encode()) for number in range(5)]
        got = await connection.ask("/whole/a%20b?c=d&e=%20", method="GET")

        assert answers == [_whole(body=f"body {number}") for number in range(5)]
        assert got == _whole("/whole/a b", query=[["c", "d"], ["e", " "]])
        assert "x-line: yes" in connection.head
        assert "date: " in connection.head


async def test_a_body_that_comes_in_pieces_is_waited_for() -> None:
    async with _connected(Application()) as connection:
        connection.writer.write(b"POST /whole HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nab")
        await asyncio.sleep(0.02)
        connection.writer.write(b"cd")
        await asyncio.sleep(0.02)
        connection.writer.write(b"ef")

        assert await connection.answer() == _whole(body="abcdef")


async def test_what_is_not_known_large_or_chunked_goes_the_ordinary_way() -> None:
    application = Application()
    async with _connected(application) as connection:
        other = await connection.ask("/other", b"abc")
        large = await connection.ask("/other", b"x" * 200_000)
        chunked = "Transfer-Encoding: chunked\r\n"
        connection.writer.write(f"POST /other HTTP/1.1\r\nHost: x\r\n{chunked}\r\n3\r\nabc\r\n0\r\n\r\n".encode())
        pieces = await connection.answer()
        again = await connection.ask("/whole", b"x")

        assert other == (200, {"path": "/other", "asgi": 3})
        assert large == (200, {"path": "/other", "asgi": 200_000})
        assert pieces == (200, {"path": "/other", "asgi": 3})
        assert again == _whole(body="x")


async def test_what_has_to_wait_is_answered_later_and_in_its_turn() -> None:
    application = Application()
    async with _connected(application) as connection:
        await connection.ask("/whole/later", b"first")
        for path in ("/whole/later", "/whole", "/other", "/whole/later", "/whole"):
            connection.send(path, b"x")
        answers = [await connection.answer() for _ in range(5)]

        assert [answer["path"] for _, answer in answers] == [
            "/whole/later",
            "/whole",
            "/other",
            "/whole/later",
            "/whole",
        ]


async def test_many_requests_in_one_piece_take_turns_with_others() -> None:
    application = Application()
    async with _served(application) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        connection, turns = Connection(reader, writer), 0
        for number in range(200):
            connection.send("/whole", str(number).encode())

        async def other() -> None:
            nonlocal turns
            while len(application.calls) < 200:
                turns += 1
                await asyncio.sleep(0)

        await asyncio.wait_for(other(), 5)
        answers = [await connection.answer() for _ in range(200)]
        writer.close()

    assert [int(answer["body"]) for _, answer in answers] == list(range(200))
    assert turns > 50


async def test_what_turns_out_not_to_be_known_goes_the_ordinary_way() -> None:
    application = Application()
    async with _connected(application) as connection:
        for _ in range(3):
            path = "/whole/not%20known%20after%20all"
            assert await connection.ask(path, b"abc") == (200, {"path": "/whole/not known after all", "asgi": 3})


async def test_who_leaves_is_noticed_by_what_waits_for_it() -> None:
    application = Application()
    async with _served(application) as port:
        for _ in range(2):
            application.left.clear()
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /whole/never HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
            await asyncio.sleep(0.05)
            writer.close()
            await asyncio.wait_for(application.left.wait(), 5)


async def test_a_header_with_a_line_end_is_not_sent() -> None:
    async with _connected(Application()) as connection:
        connection.send("/whole/line", b"x")

        assert await connection.is_closed()


async def test_a_defect_is_answered_500_and_the_next_connection_is_served() -> None:
    application = Application()
    async with _served(application) as port:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            connection = Connection(reader, writer)
            assert await connection.ask("/whole/defect", b"x") == (500, "Internal Server Error")
            writer.close()


async def test_a_connection_is_kept_or_closed_as_the_client_wants() -> None:
    async with _connected(Application()) as connection:
        await connection.ask("/whole", b"x")
        await connection.ask("/whole", b"x", head="Connection: close\r\n")

        assert "connection: close" in connection.head
        assert await connection.is_closed()


async def test_http_1_0_is_answered_and_closed() -> None:
    async with _connected(Application()) as connection:
        connection.writer.write(b"GET /whole HTTP/1.0\r\n\r\n")

        assert await connection.answer() == _whole()
        assert await connection.is_closed()


async def test_a_connection_that_nobody_uses_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "KEEP_ALIVE", 0.2)
    monkeypatch.setattr(http_server, "TICKS_A_LOOK", 1)
    async with _connected(Application()) as connection:
        await connection.ask("/whole", b"x")
        began = asyncio.get_running_loop().time()

        assert await connection.is_closed()
        assert asyncio.get_running_loop().time() - began > 0.15


async def test_what_a_proxy_forwarded_goes_the_ordinary_way() -> None:
    application = Application()
    async with _connected(application) as connection:
        answer = await connection.ask("/other", b"x", head="X-Forwarded-For: 192.0.2.1\r\n")

        assert answer == (200, {"path": "/other", "asgi": 1})
        assert application.calls == ["asgi /other"]


async def test_nonsense_is_answered_400() -> None:
    async with _connected(Application()) as connection:
        connection.writer.write(b"NONSENSE\r\n\r\n")

        assert (await connection.answer())[0] == 400


async def test_a_stop_waits_for_what_is_under_way() -> None:
    application = Application()
    started = asyncio.Event()
    server, listener = HttpServer(application, started.set, message_limit=1_000_000), listen("127.0.0.1", 0)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await started.wait()
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
    connection = Connection(reader, writer)
    await connection.ask("/whole", b"x")
    connection.send("/whole/later", b"under way")
    await asyncio.sleep(0.005)
    server.stop()

    assert await connection.answer() == _whole("/whole/later", "under way")
    await asyncio.wait_for(running, 10)
    writer.close()
