"""Uploads by the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload): `/api/v1/filestorage`."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from email.utils import format_datetime
from functools import partial
from typing import Any

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from app.core.errors import PreconditionFailed, SoundstageError, UnsupportedMediaType
from app.observability.requests import ROUTE
from app.uploads.errors import BadUpload, UploadBroke
from app.uploads.models import Upload
from app.uploads.service import Begin, UploadParts
from app.uploads.store import ALGORITHMS
from resolvers.access import guarded_change
from resolvers.context import Context
from resolvers.workspaces.mutations import WRITE
from rest_compat.dialects import DIALECTS
from rest_compat.ratelimit import count
from rest_compat.routes import MethodNotAllowed
from rest_compat.service import failure
from rest_compat.uploads_described import MEDIA_TYPE, PATH, VERSION

log = structlog.get_logger(__name__)
EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration"
#: What a page in a browser has to see of the answers.
HEADERS = (
    "Location",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Resumable",
    "Tus-Version",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
)
#: Seconds in which something more of a body has to come.
PATIENCE = 60.0
_LONGEST_METADATA, _LONGEST_TEXT = 16 * 1024, 1_000
#: SQLite's and PostgreSQL's largest number has more digits.
_MOST_DIGITS = 18

Answer = Callable[[Context, Request], Awaitable[Response]]


class VersionNotSpoken(PreconditionFailed):
    """This server speaks version 1.0.0 of the tus protocol: send `Tus-Resumable: 1.0.0`."""

    code = "TUS_VERSION_NOT_SPOKEN"


@dataclass(frozen=True)
class UploadRoutes:
    """The routes of the protocol, with the same context, limits and errors as every route."""

    context: Callable[[Request], Awaitable[Context]]
    parts: UploadParts

    def routes(self, prefix: str) -> list[Route]:
        """What a client asks: making an upload, then its offset, bytes and end."""
        own: dict[str, Answer] = {"HEAD": self._offset, "PATCH": self._append, "DELETE": self._delete}
        return [
            Route(f"{prefix}{PATH}", self._answering({"POST": self._create}), methods=["POST", "OPTIONS"]),
            Route(
                f"{prefix}{PATH}/{{id}}",
                self._answering(own),
                methods=["HEAD", "PATCH", "DELETE", "OPTIONS", "POST"],
            ),
        ]

    def _answering(self, answers: dict[str, Answer]) -> Any:
        async def endpoint(request: Request) -> Response:
            method = request.headers.get("X-HTTP-Method-Override", request.method).upper()
            request.scope[ROUTE] = f"upload-{method.lower()}" if method in {*answers, "OPTIONS"} else "upload"
            if method == "OPTIONS":
                return Response(status_code=204, headers=self._about())
            context = await self.context(request)
            headers = {"X-Request-ID": context.request_id, "Tus-Resumable": VERSION, "Cache-Control": "no-store"}
            try:
                response = await self._answer(context, request, answers.get(method), headers)
            except SoundstageError as error:
                headers.update(error.details.pop("headers", {}))
                response = failure(request.scope, error, "sursakit")
                if isinstance(error, VersionNotSpoken):
                    response.headers["Tus-Version"] = VERSION
            except Exception:
                log.exception("request.defect", route=request.scope[ROUTE])
                message = f"Something went wrong on our side. Tell the operator the request id {context.request_id}."
                response = failure(request.scope, SoundstageError(message), "sursakit")
            response.headers.update(headers)
            return response

        return endpoint

    async def _answer(
        self, context: Context, request: Request, answer: Answer | None, headers: dict[str, str]
    ) -> Response:
        if request.headers.get("Tus-Resumable") != VERSION:
            raise VersionNotSpoken()
        actor = context.require_actor()
        headers.update(await count(DIALECTS["sursakit"], context))
        if answer is None:
            raise MethodNotAllowed("An upload takes HEAD, PATCH, DELETE and OPTIONS.")
        actor.require(WRITE.scope, WRITE.kind)
        if actor.agent_id:
            await context.governance().check_agent(actor.agent_id)
        return await answer(context, request)

    def _about(self) -> dict[str, str]:
        return {
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(self.parts.limit),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        }

    async def _create(self, context: Context, request: Request) -> Response:
        given = _begin(request)
        checksum, with_bytes = _checksum(request), _has_body(request)
        asked = {"sessionId": given.session_id, "path": given.path}

        async def begin() -> Upload:
            context.audit_details = {"sessionId": given.session_id, "path": given.path, "length": given.length}
            return await context.uploads.begin(given)

        upload = await guarded_change(WRITE, "upload.create").run(context, asked, begin)
        headers = {"Location": f"{request.url.path.rstrip('/')}/{upload.id}", "Upload-Expires": _expires(upload)}
        offset = 0
        try:
            with context.uploads.held(upload.id):
                if with_bytes:
                    offset = await context.uploads.append(upload, 0, _body(request), checksum)
                await self._finish_if_complete(context, upload, offset)
        except SoundstageError as error:
            # The upload is there: the client goes on with it.
            error.details.setdefault("headers", {}).update(headers)
            raise
        if with_bytes:
            headers["Upload-Offset"] = str(offset)
        return Response(status_code=201, headers=headers)

    async def _offset(self, context: Context, request: Request) -> Response:
        upload = await context.uploads.get(request.path_params["id"])
        offset = await context.uploads.offset(upload)
        if offset == upload.length and upload.finished_at is None:
            # All is there, but the server ended before it was in place: to the client this offset means success.
            with context.uploads.held(upload.id):
                upload = await context.uploads.get(upload.id)
                await self._finish_if_complete(context, upload, offset)
        headers = {
            "Upload-Offset": str(offset),
            "Upload-Length": str(upload.length),
            "Upload-Expires": _expires(upload),
        }
        if upload.sent_metadata:
            headers["Upload-Metadata"] = upload.sent_metadata
        return Response(status_code=200, headers=headers)

    async def _append(self, context: Context, request: Request) -> Response:
        if request.headers.get("Content-Type", "").lower() != MEDIA_TYPE:
            raise UnsupportedMediaType(f"The body of this request is `{MEDIA_TYPE}`.")
        at, checksum = _number(request, "Upload-Offset"), _checksum(request)
        upload_id = request.path_params["id"]
        await context.uploads.get(upload_id)
        with context.uploads.held(upload_id):
            upload = await context.uploads.get(upload_id)
            offset = await context.uploads.append(upload, at, _body(request), checksum)
            await self._finish_if_complete(context, upload, offset)
        return Response(status_code=204, headers={"Upload-Offset": str(offset), "Upload-Expires": _expires(upload)})

    async def _delete(self, context: Context, request: Request) -> Response:
        upload_id = request.path_params["id"]
        upload = await context.uploads.get(upload_id)
        asked = {"id": upload_id, "sessionId": upload.session_id, "path": upload.path}
        with context.uploads.held(upload_id):
            delete = partial(context.uploads.delete, upload_id)
            await guarded_change(WRITE, "upload.delete").run(context, asked, delete)
            await context.uploads.forget(upload_id)
        return Response(status_code=204)

    async def _finish_if_complete(self, context: Context, upload: Upload, offset: int) -> None:
        """Puts the file in place: what policies judge, and the audit log tells."""
        if offset < upload.length or upload.finished_at is not None:
            return
        asked = {"id": upload.id, "sessionId": upload.session_id, "path": upload.path}

        async def finish() -> Upload:
            context.audit_details = {"sessionId": upload.session_id, "path": upload.path, "length": upload.length}
            return await context.uploads.finish(upload)

        await guarded_change(WRITE, "file.upload").run(context, asked, finish)
        await context.uploads.forget(upload.id)


async def _body(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces; raises `UploadBroke` where it ends too early or stands still."""
    pieces = request.stream()
    try:
        while True:
            async with asyncio.timeout(PATIENCE):
                piece = await anext(pieces, None)
            if piece is None:
                return
            if piece:
                yield piece
    except (ClientDisconnect, TimeoutError):
        raise UploadBroke() from None


