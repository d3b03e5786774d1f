"""Chats as the AI SDK speaks: its UI message stream over SSE (https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol).

The routes run GraphQL operations, as all routes do: a mutation begins the answer, a subscription tells its parts. So
access, policies, audit and limits are the same; only the form of the answer is another one.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import anyio
import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.assistant.files import Files
from app.contract import contract
from app.core.errors import InvalidRequest, NotFound, SoundstageError, Unauthorized, UnsupportedMediaType
from app.idempotency.service import Answer, AnswerLost, Idempotency
from app.observability.requests import ROUTE
from resolvers.context import Context
from resolvers.schema import SoundstageSchema
from rest_compat.dialects import DIALECTS
from rest_compat.ratelimit import count
from rest_compat.routes import as_error
from rest_compat.service import failure

log = structlog.get_logger(__name__)
API = "sursakit"
STREAM_HEADERS = {
    "x-vercel-ai-ui-message-stream": "v1",
    "Cache-Control": "no-cache, no-transform",
    # A proxy that gathers the answer would show it at its end.
    "X-Accel-Buffering": "no",
}
#: A silent stream says so, lest a proxy take it for dead.
SILENCE_SECONDS = 15.0
LOST = "The server that answered was stopped. Ask again."
#: The fields of a request: the AI SDK's own, then ours.
_TEXTS = ("id", "trigger", "messageId", "model", "workspaceId", "sessionId")
_KNOWN = (*_TEXTS, "messages", "stopOnDisconnect")
_TRIGGERS = ("submit-message", "regenerate-message")


@functools.cache
def _document() -> str:
    return (contract("graphql/streams") / "chat.graphql").read_text("utf-8")


@dataclass(frozen=True)
class ChatRoutes:
    """`POST /chat`, `POST /workflow-chat`, `GET /chat/{id}/stream`, `GET /chat/attachments/{id}`."""

    schema: SoundstageSchema
    context: Callable[[Request], Awaitable[Context]]
    files: Files

    def routes(self, prefix: str) -> list[Route]:
        """All routes under a prefix."""
        asks = {"chat": "CHAT", "workflow-chat": "WORKFLOW"}
        return [
            *(
                Route(f"{prefix}/{name}", self._route(name, functools.partial(self.ask, kind=kind)), methods=["POST"])
                for name, kind in asks.items()
            ),
            Route(f"{prefix}/chat/{{id}}/stream", self._route("chat-stream", self.resume), methods=["GET"]),
            Route(
                f"{prefix}/chat/attachments/{{id}}", self._route("chat-attachment", self.attachment), methods=["GET"]
            ),
        ]

    def _route(
        self, name: str, answer: Callable[[Request, Context], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            request.scope[ROUTE] = name
            context = await self.context(request)
            headers = {"X-Request-ID": context.request_id}
            try:
                if context.actor is None:
                    await context.product.limits.admit_anonymous(context.client.address)
                headers.update(await count(DIALECTS[API], context))
                response = await answer(request, context)
            except SoundstageError as error:
                response = _refused(request, error, headers)
            except Exception:
                log.exception("request.defect", route=name)
                message = f"Something went wrong on our side. Tell the operator the request id {context.request_id}."
                response = _refused(request, SoundstageError(message), headers)
            response.headers.update(headers)
            return response

        return endpoint

    async def ask(self, request: Request, context: Context, *, kind: str) -> Response:
        """Begins an answer, and streams it."""
        given = await _body(request)
        asked = {
            "chatId": given["id"],
            "messages": given["messages"],
            "kind": kind,
            **{name: given[name] for name in ("model", "workspaceId", "sessionId") if given.get(name) is not None},
        }
        begun = await self._once(request, context, {"input": asked})
        return await self._stream(context, begun, stops=bool(given.get("stopOnDisconnect")))

    async def _once(self, request: Request, context: Context, variables: dict[str, Any]) -> dict[str, Any]:
        """Begins an answer; with an `Idempotency-Key` that has begun one already, that one."""
        key = request.headers.get("idempotency-key")
        if key is None:
            return dict(await self._run(context, "SendChatMessage", variables, "sendChatMessage"))
        idempotency = Idempotency(context.product.database, context.require_actor(), context.product.environments.vault)
        attempt = await idempotency.begin(key, "POST", request.url.path, await request.body())
        if attempt.answer is not None:
            return dict(orjson.loads(attempt.answer.body))
        if attempt.resource_id is not None:
            raise AnswerLost.of(attempt.resource_id)
        context.before_commit.append(lambda made: idempotency.claim(context.work, attempt, made))
        begun = dict(await self._run(context, "SendChatMessage", variables, "sendChatMessage"))
        await idempotency.finish(attempt, Answer(200, "{}", orjson.dumps(begun).decode()))
        return begun

    async def resume(self, request: Request, context: Context) -> Response:
        """Streams the answer under way from its beginning; 204 where none is."""
        found = await self._run(context, "RunningAnswer", {"id": request.path_params["id"]}, "chat")
        running = found["runningAnswer"] if found else None
        return Response(status_code=204) if running is None else await self._stream(context, running, stops=False)

    async def attachment(self, request: Request, context: Context) -> Response:
        """The bytes of an attachment, which no browser takes for a page."""
        found = await self._run(context, "ChatAttachment", {"id": request.path_params["id"]}, "chatAttachment")
        if found is None:
            raise NotFound()
        name = quote(found["name"])
        return Response(
            await self.files.get(found["sha256"]),
            media_type=found["mediaType"],
            headers={
                "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, max-age=3600, immutable",
            },
        )

    async def _run(self, context: Context, operation: str, variables: dict[str, Any], field: str) -> Any:
        result = await self.schema.execute(
            _document(), variable_values=variables, context_value=context, operation_name=operation
        )
        if result.errors:
            raise as_error(result.errors[0])
        assert result.data is not None
        return result.data[field]

    async def _stream(self, context: Context, answer: dict[str, Any], *, stops: bool) -> Response:
        results: Any = await self.schema.stream(
            _document(),
            variable_values={"id": answer["id"]},
            context_value=context.again(),
            operation_name="ChatAnswer",
        )
        first = await anext(results)
        if first.errors:
            await results.aclose()
            raise as_error(first.errors[0])
        stop = functools.partial(self._stop, context, answer["chatId"]) if stops else None
        return StreamingResponse(_events(first, results, stop), media_type="text/event-stream", headers=STREAM_HEADERS)

    async def _stop(self, context: Context, chat_id: str) -> None:
        try:
            await self._run(context.again(), "StopChat", {"id": chat_id}, "stopChat")
        except SoundstageError as error:
            log.warning("chat.not_stopped", error=error.message)


async def _events(first: Any, results: Any, stop: Callable[[], Awaitable[None]] | None) -> AsyncIterator[bytes]:
    """The parts as server-sent events, until the end or until the client leaves."""
    ended = False
    pending: asyncio.Task[Any] | None = None
    try:
        result = first
        while not ended:
            if result is None:
                yield b": still here\n\n"
            else:
                events, ended = _told(result)
                yield events
            if not ended:
                pending = pending or asyncio.create_task(anext(results, _NOTHING))
                done, _ = await asyncio.wait({pending}, timeout=SILENCE_SECONDS)
                result = pending.result() if done else None
                pending = None if done else pending
    finally:
        with anyio.CancelScope(shield=True):
            if pending is not None:
                pending.cancel()
                await asyncio.gather(pending, return_exceptions=True)
            await results.aclose()
            if not ended and stop is not None:
                await stop()


_NOTHING = object()
_DONE = b"data: [DONE]\n\n"


def _told(result: Any) -> tuple[bytes, bool]:
    """What is told of one result: its events, and whether the stream ends with them."""
    if result is _NOTHING:
        return _failure(LOST) + _DONE, True
    if result.errors:
        return _failure(as_error(result.errors[0]).message) + _DONE, True
    item = result.data["chatAnswer"]
    if item["end"] is not None:
        return (_failure(LOST) if item["end"]["reason"] == "lost" else b"") + _DONE, True
    if item["gap"] is not None:
        return _failure("Parts of this answer are no longer kept. Read the chat again."), False
    return _event(item["part"]), False


def _failure(text: str) -> bytes:
    return _event({"type": "error", "errorText": text})


def _event(part: Any) -> bytes:
    return b"data: " + orjson.dumps(part) + b"\n\n"


def _refused(request: Request, error: SoundstageError, headers: dict[str, str]) -> Response:
    headers.update(error.details.pop("headers", {}))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if "retryAfter" in error.details:
        headers["Retry-After"] = str(error.details["retryAfter"])
    return failure(request.scope, error, API)


async def _body(request: Request) -> dict[str, Any]:
    """What the client asks; raises `InvalidRequest` that names what is wrong."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise InvalidRequest("The request ended before its body was complete.") from error
    if media_type != "application/json":
        raise UnsupportedMediaType()
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    if not isinstance(given, dict):
        raise InvalidRequest("The body has to be a JSON object.")
    _check(given)
    return given


def _check(given: dict[str, Any]) -> None:
    for name in given:
        if name not in _KNOWN:
            raise InvalidRequest(f"Unknown field '{name[:80]}'. Known: {', '.join(sorted(_KNOWN))}.")
    for name in ("id", "messages"):
        if given.get(name) is None:
            raise InvalidRequest(f"The '{name}' field is required.")
    for name in _TEXTS:
        if not isinstance(given.get(name, ""), str | None):
            raise InvalidRequest(f"'{name}' has to be a text.")
    if given.get("trigger") not in (None, *_TRIGGERS):
        raise InvalidRequest(f"'trigger' is one of {', '.join(_TRIGGERS)}.")
    if not isinstance(given.get("stopOnDisconnect", False), bool):
        raise InvalidRequest("'stopOnDisconnect' has to be true or false.")
