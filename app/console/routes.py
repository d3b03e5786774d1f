"""Serves the bundled pages and their assets."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.console.pages import CONTENT_SECURITY_POLICY, Asset, asset, page

_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"


def routes() -> list[Route]:
    """`/assets/{path}`, which both pages load their scripts and styles from."""
    return [Route("/assets/{path:path}", _serve_asset, methods=["GET"], name="assets")]


def page_endpoint(name: str) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers with a bundled page: `Route("/graphiql", page_endpoint("graphiql.html"))`."""

    async def serve_page(request: Request) -> Response:
        body = page(name)
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"etag": tag, "cache-control": _REVALIDATE, "content-security-policy": CONTENT_SECURITY_POLICY}
        headers |= {"referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}
        if _knows(request, tag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="text/html", headers=headers)

    return serve_page


async def _serve_asset(request: Request) -> Response:
    found = asset(request.path_params["path"])
    if found is None:
        return Response("There is no such asset.", status_code=404, media_type="text/plain")
    compressed = _accepts_gzip(request.headers.get("accept-encoding", ""))
    tag = f'"{found.sha256[:32]}{"-gzip" if compressed else ""}"'
    headers = {"etag": tag, "cache-control": _FOREVER, "vary": "accept-encoding", "x-content-type-options": "nosniff"}
    if _knows(request, tag):
        return Response(status_code=304, headers=headers)
    if compressed:
        return Response(
            found.compressed, media_type=_media_type(found), headers={**headers, "content-encoding": "gzip"}
        )
    return Response(found.plain(), media_type=_media_type(found), headers=headers)


def _media_type(found: Asset) -> str:
    return _MEDIA_TYPES[PurePosixPath(found.name).suffix]


def _knows(request: Request, tag: str) -> bool:
    """Whether the client has this version: If-None-Match holds a list of tags, maybe weak ones, or a star."""
    known = request.headers.get("if-none-match", "")
    return any(candidate.strip().removeprefix("W/") in (tag, "*") for candidate in known.split(","))


def _accepts_gzip(accepted: str) -> bool:
    """Reads Accept-Encoding: `gzip` or `*`, unless it is refused with q=0; what names gzip wins over the star."""
    weights: dict[str, float] = {}
    for coding in accepted.lower().split(","):
        name, _, weight = coding.partition(";q=")
        try:
            weights[name.strip()] = float(weight) if weight else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0
