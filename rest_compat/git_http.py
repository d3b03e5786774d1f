"""`git clone` and `git push` of a workspace: `/git/<workspace id>.git`, with an API key as the password."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.core.errors import InvalidRequest, PayloadTooLarge, SoundstageError, UnsupportedMediaType
from app.git import smart_http
from app.git.repository import Repository
from app.observability.requests import ROUTE
from app.workspaces.announcing import tell_pushed
from resolvers.access import Guard, guarded_change
from resolvers.context import Context
from resolvers.workspaces.mutations import WRITE
from resolvers.workspaces.queries import READ
from rest_compat.dialects import DIALECTS
from rest_compat.ratelimit import count
from rest_compat.service import failure

log = structlog.get_logger(__name__)
PREFIX = "/git/"
_PUSH = "repository.push"
_SERVICES = (smart_http.UPLOAD, smart_http.RECEIVE)
#: Bytes with which a client says what it has and wants.
_LARGEST_FETCH = 16 * 1024 * 1024
#: Bytes that are unpacked at once.
_UNPACKED = 1024 * 1024


@dataclass(frozen=True)
class Push:
    """What was pushed, for the audit log."""

    id: str


@dataclass(frozen=True)
class GitHttp:
    """The routes of git's smart protocol."""

    context: Callable[[Request], Awaitable[Context]]
    #: Bytes of one push.
    push_limit: int

    def routes(self) -> list[Route]:
        """What git asks: the references, then one request a fetch or push."""
        base = PREFIX + "{workspace_id}.git"
        return [
            Route(f"{base}/info/refs", self._answering("git-refs", self._references), methods=["GET"]),
            Route(f"{base}/{smart_http.UPLOAD}", self._answering("git-fetch", self._fetch), methods=["POST"]),
            Route(f"{base}/{smart_http.RECEIVE}", self._answering("git-push", self._push), methods=["POST"]),
        ]

    def _answering(self, name: str, answer: Callable[[Context, Request], Awaitable[Response]]) -> Any:
        async def endpoint(request: Request) -> Response:
            request.scope[ROUTE] = name
            _basic_as_bearer(request)
            context = await self.context(request)
            headers = {"X-Request-ID": context.request_id, "Cache-Control": "no-cache"}
            try:
                context.require_actor()
                headers.update(await count(DIALECTS["sursakit"], context))
                response = await answer(context, request)
            except SoundstageError as error:
                headers.update(error.details.pop("headers", {}))
                response = failure(request.scope, error, "sursakit")
                if error.status == 401:
                    response.headers["WWW-Authenticate"] = 'Basic realm="Soundstage", charset="UTF-8"'
            response.headers.update(headers)
            return response

        return endpoint

    async def _references(self, context: Context, request: Request) -> Response:
        service = request.query_params.get("service", "")
        if service not in _SERVICES:
            raise InvalidRequest(
                "Only git's smart protocol is spoken here: `service` is git-upload-pack or -receive-pack."
            )
        if service == smart_http.RECEIVE:
            context.require_actor().require(WRITE.scope, WRITE.kind)
        bare = await self._repository(context, request)
        body = await smart_http.advertise(bare.folder, service, request.headers.get("git-protocol", ""))
        return Response(body, media_type=f"application/x-{service}-advertisement")

    async def _fetch(self, context: Context, request: Request) -> Response:
        bare = await self._repository(context, request)
        # Read to its end first: while an answer streams, the server takes what is received for the client's leaving.
        asked = b"".join([piece async for piece in self._body(request, smart_http.UPLOAD, _LARGEST_FETCH)])
        pieces = smart_http.fetch(bare.folder, asked, request.headers.get("git-protocol", ""))
        return StreamingResponse(pieces, media_type=f"application/x-{smart_http.UPLOAD}-result")

    async def _push(self, context: Context, request: Request) -> Response:
        workspace_id, told = request.path_params["workspace_id"], b""
        body = self._body(request, smart_http.RECEIVE, self.push_limit)

        async def push() -> Push:
            nonlocal told
            await context.workspaces.get(workspace_id)
            bare = context.product.workspaces.folders.repository(workspace_id)
            before = await bare.branches()
            told = await smart_http.receive(bare.folder, body, request.headers.get("git-protocol", ""))
            moved = _moved(before, await bare.branches())
            context.audit_details = {"branches": moved}
            actor = context.require_actor()
            tell_pushed(context.work, workspace_id, moved, actor.user_id or actor.agent_id)
            return Push(workspace_id)

        await guarded_change(WRITE, _PUSH).run(context, {"workspaceId": workspace_id}, push)
        return Response(told, media_type=f"application/x-{smart_http.RECEIVE}-result")

    async def _repository(self, context: Context, request: Request) -> Repository:
        workspace_id = request.path_params["workspace_id"]

        async def find() -> Repository:
            await context.workspaces.get(workspace_id)
            return context.product.workspaces.folders.repository(workspace_id)

        return await Guard(READ).run(context, {"workspaceId": workspace_id}, find)

    async def _body(self, request: Request, service: str, limit: int) -> AsyncIterator[bytes]:
        """The request's body, unpacked; raises `PayloadTooLarge` beyond the limit, packed or not."""
        if request.headers.get("content-type", "") != f"application/x-{service}-request":
            raise UnsupportedMediaType(f"The body of this request is `application/x-{service}-request`.")
        unpacked = (
            zlib.decompressobj(zlib.MAX_WBITS | 16) if request.headers.get("content-encoding") == "gzip" else None
        )
        seen = 0
        try:
            async for piece in request.stream():
                data = unpacked.decompress(piece) if unpacked is not None else piece
                seen += len(data)
                if seen > limit:
                    raise PayloadTooLarge(f"What {service} is sent has at most {limit:,} bytes.")
                if data:
                    yield data
        except ClientDisconnect:
            raise InvalidRequest("The request ended before its body was complete.") from None
        except zlib.error:
            raise InvalidRequest("The body is not gzip, as its header says.") from None


async def _unpacked(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The content of a gzip stream, never much of it at once."""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    async for piece in pieces:
        while piece:
            yield unpacking.decompress(piece, _UNPACKED)
            piece = unpacking.unconsumed_tail
    yield unpacking.flush()


def _moved(before: dict[str, str], after: dict[str, str]) -> list[dict[str, str | None]]:
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [{"name": name, "old": before.get(name), "new": after.get(name)} for name in names[:100]]


def _basic_as_bearer(request: Request) -> None:
    """git sends what it is given as user and password: the password (or a user without one) is the key."""
    headers = request.scope["headers"]
    for index, (name, value) in enumerate(headers):
        scheme, _, encoded = value.partition(b" ")
        if name == b"authorization" and scheme.lower() == b"basic":
            try:
                user, _, password = base64.b64decode(encoded, validate=True).partition(b":")
            except binascii.Error:
                return
            headers[index] = (name, b"Bearer " + (password or user))
