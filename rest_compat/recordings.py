"""The recording of a terminal, as a file for who may read the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import Request

from app.core.actor import Kind, Scope
from resolvers.context import Context
from rest_compat.downloads import Download
from rest_compat.openapi_terminals import ASCIICAST

_PIECE = 256 * 1024


def recording(context: Callable[[Request], Awaitable[Context]]) -> Download:
    """The route."""
    access = (Scope.AUDIT, Kind.READ)
    return Download("terminal-recording", "sursakit", access, context, _pieces, "terminal.cast", ASCIICAST)


async def _pieces(context: Context, request: Request) -> AsyncIterator[bytes]:
    path = await context.terminals.recording(request.path_params["id"])
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
