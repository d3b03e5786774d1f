"""Files of a session as a language server's client asks for them: by their address, as bytes, with a version."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from app.core.actor import Kind, Scope
from app.core.errors import InvalidRequest, SoundstageError
from app.files.tree import Content
from app.language_servers.roots import client_root
from app.observability.requests import ROUTE
from resolvers.access import Access, Guard
from resolvers.context import Context
from rest_compat.dialects import DIALECTS
from rest_compat.ratelimit import count
from rest_compat.service import failure

_QUERY = frozenset({"session_id", "path", "uri", "root"})
READ = Guard(Access(scope=Scope.WORKSPACES, kind=Kind.READ))


@dataclass(frozen=True)
class LanguageServerFiles:
    """`/api/v1/lsp-fs`."""

    context: Callable[[Request], Awaitable[Context]]

    async def answer(self, request: Request) -> Response:
        """A file's bytes; 304 for who has this version."""
        request.scope[ROUTE] = "lsp-fs"
        context = await self.context(request)
        headers = {"X-Request-ID": context.request_id, "Cache-Control": "no-cache"}
        try:
            context.require_actor()
            headers.update(await count(DIALECTS["sursakit"], context))
            session_id, path = _asked(request)
            content: Content = await READ.run(
                context, {"session_id": session_id, "path": path}, lambda: context.files.read(session_id, path)
            )
        except SoundstageError as error:
            headers.update(error.details.pop("headers", {}))
            response = failure(request.scope, error, "sursakit")
            response.headers.update(headers)
            if error.status == 401:
                response.headers["WWW-Authenticate"] = "Bearer"
            return response
        headers["ETag"] = tag = f'"{content.version}"'
        headers["X-Content-Type-Options"] = "nosniff"
        # What a stranger wrote must not become a page of this site.
        headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        if tag in _tags(request) or "*" in _tags(request):
            return Response(status_code=304, headers=headers)
        body = b"" if request.method == "HEAD" else content.data
        headers["Content-Length"] = str(len(content.data))
        return Response(body, headers=headers, media_type="application/octet-stream")


def _asked(request: Request) -> tuple[str, str]:
    query = request.query_params
    unknown = [name for name in query if name not in _QUERY]
    if unknown:
        raise InvalidRequest(f"There is no parameter {unknown[0][:80]!r}. A credential never travels in the address.")
    session_id, path, uri = query.get("session_id", ""), query.get("path"), query.get("uri")
    if not session_id or (path is None) == (uri is None):
        raise InvalidRequest("Say which file: `?session_id=ses_…&path=src/main.py`, or its address as `uri`.")
    root = client_root(query.get("root"))
    if uri is None:
        return session_id, path or ""
    if not root.holds(uri):
        raise InvalidRequest(f"{uri[:200]!r} is not within {root.uri}. Name another `root`, if yours is another.")
    return session_id, root.relative(uri)


def _tags(request: Request) -> set[str]:
    given = request.headers.get("if-none-match", "")
    return {each.strip().removeprefix("W/") for each in given.split(",") if each.strip()}
