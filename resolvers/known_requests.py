"""GraphQL over HTTP for what is known: one JSON object by POST, whose operation has a plan. The rest is http.py's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import orjson

from app.core.errors import SoundstageError
from app.observability.exchange import JSON, Answer, Incoming, RawHeaders, raw
from app.observability.requests import ROUTE
from resolvers.budgets import take
from resolvers.context import Context
from resolvers.http import body_of, media_type, refusal_of, status_of
from resolvers.plans.operation import Prepared
from resolvers.rate_headers import rate_lines
from resolvers.running import run
from resolvers.schema import SoundstageSchema
from resolvers.trusted import filled

#: What is answered in another form than one JSON object.
_STREAMS = ("text/event-stream", "multipart/")
_FORM = frozenset({"query", "variables", "operationName", "extensions", "documentId"})


class KnownRequests:
    """Answers what it knows."""

    def __init__(
        self, schema: SoundstageSchema, context: Callable[[Any], Awaitable[Context]], *, explains: bool
    ) -> None:
        self.schema, self.context, self.explains = schema, context, explains

    async def answer(self, request: Incoming) -> Answer | None:
        """The answer; None for what is to go the ordinary way."""
        headers, scope = request.headers.raw, request.scope
        accept = headers.get(b"accept", b"").decode("latin-1")
        if scope["method"] != "POST" or scope["query_string"] or (accept and any(form in accept for form in _STREAMS)):
            return None
        if not headers.get(b"content-type", b"").startswith(b"application/json"):
            return None
        body = request.here()
        try:
            body = await request.body() if body is None else body
        except SoundstageError as error:  # it cannot be read again
            scope[ROUTE] = "graphql"
            return Answer(error.status, [JSON], orjson.dumps(refusal_of(error.message, error.extensions)))
        try:
            found = self._operation(orjson.loads(body))
        except (SoundstageError, orjson.JSONDecodeError):
            return None  # what is wrong with it is told there
        if found is None:
            return None
        scope[ROUTE] = "graphql"
        return await self._answer(request, media_type(accept), found)

    def _operation(self, asked: Any) -> Prepared | None:
        """A known query or mutation, and its variables."""
        if type(asked) is not dict or not asked.keys() <= _FORM or type(asked.get("extensions", {})) is not dict:
            return None
        asked = filled(asked, self.schema.plans)
        found = self.schema.known(asked.get("query"), asked.get("operationName"), asked.get("variables"))
        return None if found is None or found.operation.is_subscription else found

    async def _answer(self, request: Incoming, type_: str, operation: Prepared) -> Answer:
        context = await self.context(request)
        context.by_graphql, context.explains = True, self.explains
        lines = b"content-type: %b\r\nx-request-id: %b\r\n" % (type_.encode(), context.request_id.encode())
        headers: RawHeaders = []
        try:
            if context.actor is None:
                await context.product.limits.admit_anonymous(context.client.address)
            body: Any = body_of(await run(operation, context))
            status = status_of(body, type_)
        except SoundstageError as error:
            body, status = refusal_of(error.message, error.extensions), error.status
            if "retryAfter" in error.extensions:
                headers += raw({"Retry-After": str(error.extensions["retryAfter"])})
        if context.has_response_headers:
            headers += context.response_headers.raw
        if context.actor is not None:
            with suppress(SoundstageError):
                lines += rate_lines(context.admission or await take(context, 1))
        return Answer(status, headers, orjson.dumps(body), lines)
