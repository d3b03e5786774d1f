"""A route for each `@rest` operation: request → variables → the one execution → the dialect's answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.core.actor import Actor
from app.core.errors import (
    InvalidRequest,
    NotFound,
    RateLimited,
    SoundstageError,
    Unauthorized,
    UnsupportedMediaType,
)
from app.idempotency.service import Answer, AnswerLost, Attempt, Idempotency
from resolvers.context import Context
from resolvers.node import Node
from resolvers.nodes import node
from resolvers.schema import SoundstageSchema
from rest_compat.binding import bind, takes_body
from rest_compat.conditional import etag, unchanged, version_wanted
from rest_compat.dialects import DIALECTS, Answered, Dialect
from rest_compat.operations import RestOperation
from rest_compat.ratelimit import admit
from rest_compat.shape import Convert, converter, shape

log = structlog.get_logger(__name__)

#: Items on a page at most, in REST.
LARGEST_PAGE = 1_000
#: GraphQL's own codes, as errors of a request.
_GRAPHQL_CODES = frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "QUERY_TOO_LARGE"})


class MethodNotAllowed(InvalidRequest):
    """This path does not take this method; `Allow` names those that it takes."""

    code, status = "METHOD_NOT_ALLOWED", 405


@dataclass
class RestRoute:
    """One operation, ready to serve."""

    operation: RestOperation
    schema: SoundstageSchema
    context: Callable[[Request], Awaitable[Context]]
    #: The paths under which resources are read: what is made under one of them has a `Location`.
    readable: frozenset[str]
    dialect: Dialect = field(init=False)
    convert: Convert | None = field(init=False)

    def __post_init__(self) -> None:
        operation = self.operation
        self.dialect = DIALECTS[operation.api]
        answered = shape(operation.root_type, operation.root_node, operation.fragments)
        self.convert = converter(answered, whole_seconds=self.dialect.whole_seconds)

    async def answer(self, request: Request, path: dict[str, str], refused: SoundstageError | None = None) -> Response:
        """Answers a request, whatever happens, in the dialect; with `refused`, where it is refused already."""
        context = await self.context(request)
        response = await self._guarded(request, path, context, refused)
        response.headers.raw.extend(context.response_headers.raw)
        return response

    async def _guarded(
        self, request: Request, path: dict[str, str], context: Context, refused: SoundstageError | None
    ) -> Response:
        context.largest_page = LARGEST_PAGE
        headers = {"X-Request-ID": context.request_id}
        try:
            headers.update(await admit(self.operation, self.dialect, context))
            if refused is not None:
                raise refused
            return await self._answer(request, path, context, headers)
        except SoundstageError as error:
            headers.update(error.details.pop("headers", {}))
            return self.failure(error, context.request_id, headers)
        except Exception:
            log.exception("request.defect", route=self.operation.name)
            message = f"Something went wrong on our side. Tell the operator the request id {context.request_id}."
            return self.failure(SoundstageError(message), context.request_id, headers)

    def failure(self, error: SoundstageError, request_id: str, headers: dict[str, str]) -> Response:
        """An error in the dialect."""
        if isinstance(error, Unauthorized):
            headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, RateLimited) and "retryAfter" in error.details:
            headers["Retry-After"] = str(error.details["retryAfter"])
        return _json(self.dialect.failure(error, Answered(request_id)), error.status, headers)

    async def _answer(
        self, request: Request, path: dict[str, str], context: Context, headers: dict[str, str]
    ) -> Response:
        body = await read(request)
        key = request.headers.get("idempotency-key")
        changing = self.operation.is_mutation and self.operation.method in ("POST", "PUT", "PATCH")
        if key is None or not changing or context.actor is None:
            return await self._run(request, path, body, context, headers)
        idempotency = Idempotency(context.product.database, context.actor, context.product.environments.vault)
        attempt = await idempotency.begin(key, request.method, request.url.path, body)
        if attempt.answer is not None:
            kept = orjson.loads(attempt.answer.headers)
            return _response(
                attempt.answer.body.encode(), attempt.answer.status, {**kept, **headers, "Idempotency-Replayed": "true"}
            )
        self._once(context, context.actor, idempotency, attempt)
        response = await self._run(request, path, body, context, dict(headers))
        kept = {name: value for name, value in response.headers.items() if name in ("location", "etag", "link")}
        answer = Answer(response.status_code, orjson.dumps(kept).decode(), bytes(response.body).decode())
        await idempotency.finish(attempt, answer)
        response.headers.update(headers)
        return response

    def _once(self, context: Context, actor: Actor, idempotency: Idempotency, attempt: Attempt) -> None:
        """The key is taken in the effect's transaction; where the effect happened before, only the answer is made."""
        if attempt.resource_id:
            resource_id = attempt.resource_id

            async def again() -> Node | None:
                if not self.operation.answers_a_node:
                    raise AnswerLost.of(resource_id)
                return await node(context, resource_id)

            context.replay = again
        elif attempt.resource_id is None:
            context.before_commit.append(lambda made: idempotency.claim(context.work, attempt, made))

    async def _run(
        self, request: Request, path: dict[str, str], body: bytes, context: Context, headers: dict[str, str]
    ) -> Response:
        operation = self.operation
        document = json_body(request, body) if takes_body(operation) else None
        version = version_wanted(request.headers.get("if-match")) if operation.is_mutation else None
        variables = bind(operation, path, _query(request), document, version)
        result = await self.schema.execute(
            operation.text, variable_values=variables, context_value=context, operation_name=operation.name
        )
        if result.errors:
            raise as_error(result.errors[0])
        assert result.data is not None
        value = result.data[operation.root_key]
        if value is None:
            raise NotFound()
        if self.convert is not None:
            value = self.convert(value)
        return self._success(request, path, value, context, headers)

    def _success(
        self, request: Request, path: dict[str, str], value: Any, context: Context, headers: dict[str, str]
    ) -> Response:
        if self.operation.redirects:
            return Response(status_code=302, headers={**headers, "Location": value["url"]})
        operation, verified = self.operation, context.actor is not None and context.actor.signature_verified
        answered = Answered(context.request_id, verified)
        if operation.connection:
            page = value["pageInfo"]
            value = value["nodes"]
            cursor = page["endCursor"] if page["hasNextPage"] else None
            answered = Answered(context.request_id, verified, next_cursor=cursor, has_more=page["hasNextPage"])
            if cursor:
                headers["Link"] = _next_link(request, cursor)
        tag = etag(value)
        if tag is not None:
            headers["ETag"] = tag
            if request.method == "GET" and unchanged(request.headers.get("if-none-match"), tag):
                return Response(status_code=304, headers=headers)
        made = operation.status in (201, 202) and isinstance(value, dict) and "id" in value
        if made and _resource(operation) in self.readable:
            headers["Location"] = _location(operation, path, value["id"])
        if operation.max_age is not None:
            headers["Cache-Control"] = f"public, max-age={operation.max_age}"
        return _json(value if operation.raw else self.dialect.success(value, answered), operation.status, headers)


