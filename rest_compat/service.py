"""All REST routes of the operation documents, served as one ASGI application in front of another."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from app.core.errors import NotFound, SoundstageError
from app.observability.exchange import Answer, Incoming
from app.observability.requests import REQUEST_ID, ROUTE
from resolvers.access import root_access
from resolvers.context import Context
from resolvers.schema import SoundstageSchema, build_schema
from rest_compat import openapi
from rest_compat.choices import Choice, choices
from rest_compat.dialects import DIALECTS, Answered
from rest_compat.operations import RestOperation, load_operations
from rest_compat.router import Match, Router
from rest_compat.routes import MethodNotAllowed, RestRoute
from rest_compat.websockets import StreamRoute

Route = RestRoute | Choice | StreamRoute


def operations(folder: Path, schema: SoundstageSchema | None = None, *, validated: bool = False) -> list[RestOperation]:
    """The operations of the documents under `graphql/`, checked against the schema unless they were before."""
    schema = schema or build_schema()
    return load_operations(folder, schema._schema, root_access(schema), validated=validated)


class RestService:
    """Answers the paths of the documents; hands every other one on."""

    def __init__(
        self,
        folder: Path,
        context: Callable[[Any], Awaitable[Context]],
        schema: SoundstageSchema,
    ) -> None:
        #: The tests validate them, and `make generate` does: a start would only take longer.
        self.operations = operations(folder, schema, validated=True)
        #: What answers the paths that are no routes; set by whoever has more.
        self.otherwise: ASGIApp = _nothing
        self._router: Router[Route] = Router()
        readable = frozenset(operation.path for operation in self.operations if operation.method == "GET")
        together: dict[tuple[str, str], list[RestRoute]] = {}
        for operation in self.operations:
            schema.plans.add(operation.text, operation.document)
            if operation.is_stream:
                self._add(operation, StreamRoute(operation, schema, context))
            else:
                route = RestRoute(operation, schema, context, readable)
                together.setdefault((operation.method, operation.path), []).append(route)
        for routes in together.values():
            self._add(routes[0].operation, choices(routes))

    def _add(self, operation: RestOperation, route: Route) -> None:
        for path in operation.paths():
            self._router.add(operation.method, path, route)

    @cached_property
    def trusted(self) -> bytes:
        """The documents that are named by their ids: what `/documents.json` answers."""
        return orjson.dumps(manifest(self.operations), option=orjson.OPT_INDENT_2)

    @cached_property
    def document(self) -> bytes:
        """The OpenAPI document, made when it is first asked for."""
        return orjson.dumps(openapi.build(self.operations), option=orjson.OPT_INDENT_2)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.otherwise(scope, receive, send)
            return
        if scope["type"] == "http":
            request = Incoming(scope, receive, sys.maxsize)  # whoever is in front of this bounds it
            answer = await self.answer(request)
            await (self.otherwise(scope, request.again(), send) if answer is None else answer.send(scope, send))
            return
        match = self._router.match(scope.get("raw_path", b"").decode("latin-1") or scope["path"])
        if match is None:
            await self.otherwise(scope, receive, send)
        else:
            await self._stream(match, scope, receive, send)

    async def answer(self, request: Incoming) -> Answer | None:
        """The answer to a request whose path is a route's; None for other paths."""
        scope = request.scope
        match = self._router.match(scope.get("raw_path", b"").decode("latin-1") or scope["path"])
        if match is None:
            return None
        method = scope["method"]
        route, path = match.route("GET" if method == "HEAD" else method) or (None, {})
        if route is None or isinstance(route, StreamRoute) or (method == "HEAD" and route.operation.is_mutation):
            return _not_allowed(match, scope)
        scope[ROUTE] = route.operation.name
        return await route.answer(request, path)

    async def _stream(self, match: Match[Route], scope: Scope, receive: Receive, send: Send) -> None:
        route, path = match.route("WS") or (None, {})
        if not isinstance(route, StreamRoute):
            await self.otherwise(scope, receive, send)
            return
        scope[ROUTE] = route.operation.name
        await route.serve(WebSocket(scope, receive, send), path)


def manifest(operations: Iterable[RestOperation]) -> dict[str, dict[str, str]]:
    """Operation -> the id of its document, `sha256:` and the hash of its text, and the text."""
    return {
        each.name: {"documentId": f"sha256:{sha256(each.text.encode()).hexdigest()}", "text": each.text}
        for each in sorted(operations, key=lambda each: each.name)
    }


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await (await not_found(HTTPConnection(scope)))(scope, receive, send)


def _not_allowed(match: Match[Route], scope: Scope) -> Answer:
    route = next(iter(match.routes.values()))[0]
    methods = sorted(method if method != "WS" else "GET" for method in match.routes)
    response = failure(scope, MethodNotAllowed(f"This path takes {', '.join(methods)}."), route.operation.api)
    allowed = ", ".join(dict.fromkeys(methods)).encode()
    kept = [(name, value) for name, value in response.headers.raw if name != b"content-length"]
    return Answer(response.status_code, [*kept, (b"allow", allowed)], bytes(response.body))


def failure(scope: Scope, error: SoundstageError, api: str = "suradar") -> Response:
    """An error outside any route; SURADAR's form where no API is meant."""
    request_id = scope.get(REQUEST_ID, "")
    body = DIALECTS[api].failure(error, Answered(request_id))
    return Response(orjson.dumps(body), error.status, {"X-Request-ID": request_id}, media_type="application/json")


async def not_found(connection: HTTPConnection) -> Response:
    """The answer to a path that does not exist."""
    return failure(connection.scope, NotFound(f"There is no route {connection.scope['path']}. See /docs."))