def _has_body(request: Request) -> bool:
    media_type = request.headers.get("Content-Type", "").lower()
    length = request.headers.get("Content-Length", "0")
    if length in ("", "0") and "Transfer-Encoding" not in request.headers:
        return False
    if media_type != MEDIA_TYPE:
        raise UnsupportedMediaType(f"The body of this request, where it has one, is `{MEDIA_TYPE}`.")
    return True


def _begin(request: Request) -> Begin:
    """What the headers ask for; raises `BadUpload`."""
    if "Upload-Defer-Length" in request.headers:
        raise BadUpload("The length has to be told at the beginning: `Upload-Length`, not `Upload-Defer-Length`.")
    length = _number(request, "Upload-Length")
    if "Upload-Concat" in request.headers:
        raise BadUpload("Uploads cannot be made of others: this server does not speak the extension `concatenation`.")
    sent = request.headers.get("Upload-Metadata", "")
    told = _metadata(sent)
    session_id, path = told.get("sessionId", ""), told.get("path") or told.get("filename", "")
    if not session_id or not path:
        raise BadUpload("`Upload-Metadata` has to name `sessionId` and `path`: the session, and where in its files.")
    filename, filetype = told.get("filename", ""), told.get("filetype", "")
    if "\0" in filename + filetype + session_id or max(len(filename), len(filetype)) > _LONGEST_TEXT:
        raise BadUpload(f"`filename` and `filetype` have at most {_LONGEST_TEXT:,} characters, none of them NUL.")
    return Begin(session_id, path, length, filename, filetype, sent)


def _metadata(sent: str) -> dict[str, str]:
    if len(sent) > _LONGEST_METADATA:
        raise BadUpload(f"`Upload-Metadata` has at most {_LONGEST_METADATA:,} characters.")
    found: dict[str, str] = {}
    for pair in filter(None, (pair.strip() for pair in sent.split(","))):
        name, _, value = pair.partition(" ")
        if not name.isascii() or name in found:
            raise BadUpload("Names in `Upload-Metadata` are ASCII, and each is there once.")
        try:
            found[name] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise BadUpload(f"{name[:80]!r} in `Upload-Metadata` is not UTF-8 text in base64.") from None
    return found


def _checksum(request: Request) -> tuple[str, bytes] | None:
    sent = request.headers.get("Upload-Checksum")
    if sent is None:
        return None
    algorithm, _, value = sent.partition(" ")
    try:
        expected = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        expected = b""
    if algorithm not in ALGORITHMS or not expected:
        raise BadUpload(f"`Upload-Checksum` is an algorithm ({', '.join(ALGORITHMS)}) and the digest in base64.")
    return algorithm, expected


def _number(request: Request, name: str) -> int:
    sent = request.headers.get(name, "")
    if not (sent.isascii() and sent.isdigit()) or len(sent) > _MOST_DIGITS:
        raise BadUpload(f"`{name}` has to be there, and a number of bytes.")
    return int(sent)


def _expires(upload: Upload) -> str:
    return format_datetime(upload.expires_at.replace(microsecond=0), usegmt=True)
