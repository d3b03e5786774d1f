"""A request and its answer as ASGI has them, for what is answered without a framework in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from app.core.errors import InvalidRequest, PayloadTooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

_NO_COOKIES: dict[str, str] = {}
JSON = (b"content-type", b"application/json")


#: Where a scope has what takes a whole answer. It says whether it did.
WHOLE = "soundstage.whole"
Whole = Callable[["Answer"], bool]
#: Where a WebSocket's scope has what takes a whole text frame. It says whether it did.
TEXT = "soundstage.text"


class Headers:
    """The headers of a request by their names in lower case; of several by one name the first."""

    __slots__ = ("raw",)

    def __init__(self, raw: RawHeaders) -> None:
        #: As bytes.
        self.raw = dict(reversed(raw))

    def get(self, name: str, otherwise: Any = None) -> Any:
        """One header as text."""
        found = self.raw.get(name.encode())
        return otherwise if found is None else found.decode("latin-1")

    def __contains__(self, name: str) -> bool:
        return name.encode() in self.raw


class Address(NamedTuple):
    """Where a client is."""

    host: str
    port: int


class Incoming:
    """A request, read as far as it is asked for."""

    __slots__ = ("_body", "_connected", "_receive", "headers", "limit", "scope")

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self.scope, self.limit = scope, limit
        self.headers = Headers(scope["headers"])
        self._receive: Receive = receive
        self._body: bytes | None = None
        #: Where somebody waits for what `connect` tells.
        self._connected: asyncio.Future[None] | None = None

    @classmethod
    def whole(cls, scope: Scope, headers: Headers, body: bytes) -> Incoming:
        """A request that is here already, with its body; what follows is received as `connect` says.

        Whoever answers it sets its limit.
        """
        made = cls.__new__(cls)
        made.scope, made.limit, made.headers, made._body = scope, len(body), headers, body
        made._receive, made._connected = made._once_connected, None
        return made

    def connect(self, receive: Receive) -> None:
        """From now on this tells whether the client has left."""
        self._receive = receive
        if self._connected is not None:
            self._connected.set_result(None)

    async def _once_connected(self) -> Message:
        self._connected = self._connected or asyncio.get_running_loop().create_future()
        await asyncio.shield(self._connected)
        return await self._receive()

    @property
    def method(self) -> str:
        """`GET` and so on."""
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """The path, decoded."""
        return str(self.scope["path"])

    @property
    def client(self) -> Address | None:
        """Who asks."""
        found = self.scope.get("client")
        return Address(found[0], found[1]) if found else None

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that came with it."""
        header = self.headers.get("cookie", "")
        if not header:
            return _NO_COOKIES
        pairs = (part.partition("=") for part in header.split(";") if "=" in part)
        return {name.strip(): value.strip().strip('"') for name, _, value in pairs}

    def query(self) -> list[tuple[str, str]]:
        """The parameters of the query, in order."""
        raw: bytes = self.scope["query_string"]
        return parse_qsl(raw.decode("latin-1"), keep_blank_values=True) if raw else []

    def here(self) -> bytes | None:
        """The whole body where it does not have to be waited for, or refused."""
        body = self._body
        return body if body is not None and len(body) <= self.limit else None

    async def body(self) -> bytes:
        """The whole body. Raises `PayloadTooLarge`, and `InvalidRequest` where the client left before its end."""
        if self._body is None:
            self._body = await self._read()
        elif len(self._body) > self.limit:
            raise too_large(self.limit)
        return self._body

    async def _read(self) -> bytes:
        receive, parts = limited(self._receive, self.headers, self.limit), []
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise InvalidRequest("The request ended before its body was complete.")
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def gone(self) -> None:
        """Waits until the client has left; to be called once the body is read."""
        await left(self._receive)

    def again(self) -> Receive:
        """Receives the same for another reader, what was read already included."""
        body, self._body = self._body, None
        if body is None:
            return self._receive

        async def receive() -> Message:
            nonlocal body
            if body is None:
                return await self._receive()
            first, body = body, None
            return {"type": "http.request", "body": first, "more_body": False}

        return receive


def limited(receive: Receive, headers: Headers, limit: int) -> Receive:
    """Raises `PayloadTooLarge` to whoever reads a body beyond the limit."""
    declared, seen = headers.get("content-length", ""), 0

    async def read() -> Message:
        nonlocal seen
        if declared.isdigit() and int(declared) > limit:
            raise too_large(limit)
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise too_large(limit)
        return message

    return read


async def left(receive: Receive) -> None:
    """Waits until the client of a request has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Answer:
    """A whole answer. `lines` are headers, too: as they are sent, each with its line end."""

    __slots__ = ("body", "headers", "lines", "status")

    def __init__(self, status: int, headers: RawHeaders, body: bytes, lines: bytes = b"") -> None:
        self.status, self.headers, self.body, self.lines = status, headers, body, lines

    def head(self) -> bytes | None:
        """All headers as they are sent; None where one of them holds a line end, which ASGI's servers refuse."""
        lines = b"".join([b"%b: %b\r\n" % header for header in self.headers])
        if lines.count(b"\n") != len(self.headers):
            return None
        if self.status in (204, 304):
            return lines + self.lines
        return b"%b%bcontent-length: %d\r\n" % (lines, self.lines, len(self.body))

    async def send(self, scope: Scope, send: Send) -> None:
        """Sends it: at once where the server can take a whole answer, else in ASGI's messages."""
        whole: Whole | None = scope.get(WHOLE)
        if whole is not None and whole(self):
            return
        headers = [*self.headers, *pairs(self.lines)]
        if self.status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def pairs(lines: bytes) -> RawHeaders:
    """Header lines as names and values."""
    split = (line.partition(b": ") for line in lines.split(b"\r\n") if line)
    return [(name, value) for name, _, value in split]


def raw(headers: dict[str, str]) -> RawHeaders:
    """Headers as ASGI has them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def too_large(limit: int) -> PayloadTooLarge:
    """The error for a body beyond the limit."""
    return PayloadTooLarge(f"The body is larger than the {limit:,} bytes that the server accepts.", limit=limit)
