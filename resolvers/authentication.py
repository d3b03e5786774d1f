"""Who asks: the actor behind the bearer token or the session cookie of a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from starlette.requests import HTTPConnection, Request

from app.agents.service import authenticate_agent
from app.core.errors import Forbidden, SoundstageError
from app.core.ids import new_id
from app.federation.bearers import Bearers
from app.identity.keys import AGENT_PREFIX
from app.identity.service import KnownKeys
from app.observability.exchange import Incoming
from app.observability.requests import REQUEST_ID
from app.sign_in.sessions import Client, authenticate_cookie
from app.tokens.errors import TokenRefused
from resolvers.context import Context, Product
from resolvers.cookies import SESSION_COOKIE, SSO_COOKIE, check_same_site
from resolvers.http import bearer_of

log = structlog.get_logger(__name__)
#: What a JSON object begins with in base64url.
JWT_PREFIX = "eyJ"


@dataclass(frozen=True)
class Authentication:
    """Makes the context of each request."""

    product: Product
    bearers: Bearers
    keys: KnownKeys
    allowed_origins: Sequence[str] = ()

    async def context(self, connection: HTTPConnection) -> Context:
        """The context of a request, with the actor where a valid credential came with it."""
        client = connection.client
        address = client.host if client else ""
        context = Context(
            self.product,
            request_id=connection.scope.get(REQUEST_ID) or new_id("req"),
            client=Client(address, connection.headers.get("user-agent", "")),
            cookie=connection.cookies.get(SESSION_COOKIE),
            transaction=connection.cookies.get(SSO_COOKIE),
            gone=_gone(connection),
        )
        token = bearer_of(connection)
        if token is not None:
            await self.admit(context, token)
        elif context.cookie is not None:
            await self._admit_cookie(context, context.cookie, connection)
        wanted = connection.headers.get("x-organization-id")
        if wanted and context.actor is not None and wanted != context.actor.organization_id:
            context.actor = None
            context.refused = Forbidden("The credential does not belong to the organization in X-Organization-ID.")
        return context

    async def admit(self, context: Context, token: str) -> None:
        """Sets the actor of a bearer token, told by the token's form, or why there is none."""
        try:
            if token.startswith(JWT_PREFIX):
                context.actor, context.verified = await self.bearers.actor_behind(token)
            elif token.startswith(AGENT_PREFIX):
                context.actor = await authenticate_agent(self.product.database, token)
            else:
                context.actor = await self.keys.actor(token)
        except TokenRefused as error:
            log.debug("token.refused", reason=error.reason, request_id=context.request_id)
            context.refused = error
        except SoundstageError as error:
            context.refused = error

    async def _admit_cookie(self, context: Context, cookie: str, connection: HTTPConnection) -> None:
        try:
            check_same_site(connection, self.allowed_origins)
            context.actor = await authenticate_cookie(self.product.database, cookie)
        except SoundstageError as error:
            context.refused = error


def _gone(connection: object) -> Callable[[], Awaitable[None]] | None:
    """Waits until who asks has left; None for a WebSocket, which ends what it began by itself."""
    if isinstance(connection, Incoming):
        return connection.gone
    return _left(connection) if isinstance(connection, Request) else None


def _left(request: Request) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return wait
