"""The WebSockets of a session's language servers, and of what changes in its files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.core.actor import Kind, Scope
from app.core.errors import InvalidRequest, SoundstageError
from app.language_servers.conversation import LARGEST_MESSAGE, Conversation
from app.language_servers.roots import client_root
from app.language_servers.shared import SharedServer, notification
from app.language_servers.viewers import Viewer
from app.language_servers.watching import Watcher
from app.observability.requests import ROUTE
from resolvers.access import Access, Guard, guarded_change
from resolvers.context import Context
from rest_compat.dialects import DIALECTS
from rest_compat.entrance import Entrance, chosen_protocol, ticket_of
from rest_compat.ratelimit import count
from rest_compat.websockets import ERROR_BASE, deny

DIALECT = DIALECTS["sursakit"]
_LSP_QUERY, _WATCH_QUERY = frozenset({"session", "language", "server"}), frozenset({"session", "root", "after"})
ATTACH = guarded_change(Access(scope=Scope.WORKSPACES, kind=Kind.WRITE), "language_server.attach")
WATCH = Guard(Access(scope=Scope.WORKSPACES, kind=Kind.READ))
#: Close codes of RFC 6455.
_TOO_BIG, _NO_TEXT = 1009, 1003


@dataclass(frozen=True)
class LanguageServerSocket:
    """`/api/v1/ws/lsp`: messages of the Language Server Protocol, one a text frame, without headers."""

    entrance: Entrance

    async def serve(self, socket: WebSocket) -> None:
        """Until the client leaves, or the server ends for good."""
        socket.scope[ROUTE] = "lsp"
        context = await self.entrance.context(socket)
        try:
            session_id, language = _query(socket, _LSP_QUERY), socket.query_params.get("language", "")
            if not language:
                raise InvalidRequest("Say which language: `?language=python`. `languageServers` lists those there are.")
            headers = await _admitted(self.entrance, socket, context, session_id)
            copy = await ATTACH.run(
                context, {"session_id": session_id}, lambda: context.language_servers.working_copy(session_id)
            )
        except SoundstageError as error:
            await deny(socket, error, context.request_id, DIALECT)
            return
        await _accept(socket, context, headers)
        try:
            server = await context.language_servers.seat(
                copy.session.id, language, socket.query_params.get("server", "")
            )
            viewer = server.join()
        except SoundstageError as error:
            # A browser sees nothing of an answer by HTTP, but the code of a close.
            with suppress(WebSocketDisconnect, RuntimeError):
                told = notification("window/showMessage", {"type": 1, "message": error.message})
                await socket.send_text(orjson.dumps(told).decode())
                await socket.close(ERROR_BASE + error.status, error.code)
            return
        try:
            stay = self.entrance.stay(socket, context, Kind.WRITE, by_ticket=bool(ticket_of(socket)))
            await _until_one_ends(socket, _listen(socket, server, viewer), _send(socket, viewer), stay)
        finally:
            await server.leave(viewer)


@dataclass(frozen=True)
class WatchSocket:
    """`/api/v1/ws/lsp-fs-watch`: what changes in a session's files."""

    entrance: Entrance

    async def serve(self, socket: WebSocket) -> None:
        """Until the client leaves, or the session is deleted."""
        socket.scope[ROUTE] = "lsp-fs-watch"
        context = await self.entrance.context(socket)
        try:
            session_id, root = _query(socket, _WATCH_QUERY), client_root(socket.query_params.get("root"))
            headers = await _admitted(self.entrance, socket, context, session_id)
            servers = context.language_servers
            copy = await WATCH.run(context, {"session_id": session_id}, lambda: servers.working_copy(session_id))
            watchers = context.product.language_servers.watchers
            async with watchers.watching(session_id, copy.folder) as watcher:
                await _accept(socket, context, headers)
                stay = self.entrance.stay(socket, context, Kind.READ, by_ticket=bool(ticket_of(socket)))
                frames = _frames(watcher, root.uri, socket.query_params.get("after"))
                await _until_one_ends(socket, _left(socket), _send_all(socket, frames), stay)
        except SoundstageError as error:
            await deny(socket, error, context.request_id, DIALECT)


async def _admitted(entrance: Entrance, socket: WebSocket, context: Context, session_id: str) -> dict[str, str]:
    entrance.check_origin(socket)
    tickets = context.product.language_servers.tickets
    await entrance.authenticate(socket, context, tickets, session_id, ticket_of(socket))
    return await count(DIALECT, context)


async def _accept(socket: WebSocket, context: Context, headers: dict[str, str]) -> None:
    told = {"X-Request-ID": context.request_id, **headers}
    await socket.accept(
        chosen_protocol(socket), [(name.lower().encode(), value.encode()) for name, value in told.items()]
    )


async def _until_one_ends(socket: WebSocket, *parts: Coroutine[Any, Any, None]) -> None:
    """Runs all until one ends; what it raises is told by the code of the close."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            error = task.exception()
            with suppress(WebSocketDisconnect, RuntimeError):
                if isinstance(error, SoundstageError):
                    await socket.close(ERROR_BASE + error.status, error.code)
                elif error is None:
                    await socket.close(1000, "end")
                elif not isinstance(error, WebSocketDisconnect | RuntimeError):
                    raise error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(socket: WebSocket, server: SharedServer, viewer: Viewer) -> None:
    conversation = Conversation(server, viewer)
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is None:
            await socket.close(_NO_TEXT, "messages are text")
            return
        if len(text) > LARGEST_MESSAGE or len(text.encode()) > LARGEST_MESSAGE:
            await socket.close(_TOO_BIG, f"a message has at most {LARGEST_MESSAGE} bytes")
            return
        if not await conversation.take(text):
            return


async def _send(socket: WebSocket, viewer: Viewer) -> None:
    async with aclosing(viewer.messages()) as messages:  # type: ignore[type-var]
        async for message in messages:
            await socket.send_text(message.decode())


async def _send_all(socket: WebSocket, frames: AsyncIterator[dict[str, Any]]) -> None:
    async with aclosing(frames) as items:  # type: ignore[type-var]
        async for frame in items:
            await socket.send_text(orjson.dumps(frame).decode())


async def _frames(watcher: Watcher, root: str, after: str | None) -> AsyncIterator[dict[str, Any]]:
    yield {"type": "ready", "cursor": after or watcher.cursor(), "complete": watcher.complete}
    async for batch in watcher.batches(after):
        cursor = watcher.cursor(batch)
        if batch.rescan:
            yield {"type": "rescan", "cursor": cursor}
        else:
            changes = [
                {"uri": f"{root}/{quote(change.path)}", "path": change.path, "type": str(change.kind)}
                for change in batch.changes
            ]
            yield {"type": "changes", "cursor": cursor, "changes": changes}


async def _left(socket: WebSocket) -> None:
    """Returns when the client has gone; what it says is read and dropped."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _query(socket: WebSocket, known: frozenset[str]) -> str:
    unknown = [name for name in socket.query_params if name not in known]
    if unknown:
        raise InvalidRequest(f"There is no parameter {unknown[0][:80]!r}. A credential never travels in the address.")
    session_id = socket.query_params.get("session", "")
    if not session_id:
        raise InvalidRequest("Say which session: `?session=ses_…`.")
    return session_id