def as_error(error: Any) -> SoundstageError:
    """The error of a result as one of ours; the code tells the status where the cause is not at hand."""
    if isinstance(error.original_error, SoundstageError):
        return error.original_error
    code = (error.extensions or {}).get("code")
    if code in _GRAPHQL_CODES or code == InvalidRequest.code:
        return InvalidRequest(error.message)
    return SoundstageError(error.message)


async def read(request: Request) -> bytes:
    """The whole body; raises `InvalidRequest` where the client left before its end."""
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise InvalidRequest("The request ended before its body was complete.") from error


def json_body(request: Request, body: bytes) -> Any:
    """The body as JSON; raises `UnsupportedMediaType` or `InvalidRequest`."""
    if not body:
        return None
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType()
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error


def _query(request: Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, []).append(value)
    return found


def _next_link(request: Request, cursor: str) -> str:
    query = {**dict(request.query_params), "cursor": cursor}
    return f'<{request.url.path}?{urlencode(query)}>; rel="next"'


def _resource(operation: RestOperation) -> str:
    """The path of the resource that is made or changed: up to its id, or the collection's path and the new id."""
    head, found, _ = operation.path.partition("{id}")
    return (head if found else operation.path.rstrip("/") + "/") + "{id}"


def _location(operation: RestOperation, path: dict[str, str], made: str) -> str:
    """Where the resource is read."""
    return quote(_resource(operation).format(**{**path, "id": made}), safe="/")


def _json(body: Any, status: int, headers: dict[str, str]) -> Response:
    return _response(orjson.dumps(body), status, headers)


def _response(body: bytes, status: int, headers: dict[str, str]) -> Response:
    return Response(body, status, headers, media_type="application/json")
