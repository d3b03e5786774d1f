"""A route for each `@rest` operation: request → variables → the one execution → the dialect's answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import structlog

from app.core.actor import Actor
from app.core.errors import (
    InvalidRequest,
    NotFound,
    RateLimited,
    SoundstageError,
    Unauthorized,
    UnsupportedMediaType,
)
from app.idempotency.service import Answer as KeptAnswer
from app.idempotency.service import AnswerLost, Attempt, Idempotency
from app.observability.exchange import JSON, Answer, Incoming, RawHeaders, raw
from resolvers.context import Context
from resolvers.node import Node
from resolvers.nodes import node
from resolvers.rate_headers import rate_lines
from resolvers.schema import SoundstageSchema
from rest_compat.binding import bind
from rest_compat.conditional import etag, unchanged, version_wanted
from rest_compat.dialects import DIALECTS, Answered, Dialect
from rest_compat.operations import RestOperation
from rest_compat.ratelimit import admitted
from rest_compat.shape import Convert, converter, shape

log = structlog.get_logger(__name__)

#: Items on a page at most, in REST.
LARGEST_PAGE = 1_000
#: GraphQL's own codes, as errors of a request.
#: Headers that an answer has again when it is given again.
_KEPT = (b"location", b"etag", b"link")
_GRAPHQL_CODES = frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "QUERY_TOO_LARGE"})


class MethodNotAllowed(InvalidRequest):
    """This path does not take this method; `Allow` names those that it takes."""

    code, status = "METHOD_NOT_ALLOWED", 405


@dataclass
class RestRoute:
    """One operation, ready to serve."""

    operation: RestOperation
    schema: SoundstageSchema
    context: Callable[[Incoming], Awaitable[Context]]
    #: The paths under which resources are read: what is made under one of them has a `Location`.
    readable: frozenset[str]
    dialect: Dialect = field(init=False)
    convert: Convert | None = field(init=False)

    def __post_init__(self) -> None:
        operation = self.operation
        self.dialect = DIALECTS[operation.api]
        answered = shape(operation.root_type, operation.root_node, operation.fragments)
        self.convert = converter(answered, whole_seconds=self.dialect.whole_seconds)

    async def answer(self, request: Incoming, path: dict[str, str], refused: SoundstageError | None = None) -> Answer:
        """Answers a request, whatever happens, in the dialect; with `refused`, where it is refused already."""
        context = await self.context(request)
        answer = await self._guarded(request, path, context, refused)
        if context.admission is not None:
            answer.lines = rate_lines(context.admission)
        if context.has_response_headers:
            answer.headers += context.response_headers.raw
        return answer

    async def _guarded(
        self, request: Incoming, path: dict[str, str], context: Context, refused: SoundstageError | None
    ) -> Answer:
        context.largest_page = LARGEST_PAGE
        headers: RawHeaders = [(b"x-request-id", context.request_id.encode())]
        try:
            context.admission = await admitted(self.operation, self.dialect, context)
            if refused is not None:
                raise refused
            return await self._answer(request, path, context, headers)
        except SoundstageError as error:
            headers += raw(error.details.pop("headers", {}))
            return self.failure(error, context.request_id, headers)
        except Exception:
            log.exception("request.defect", route=self.operation.name)
            message = f"Something went wrong on our side. Tell the operator the request id {context.request_id}."
            return self.failure(SoundstageError(message), context.request_id, headers)

    def failure(self, error: SoundstageError, request_id: str, headers: RawHeaders) -> Answer:
        """An error in the dialect."""
        if isinstance(error, Unauthorized):
            headers.append((b"www-authenticate", b"Bearer"))
        told = any(name == b"retry-after" for name, _ in headers)
        if isinstance(error, RateLimited) and "retryAfter" in error.details and not told:
            headers.append((b"retry-after", str(error.details["retryAfter"]).encode()))
        return _json(self.dialect.failure(error, Answered(request_id)), error.status, headers)

    async def _answer(self, request: Incoming, path: dict[str, str], context: Context, headers: RawHeaders) -> Answer:
        body = request.here()
        body = await request.body() if body is None else body
        key = request.headers.get("idempotency-key")
        changing = self.operation.is_mutation and self.operation.method in ("POST", "PUT", "PATCH")
        if key is None or not changing or context.actor is None:
            return await self._run(request, path, body, context, headers)
        idempotency = Idempotency(context.product.database, context.actor, context.product.environments.vault)
        attempt = await idempotency.begin(key, request.method, request.path, body)
        if attempt.answer is not None:
            replayed = [*raw(orjson.loads(attempt.answer.headers)), *headers, (b"idempotency-replayed", b"true"), JSON]
            return Answer(attempt.answer.status, replayed, attempt.answer.body.encode())
        self._once(context, context.actor, idempotency, attempt)
        answer = await self._run(request, path, body, context, headers)
        kept = {name.decode(): value.decode() for name, value in answer.headers if name in _KEPT}
        await idempotency.finish(attempt, KeptAnswer(answer.status, orjson.dumps(kept).decode(), answer.body.decode()))
        return answer

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
        self, request: Incoming, path: dict[str, str], body: bytes, context: Context, headers: RawHeaders
    ) -> Answer:
        operation = self.operation
        document = json_body(request, body) if operation.takes_body else None
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
        self, request: Incoming, path: dict[str, str], value: Any, context: Context, headers: RawHeaders
    ) -> Answer:
        if self.operation.redirects:
            return Answer(302, [*headers, (b"location", value["url"].encode("latin-1"))], b"")
        operation, verified = self.operation, context.actor is not None and context.actor.signature_verified
        answered = Answered(context.request_id, verified)
        if operation.connection:
            page = value["pageInfo"]
            value = value["nodes"]
            cursor = page["endCursor"] if page["hasNextPage"] else None
            answered = Answered(context.request_id, verified, next_cursor=cursor, has_more=page["hasNextPage"])
            if cursor:
                headers.append((b"link", _next_link(request, cursor).encode("latin-1")))
        tag = etag(value)
        if tag is not None:
            headers.append((b"etag", tag.encode()))
            if request.method == "GET" and unchanged(request.headers.get("if-none-match"), tag):
                return Answer(304, headers, b"")
        made = operation.status in (201, 202) and isinstance(value, dict) and "id" in value
        if made and _resource(operation) in self.readable:
            headers.append((b"location", _location(operation, path, value["id"]).encode()))
        if operation.max_age is not None:
            headers.append((b"cache-control", b"public, max-age=%d" % operation.max_age))
        return _json(value if operation.raw else self.dialect.success(value, answered), operation.status, headers)


def as_error(error: Any) -> SoundstageError:
    """The error of a result as one of ours; the code tells the status where the cause is not at hand."""
    if isinstance(error.original_error, SoundstageError):
        return error.original_error
    code = (error.extensions or {}).get("code")
    if code in _GRAPHQL_CODES or code == InvalidRequest.code:
        return InvalidRequest(error.message)
    return SoundstageError(error.message)


def json_body(request: Incoming, body: bytes) -> Any:
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


def _query(request: Incoming) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in request.query():
        found.setdefault(name, []).append(value)
    return found


def _next_link(request: Incoming, cursor: str) -> str:
    query = {**dict(request.query()), "cursor": cursor}
    return f'<{quote(request.path)}?{urlencode(query)}>; rel="next"'


def _resource(operation: RestOperation) -> str:
    """The path of the resource that is made or changed: up to its id, or the collection's path and the new id."""
    head, found, _ = operation.path.partition("{id}")
    return (head if found else operation.path.rstrip("/") + "/") + "{id}"


def _location(operation: RestOperation, path: dict[str, str], made: str) -> str:
    """Where the resource is read."""
    return quote(_resource(operation).format(**{**path, "id": made}), safe="/")


def _json(body: Any, status: int, headers: RawHeaders) -> Answer:
    headers.append(JSON)
    return Answer(status, headers, orjson.dumps(body))
