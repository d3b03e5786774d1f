"""Ends event streams when the server stops: they would last until the deadline, and their clients resume anyway."""

from __future__ import annotations

import asyncio

from app.observability.exchange import App, Message, Receive, Scope, Send

#: Where a scope has the event that the server stops.
STOPPING = "soundstage.stopping"


async def drained(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Runs an application for one request; a stream of its is ended when the server stops."""
    stopping: asyncio.Event | None = scope.get(STOPPING)
    if stopping is None:
        await app(scope, receive, send)
        return
    body_read = started = ended = False

    async def read() -> Message:
        nonlocal body_read
        if not body_read:
            message = await receive()
            body_read = not message.get("more_body", False)
            return message
        # After the body there is only the news that the client left: those who wait for it are streams.
        return await _disconnect(receive, stopping)

    async def write(message: Message) -> None:
        nonlocal started, ended
        started = True
        ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        await send(message)

    await app(scope, read, write)
    if started and not ended and stopping.is_set():
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnect(receive: Receive, stopping: asyncio.Event) -> Message:
    left, stops = asyncio.ensure_future(receive()), asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({left, stops}, return_when=asyncio.FIRST_COMPLETED)
        return left.result() if left.done() else {"type": "http.disconnect"}
    finally:
        left.cancel()
        stops.cancel()
