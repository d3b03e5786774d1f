"""The way in to WebSockets with a protocol of their own: from which page, with which credential, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.websockets import WebSocket

from app.core.actor import Kind, Scope
from app.core.errors import Forbidden, Unauthorized
from app.terminals.frames import TICKET_PROTOCOL
from app.terminals.tickets import Tickets
from resolvers.context import Context
from resolvers.http import BEARER_PROTOCOL

#: Seconds between two looks at the credential of an open socket, and at an agent's.
LOOK_AGAIN_SECONDS = 30.0
LOOK_AT_AGENT_SECONDS = 1.0
#: How long a socket lives that a ticket opened: a ticket leaves no credential to look at again.
TICKET_SECONDS = 15 * 60.0


@dataclass(frozen=True)
class Entrance:
    """Whom it lets in."""

    context: Callable[[WebSocket], Awaitable[Context]]
    allowed_origins: Sequence[str] = ()

    def check_origin(self, socket: WebSocket) -> None:
        """Raises `Forbidden` for a page of another site; what is no browser sends no origin."""
        origin = socket.headers.get("origin")
        if origin is None or origin in self.allowed_origins:
            return
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or parts.netloc != socket.headers.get("host", ""):
            raise Forbidden(f"A page of {origin[:200]} may not open this here. See SOUNDSTAGE_ALLOWED_ORIGINS.")

    async def authenticate(
        self, socket: WebSocket, context: Context, tickets: Tickets, subject: str, ticket: str
    ) -> None:
        """Sets the actor whom a ticket names; raises `Unauthorized` where there is none."""
        if ticket:
            await context.product.limits.admit_anonymous(context.client.address)
            context.actor = tickets.take(ticket, subject, socket.headers.get("origin", ""))
        elif context.actor is None:
            await context.product.limits.admit_anonymous(context.client.address)
        context.require_actor()

    async def stay(self, socket: WebSocket, context: Context, kind: Kind, *, by_ticket: bool) -> None:
        """Returns never; raises when the credential is no longer good."""
        actor = context.require_actor()
        began = looked = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(LOOK_AT_AGENT_SECONDS if actor.agent_id else LOOK_AGAIN_SECONDS)
            now = asyncio.get_running_loop().time()
            if actor.agent_id:
                await context.governance().check_agent(actor.agent_id)
            if by_ticket and now - began > TICKET_SECONDS:
                raise Unauthorized("A socket that a ticket opened lives for 15 minutes. Get another ticket and go on.")
            if not by_ticket and now - looked >= LOOK_AGAIN_SECONDS:
                looked = now
                again = (await self.context(socket)).require_actor()
                again.require(Scope.WORKSPACES, kind)


def ticket_of(socket: WebSocket) -> str:
    """The ticket that came as a subprotocol; empty without one."""
    return next((name[len(TICKET_PROTOCOL) :] for name in _offered(socket) if name.startswith(TICKET_PROTOCOL)), "")


def chosen_protocol(socket: WebSocket) -> str | None:
    """The first subprotocol that is no credential: a browser wants one of those that it offers."""
    credentials = (BEARER_PROTOCOL, TICKET_PROTOCOL)
    return next((name for name in _offered(socket) if not name.startswith(credentials)), None)


def _offered(socket: WebSocket) -> list[str]:
    offered: list[str] = socket.scope.get("subprotocols", [])
    return offered
