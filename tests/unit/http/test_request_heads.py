"""Requests whose header lines were read before: found again where they are the same, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from app.cli.http_protocol import Drain, Http
from app.cli.request_heads import RequestHead
from app.observability.exchange import JSON, Answer, Headers, Incoming, Receive, Scope, Send

pytestmark = pytest.mark.anyio

POST = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nX-More: yes\r\n\r\nabc"
GET = b"GET /v1/items/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n\r\n"


def _head(data: bytes) -> RequestHead:
    lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    raw = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]
    found = RequestHead.of(data, Headers(raw), {"type": "http", "headers": raw, "state": {}, "path": "/"})
    assert found is not None
    return found


def test_the_same_lines_are_found_again_with_another_path_and_another_body() -> None:
    head = _head(POST)
    found = head.again(b"PUT /v1/a.b?c=%20d HTTP/1.1\r\nHost: x\r\nContent-Length: 0005\r\nX-More: yes\r\n\r\n12345")

    assert found is not None
    scope, headers, body = found
    assert headers.get("content-length") == "0005"
    assert (b"content-length", b"0005") in scope["headers"]
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("PUT", "/v1/a.b", b"/v1/a.b")
    assert scope["query_string"] == b"c=%20d"
    assert body == b"12345"
    assert "state" not in scope
    assert _head(GET).again(GET.replace(b"items/1", b"items/2")) is not None


@pytest.mark.parametrize(
    "data",
    [
        POST[:-1],  # its end is missing
        POST + b"x",
        POST + POST,  # two
        b"\r\n" + POST,
        POST.replace(b"Host", b"host"),
        POST.replace(b"Host: x\r\n", b"Host: x\r\nTransfer-Encoding: chunked\r\n"),
        POST.replace(b"yes\r\n", b"yes\r\nContent-Length: 3\r\n"),
        POST.replace(b"yes", b"no"),
        POST.replace(b": 3", b": +3"),
        POST.replace(b": 3", b": -3"),
        POST.replace(b": 3", b": "),
        POST.replace(b": 3", b": 3 "),
        POST.replace(b": 3", b": 0x3"),
        POST.replace(b": 3", b": 00003"),
        POST.replace(b": 3", b":3"),
        POST.replace(b"\r\n", b"\n"),
        POST.replace(b"HTTP/1.1", b"HTTP/1.0"),
        POST.replace(b"HTTP/1.1", b"HTTP/1.1 "),
        POST.replace(b"POST ", b"POST  "),
        POST.replace(b"POST", b"HEAD"),
        POST.replace(b"POST", b"post"),
        POST.replace(b"POST", b"\nPOST"),
        POST.replace(b"/graphql", b"//elsewhere/graphql"),
        POST.replace(b"/graphql", b"http://x/graphql"),
        POST.replace(b"/graphql", b"*"),
        POST.replace(b"/graphql", b"/a%2fb"),
        POST.replace(b"/graphql", b"/a#b"),
        POST.replace(b"/graphql", b"/a\xc3\xa9"),
        POST.replace(b"/graphql", b"/a\x00"),
        GET,
        b"",
        b"\r\n\r\n",
    ],
)
def test_what_differs_is_left_to_the_parser(data: bytes) -> None:
    assert _head(POST).again(data) is None


@pytest.mark.parametrize(
    "data",
    [
        POST.replace(b"\r\n\r\nabc", b"\n\n\r\n\r\nabc"),
        POST.replace(b"Content-Length: 3", b"Content-Length: 3\r\n "),
        POST[:-1],
        POST + b"x",
        POST.replace(b"/graphql", b"/a%20b"),
        b"POST /graphql HTTP/1.1",
    ],
)
def test_what_is_not_simple_is_not_kept(data: bytes) -> None:
    headers = [(b"host", b"x"), (b"content-length", b"3"), (b"x-more", b"yes")]
    assert RequestHead.of(data, Headers(headers), {"headers": headers}) is None


def test_a_number_that_is_not_the_parsers_is_not_kept() -> None:
    def kept(data: bytes, *headers: tuple[bytes, bytes]) -> bool:
        return RequestHead.of(data, Headers(list(headers)), {"headers": headers}) is not None

    host, more = (b"host", b"x"), (b"x-more", b"yes")
    assert kept(POST, host, (b"content-length", b"3"), more)
    assert not kept(POST, host, (b"content-length", b"2"), more)
    assert not kept(POST, host, (b"length", b"3"), more)  # then there would be no body
    assert not kept(GET, host, (b"content-length", b"3"))


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed = b"", False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """There is nothing to pause."""

    def resume_reading(self) -> None:
        """There is nothing to resume."""


async def _whole(request: Incoming) -> Answer | None:
    """Tells what was asked; some by waiting, some not at all."""
    told = dict(request.scope)
    if "/later" in request.path or "/unknown" in request.path:
        await asyncio.sleep(0)
    if "/none" in request.path or "/unknown" in request.path:
        return None
    if "/defect" in request.path:
        raise ValueError("a defect")
    told = {name: str(told[name]) for name in ("method", "path", "raw_path", "query_string", "headers", "http_version")}
    return Answer(200, [JSON], json.dumps([told, (await request.body()).decode()]).encode())


async def _asgi(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    answer = f"{scope['method']} {scope['path']} {scope['headers']} {sorted(scope['state'])} {body!r}".encode()
    scope["state"]["seen"] = True
    length = (b"content-length", str(len(answer)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": answer})


async def _answers(pieces: list[bytes]) -> tuple[bytes, bool]:
    """What one connection answers to these pieces."""
    drain: Any = Drain(_asgi)
    drain.whole = _whole
    config = uvicorn.Config(drain, http=Http, interface="asgi3", lifespan="off", log_config=None, access_log=False)
    config.load()
    state, transport = ServerState(), Transport()
    connection = Http(config=config, server_state=state, app_state={})
    connection.connection_made(transport)
    for piece in pieces:
        if transport.closed:
            break
        asyncio.get_running_loop().call_soon(connection.data_received, piece)
        for _ in range(8):
            await asyncio.sleep(0)
    connection.connection_lost(None)
    await asyncio.gather(*state.tasks)
    drain.carriers.close()
    return transport.written, transport.closed


_PATHS = ["/a", "/a/b?c=d", "/later", "/none", "/unknown", "/a%20b", "//x/y", "/defect", "/a#b", "*", "/a?b=%20"]
_HEADS = ["Host: x\r\n", "Host: x\r\nX-One: 1\r\n", "host: x\r\nX-One: 2\r\n", "Host: x\r\nConnection: close\r\n"]


def _requests(chance: random.Random) -> list[bytes]:
    """A client's requests in pieces: mostly one request a piece, mostly with the same head, some of it nonsense."""
    whole: list[bytes] = []
    usual = chance.choice(_HEADS[:3])
    for _ in range(chance.randint(2, 12)):
        path = chance.choice(_PATHS) if chance.random() < 0.6 else "/a"
        head = chance.choice(_HEADS) if chance.random() < 0.15 else usual
        body = chance.choice([b"", b"x", b"abc", b"y" * 40, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"])
        method = chance.choice(["POST", "GET", "PUT", "HEAD", "OPTIONS"]) if chance.random() < 0.3 else "POST"
        length = f"Content-Length: {len(body)}\r\n" if body or chance.random() < 0.7 else ""
        made = f"{method} {path} HTTP/1.1\r\n{length}{head}\r\n".encode() + body
        if chance.random() < 0.03:
            at = chance.randrange(len(made))
            made = made[:at] + chance.choice([b"\r\n", b"\n", b" ", b"\x00", b"9"]) + made[at:]
        whole.append(made)
    pieces: list[bytes] = []
    for made in whole:
        if pieces and chance.random() < 0.1:
            pieces[-1] += made
        elif chance.random() < 0.15:
            at = chance.randrange(1, len(made))
            pieces += [made[:at], made[at:]]
        else:
            pieces.append(made)
    return pieces


async def test_a_connection_answers_the_same_as_with_the_parser_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance, again, shortened = random.Random(seed), RequestHead.again, 0
    streams = [_requests(chance) for _ in range(600)]

    def counted(self: RequestHead, data: bytes) -> Any:
        nonlocal shortened
        found = again(self, data)
        shortened += found is not None
        return found

    monkeypatch.setattr(RequestHead, "again", counted)
    found = [await _answers(pieces) for pieces in streams]
    monkeypatch.setattr(RequestHead, "of", lambda *_: None)
    expected = [await _answers(pieces) for pieces in streams]

    for pieces, one, other in zip(streams, found, expected, strict=True):
        assert one == other, pieces
    assert shortened > 300
