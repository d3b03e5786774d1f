"""What happens around every request: its id, its body's limit, its log line, its metrics, its span. Pure ASGI."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from app.core.ids import new_id
from app.observability.draining import drained
from app.observability.exchange import Answer, App, Headers, Incoming, Message, Receive, Scope, Send, limited
from app.observability.logging import REQUEST, request_log
from app.observability.metrics import Metrics

if TYPE_CHECKING:
    from opentelemetry import trace  # half a tenth of a second, for those who trace

#: Answers a request whole; None for what is to go the ordinary way.
Fast = Callable[[Incoming], Awaitable[Answer | None]]
_WELL_FORMED = re.compile(rb"[A-Za-z0-9_.:-]{8,128}")
REQUEST_ID = "soundstage.request_id"
#: Set where a request was looked at already.
_LOOKED = "soundstage.looked"
#: A route sets its name here; what has none is counted together.
ROUTE = "soundstage.route"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Requests:
    """Wraps an ASGI application, and what answers in front of it."""

    def __init__(
        self,
        app: App,
        metrics: Metrics,
        *,
        body_limit: int,
        fast: Fast | None = None,
        tracer: trace.Tracer | None = None,
        streamed: tuple[str, ...] = (),
    ) -> None:
        self.app, self.metrics, self.body_limit, self.tracer = app, metrics, body_limit, tracer
        self.fast = fast
        #: Beginnings of paths whose bodies are never held as a whole: whoever reads them bounds them.
        self.streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] == "http" and _LOOKED not in scope:
            request = Incoming(scope, receive, self.body_limit)
            answer = await self.whole(request)
            if answer is not None:
                await answer.send(scope, send)
                return
            receive = request.again()
        scope[REQUEST_ID] = request_id = scope.get(REQUEST_ID) or _request_id(Headers(scope["headers"]))
        token = REQUEST.set(request_id)
        try:
            await self._observe(scope, receive, send)
        finally:
            REQUEST.reset(token)

    async def whole(self, request: Incoming) -> Answer | None:
        """The answer to a request, counted and logged; None for one that is not known: it goes the ordinary way."""
        began, fast, scope = time.perf_counter(), self.fast, request.scope
        if fast is None:
            return None
        request.limit = self.body_limit
        scope[_LOOKED], scope[REQUEST_ID] = True, (request_id := _request_id(request.headers))
        token = REQUEST.set(request_id)
        status: int | None = 500
        try:
            answer = await fast(request)
            status = None if answer is None else answer.status
        finally:
            REQUEST.reset(token)
            if status is not None:
                self._note(scope, _method(scope), status, began)
        return answer

    async def _observe(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            with self.metrics.connections.track_inprogress():
                await self._timed(scope, receive, send, "WS")
            return
        bounded = scope["path"].startswith(self.streamed)
        received = receive if bounded else limited(receive, Headers(scope["headers"]), self.body_limit)
        await self._timed(scope, received, send, _method(scope))

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
            await (self.app(scope, receive, watch) if method == "WS" else drained(self.app, scope, receive, watch))
        finally:
            self._note(scope, method, status, began)

    def _note(self, scope: Scope, method: str, status: int, began: float) -> None:
        """Counts, logs and traces what was answered."""
        seconds = time.perf_counter() - began
        route = scope.get(ROUTE, "other")
        self.metrics.answered_one(route, method, status, None if method == "WS" else seconds)
        request_log.write(route, method, status, seconds, scope[REQUEST_ID])
        if self.tracer is not None:
            _trace(self.tracer, f"{method} {route}", status, seconds, scope[REQUEST_ID])


def _trace(tracer: trace.Tracer, name: str, status: int, seconds: float, request_id: str) -> None:
    """A span of what has just ended."""
    from opentelemetry.trace import StatusCode

    began = time.time_ns() - int(seconds * 1e9)
    attributes: dict[str, str | int] = {"soundstage.request_id": request_id, "http.response.status_code": status}
    span = tracer.start_span(name, start_time=began, attributes=attributes)
    if not 100 <= status < 500:
        span.set_status(StatusCode.ERROR)
    span.end()


def _method(scope: Scope) -> str:
    """The method of a request as metrics tell it."""
    method: str = scope["method"]
    return method if method in _METHODS else "OTHER"


def _request_id(headers: Headers) -> str:
    """The client's own id where it sent a well-formed one, else a new one."""
    sent = headers.raw.get(b"x-request-id")
    return new_id("req") if sent is None or not _WELL_FORMED.fullmatch(sent) else sent.decode()


def _identify(message: Message, request_id: str) -> None:
    """Every answer tells its request id, also where a page or a library gave it."""
    headers = message.setdefault("headers", [])
    if not any(name.lower() == b"x-request-id" for name, _ in headers):
        message["headers"] = [*headers, (b"x-request-id", request_id.encode())]
