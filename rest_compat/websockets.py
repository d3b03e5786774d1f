"""A WebSocket route for each `@rest` subscription: JSON text frames, one item a frame, resumable with `?after=`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import orjson
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.types import ExecutionResult

from app.core.errors import SoundstageError
from resolvers.context import Context
from resolvers.http import BEARER_PROTOCOL
from resolvers.schema import SoundstageSchema
from rest_compat.binding import bind
from rest_compat.dialects import DIALECTS, Answered, Dialect
from rest_compat.operations import RestOperation
from rest_compat.ratelimit import admit
from rest_compat.routes import as_error
from rest_compat.shape import converter, shape

#: Close codes of our own (RFC 6455 §7.4.2: 4000 to 4999): 4000 + the HTTP status.
ERROR_BASE = 4000
#: How long a stream may be silent before its WebSocket is accepted without a first item.
SILENCE_SECONDS = 0.25


class StreamRoute:
    """One subscription, ready to serve."""

    def __init__(
        self,
        operation: RestOperation,
        schema: SoundstageSchema,
        context: Callable[[WebSocket], Awaitable[Context]],
    ) -> None:
        self.operation, self.schema, self.context = operation, schema, context
        self.dialect = DIALECTS[operation.api]
        self.convert = converter(shape(operation.root_type, operation.root_node, operation.fragments))

    async def serve(self, socket: WebSocket, path: dict[str, str]) -> None:
        """Streams until the end, an error, or the client leaves. What is wrong before it begins is an HTTP answer."""
        context = await self.context(socket)
        try:
            headers = await admit(self.operation, self.dialect, context)
            query: dict[str, list[str]] = {}
            for name, value in socket.query_params.multi_items():
                query.setdefault(name, []).append(value)
            variables = bind(self.operation, path, query, None, None)
        except SoundstageError as error:
            await deny(socket, error, context.request_id, self.dialect)
            return
        stream: Any = await self.schema.stream(
            self.operation.text, variable_values=variables, context_value=context, operation_name=self.operation.name
        )
        try:
            await self._stream(socket, stream, context, headers)
        finally:
            await stream.aclose()

    async def _stream(self, socket: WebSocket, stream: Any, context: Context, headers: dict[str, str]) -> None:
        """What goes wrong at once is an HTTP answer; a stream that is silent at first is accepted all the same."""
        first: asyncio.Task[ExecutionResult | None] = asyncio.create_task(anext(stream, None))
        tasks: set[asyncio.Task[Any]] = {first}
        try:
            await asyncio.wait(tasks, timeout=SILENCE_SECONDS)
            if first.done() and (found := first.result()) is not None and found.errors:
                await deny(socket, as_error(found.errors[0]), context.request_id, self.dialect)
                return
            told = {"X-Request-ID": context.request_id, **headers}
            await socket.accept(_subprotocol(socket), [(k.lower().encode(), v.encode()) for k, v in told.items()])
            tasks |= {asyncio.create_task(self._send_all(socket, first, stream, context))}
            tasks |= {asyncio.create_task(_left(socket))}
            await asyncio.wait(tasks - {first}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send_all(
        self, socket: WebSocket, first: asyncio.Task[ExecutionResult | None], stream: Any, context: Context
    ) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            result = await first
            while result is not None:
                if result.errors:
                    error = as_error(result.errors[0])
                    body = self.dialect.failure(error, Answered(context.request_id))
                    await socket.send_text(orjson.dumps(body).decode())
                    await socket.close(ERROR_BASE + error.status, error.code)
                    return
                await self._send(socket, result)
                result = await anext(stream, None)
            await socket.close(1000, "end")

    async def _send(self, socket: WebSocket, result: ExecutionResult) -> None:
        assert result.data is not None
        value = result.data[self.operation.root_key]
        if self.convert is not None:
            value = self.convert(value)
        await socket.send_text(orjson.dumps(value).decode())


async def deny(socket: WebSocket, error: SoundstageError, request_id: str, dialect: Dialect) -> None:
    """Answers by HTTP what is wrong before a WebSocket opens; where that cannot be, with a code when it closes."""
    headers = {"X-Request-ID": request_id, **error.details.pop("headers", {})}
    body = orjson.dumps(dialect.failure(error, Answered(request_id)))
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(Response(body, error.status, headers, media_type="application/json"))
    else:
        await socket.close(ERROR_BASE + error.status, error.code)


def _subprotocol(socket: WebSocket) -> str | None:
    offered: list[str] = socket.scope.get("subprotocols", [])
    return next((name for name in offered if not name.startswith(BEARER_PROTOCOL)), None)


async def _left(socket: WebSocket) -> None:
    """Returns when the client has gone; what it says is read and dropped."""
    while socket.client_state is WebSocketState.CONNECTED:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
