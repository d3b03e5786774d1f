"""Routes that answer a stream of lines: no operation could, since its whole answer is made before it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.core.actor import Kind, Scope
from app.core.errors import SoundstageError
from app.observability.requests import ROUTE
from resolvers.context import Context
from rest_compat.dialects import DIALECTS
from rest_compat.ratelimit import count
from rest_compat.service import failure

NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Download:
    """A download with the same context, access and limits as every route of its API."""

    name: str
    api: str
    access: tuple[Scope, Kind]
    context: Callable[[Request], Awaitable[Context]]
    lines: Callable[[Context, Request], AsyncIterator[bytes]]
    file_name: str
    media_type: str = NDJSON

    async def answer(self, request: Request) -> Response:
        """The stream, or an error in the dialect before its first byte."""
        request.scope[ROUTE] = self.name
        context = await self.context(request)
        headers = {"X-Request-ID": context.request_id, "Cache-Control": "no-store"}
        try:
            actor = context.require_actor()
            headers.update(await count(DIALECTS[self.api], context))
            actor.require(*self.access)
            lines = self.lines(context, request)
            first = await anext(lines)
        except SoundstageError as error:
            headers.update(error.details.pop("headers", {}))
            response = failure(request.scope, error, self.api)
            response.headers.update(headers)
            if error.status == 401:
                response.headers["WWW-Authenticate"] = "Bearer"
            return response
        headers["Content-Disposition"] = f'attachment; filename="{self.file_name}"'
        return StreamingResponse(_from(first, lines), media_type=self.media_type, headers=headers)


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
