"""What happens around every request: its id, its body's limit, its log line, its metrics, its span. Pure ASGI."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import structlog

from app.core.errors import PayloadTooLarge
from app.core.ids import new_id
from app.observability.metrics import Metrics

if TYPE_CHECKING:
    from opentelemetry import trace  # half a tenth of a second, for those who trace

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = structlog.get_logger("soundstage.request")
_WELL_FORMED = re.compile(rb"[A-Za-z0-9_.:-]{8,128}")
REQUEST_ID = "soundstage.request_id"
#: A route sets its name here; what has none is counted together.
ROUTE = "soundstage.route"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Requests:
    """Wraps an ASGI application."""

    def __init__(
        self,
        app: App,
        metrics: Metrics,
        *,
        body_limit: int,
        tracer: trace.Tracer | None = None,
        streamed: tuple[str, ...] = (),
    ) -> None:
        self.app, self.metrics, self.body_limit, self.tracer = app, metrics, body_limit, tracer
        #: Beginnings of paths whose bodies are never held as a whole: whoever reads them bounds them.
        self.streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request_id = scope[REQUEST_ID] = _request_id(scope)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            if self.tracer is None:
                await self._observe(scope, receive, send)
            else:
                with self.tracer.start_as_current_span("request") as span:
                    await self._observe(scope, receive, send)
                    span.update_name(f"{scope.get('method', 'WS')} {scope.get(ROUTE, 'other')}")
                    span.set_attribute("soundstage.request_id", request_id)

    async def _observe(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            with self.metrics.connections.track_inprogress():
                await self._timed(scope, receive, send, "WS")
        else:
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            bounded = scope["path"].startswith(self.streamed)
            read = receive if bounded else limited(receive, scope, self.body_limit)
            await self._timed(scope, read, send, method)

    async def _timed(self, scope: Scope, receive: Receive, send: Send, method: str) -> None:
        status, began = 0, time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                _identify(message, scope[REQUEST_ID])
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            seconds = time.perf_counter() - began
            route = scope.get(ROUTE, "other")
            self.metrics.requests.labels(route, method, str(status)).inc()
            if method != "WS":
                self.metrics.seconds.labels(route).observe(seconds)
            log.info("request", route=route, method=method, status=status, milliseconds=round(seconds * 1000, 2))


def _request_id(scope: Scope) -> str:
    """The client's own id where it sent a well-formed one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _WELL_FORMED.fullmatch(value):
            return str(value.decode())
    return new_id("req")


def _identify(message: Message, request_id: str) -> None:
    """Every answer tells its request id, also where a page or a library gave it."""
    headers = message.setdefault("headers", [])
    if not any(name.lower() == b"x-request-id" for name, _ in headers):
        message["headers"] = [*headers, (b"x-request-id", request_id.encode())]


def limited(receive: Receive, scope: Scope, limit: int) -> Receive:
    """Raises `PayloadTooLarge` to whoever reads a body beyond the limit."""
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    too_large = PayloadTooLarge(f"The body is larger than the {limit:,} bytes that the server accepts.", limit=limit)
    seen = 0

    async def read() -> Message:
        nonlocal seen
        if declared.isdigit() and int(declared) > limit:
            raise too_large
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise too_large
        return message

    return read
