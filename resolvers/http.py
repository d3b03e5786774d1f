"""GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/), graphql-transport-ws and graphql-sse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import orjson
from cross_web import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.unset import UNSET, UnsetType

from app.core.errors import InvalidRequest, RateLimited, SoundstageError, Unauthorized
from resolvers.broadcast import Broadcast
from resolvers.budgets import take
from resolvers.context import Context
from resolvers.rate_headers import rate_headers
from resolvers.schema import SoundstageSchema
from resolvers.transport_ws import SEND, TransportWs
from resolvers.trusted import filled

RESPONSE_TYPE = "application/graphql-response+json"
#: A syntax error, an unknown field, a variable of the wrong type: nothing was executed.
NOT_EXECUTED = HTTPStatus.BAD_REQUEST
BEARER_PROTOCOL = "bearer."


class GraphQLEndpoint(GraphQL[Context, None]):
    """`/graphql`."""

    graphql_transport_ws_handler_class = TransportWs

    def __init__(
        self,
        *,
        context: Callable[[Request | WebSocket], Awaitable[Context]],
        authenticate: Callable[[Context, str], Awaitable[None]],
        page: Callable[[Request], Awaitable[Response]] | None,
        schema: SoundstageSchema,
        production: bool,
        explain_validation: bool = True,
        allowed_origins: Sequence[str] = (),
    ) -> None:
        super().__init__(
            schema,
            allow_queries_via_get=not production,  # optional in GraphQL over HTTP; what scanners ask for
            graphql_ide="graphiql" if page else None,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=10),
            allowed_origins=allowed_origins,
        )
        self._context, self._authenticate, self._page = context, authenticate, page
        self.broadcast = Broadcast()
        #: Whether clients are told why a document does not fit the schema.
        self.explains = explain_validation

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            scope[SEND] = send
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self.run(request)
        except HTTPException as error:
            code = "METHOD_NOT_ALLOWED" if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else InvalidRequest.code
            response = self._refusal(request, error.status_code, error.reason, {"code": code})
        except ClientDisconnect:
            gone = "The request ended before its body was complete."
            response = self._refusal(request, NOT_EXECUTED, gone, {"code": InvalidRequest.code})
        except SoundstageError as error:
            response = self._refusal(request, error.status, error.message, error.extensions)
        await _tell_limits(request, response)
        await response(scope, receive, send)

    def _refusal(self, request: Request, status: int, message: str, extensions: dict[str, Any]) -> Response:
        body = orjson.dumps(refusal_of(message, extensions))
        headers = {"Allow": "GET, POST"} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
        if "retryAfter" in extensions:
            headers["Retry-After"] = str(extensions["retryAfter"])
        return Response(body, status, headers, media_type=_media_type(request))

    async def get_context(self, request: Request | WebSocket, response: Any) -> Context:
        context = await self._context(request)
        context.by_graphql, context.explains = True, self.explains
        if isinstance(request, Request):
            request.state.context = context
            if context.actor is None:
                await context.product.limits.admit_anonymous(context.client.address)
            context.response_headers = response.headers
            response.headers["X-Request-ID"] = context.request_id
        return context

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        response = await super().get_sub_response(request)
        response.media_type = _media_type(request)
        return response

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        return body_of(result)

    def create_response(self, response_data: Any, sub_response: Response) -> Response:
        status = int(sub_response.status_code or status_of(response_data, sub_response.media_type))
        response = Response(orjson.dumps(response_data), status, media_type=sub_response.media_type)
        response.headers.raw.extend(sub_response.headers.raw)
        return response

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()

    def decode_json(self, data: str | bytes) -> object:
        found = orjson.loads(data)
        if not isinstance(found, dict | list):
            raise InvalidRequest("A GraphQL request is a JSON object, and so are its variables and extensions.")
        return self._with_documents(found)

    def _with_documents(self, found: Any) -> Any:
        """With the texts of the documents that are named: of one request, a batch, or a WebSocket's message."""
        plans = self.schema.plans  # type: ignore[attr-defined]
        if isinstance(found, list):
            return [filled(each, plans) for each in found]
        if "type" not in found or "payload" not in found:
            return filled(found, plans)
        with suppress(InvalidRequest):  # the operation is refused for having no document, the connection goes on
            return {**found, "payload": filled(found["payload"], plans)}
        return found

    async def render_graphql_ide(self, request: Request) -> Response:
        assert self._page is not None
        return await self._page(request)

    async def pick_websocket_subprotocol(self, request: WebSocket) -> str | None:
        return next((name for name in request["subprotocols"] if name in self.websocket_subprotocols), None)

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        token = bearer(str(_case_insensitive(context.connection_params or {}).get("authorization", "")))
        if token is not None:
            await self._authenticate(context, token)
        if context.actor is None:
            raise ConnectionRejectionError((context.refused or Unauthorized()).extensions)
        nothing: UnsetType = UNSET
        return nothing


async def _tell_limits(request: Request, response: Response) -> None:
    """The limits in the headers of an authenticated answer. What was refused unread costs 1; a stream tells its own."""
    context: Context | None = getattr(request.state, "context", None)
    if context is None or context.actor is None:
        return
    with suppress(SoundstageError):
        unread = 0 if isinstance(response, StreamingResponse) else 1
        response.headers.update(rate_headers(context.admission or await take(context, unread)))


def refusal_of(message: str, extensions: dict[str, Any]) -> dict[str, Any]:
    """The body of an answer to what was not even looked at."""
    return {"errors": [{"message": message, "extensions": extensions}]}


def body_of(result: ExecutionResult) -> GraphQLHTTPResponse:
    """The body of an answer."""
    body: GraphQLHTTPResponse = {}
    if result.errors:
        body["errors"] = [error.formatted for error in result.errors]
    if not _not_executed(result):
        body["data"] = result.data
    if result.extensions:
        body["extensions"] = result.extensions
    return body


def status_of(response_data: Any, media_type: str | None) -> int:
    """The status of an answer; what asks for plain JSON looks into the body."""
    executed = isinstance(response_data, list) or "data" in response_data
    return HTTPStatus.OK if executed or media_type != RESPONSE_TYPE else _status(response_data)


def _status(response_data: Any) -> int:
    """Why nothing was executed, as a status."""
    codes = {error.get("extensions", {}).get("code") for error in response_data["errors"]}
    return RateLimited.status if RateLimited.code in codes else NOT_EXECUTED


def bearer(header: str) -> str | None:
    """The token in an `Authorization` header, None for none."""
    scheme, _, token = header.strip().partition(" ")
    return token.strip() or None if scheme == "Bearer" or scheme.lower() == "bearer" else None


def bearer_of(request: HTTPConnection) -> str | None:
    """The token of a request: its header, or for a WebSocket a second subprotocol `bearer.<token>`."""
    found = bearer(request.headers.get("authorization", ""))
    if found is None and isinstance(request, WebSocket):
        for name in request.scope.get("subprotocols", ()):
            if name.startswith(BEARER_PROTOCOL):
                return str(name[len(BEARER_PROTOCOL) :])
    return found


def _case_insensitive(params: dict[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in params.items()}


def _media_type(request: Request | WebSocket) -> str:
    return media_type(request.headers.get("accept", ""))


def media_type(accept: str) -> str:
    """What is answered to who accepts this."""
    if not accept or ("*/*" in accept and RESPONSE_TYPE not in accept):
        return "application/json"
    return RESPONSE_TYPE if RESPONSE_TYPE in accept else "application/json"


def _not_executed(result: ExecutionResult) -> bool:
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and bool(result.errors) and all(error.path is None for error in result.errors or ())
