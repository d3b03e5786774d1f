"""Who asks: the actor behind the bearer token or the session cookie of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from starlette.requests import HTTPConnection

from app.agents.service import authenticate_agent
from app.core.errors import Forbidden, SoundstageError
from app.federation.bearers import Bearers
from app.identity.keys import AGENT_PREFIX
from app.identity.keys import PREFIX as KEY_PREFIX
from app.identity.service import KnownKeys
from app.observability.requests import REQUEST_ID
from app.sign_in.sessions import authenticate_cookie
from app.tokens.errors import TokenRefused
from resolvers.context import Context
from resolvers.cookies import check_same_site
from resolvers.http import bearer_of
from resolvers.product import Product

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
        context = Context(self.product, connection, request_id=connection.scope.get(REQUEST_ID, ""))
        token = bearer_of(connection)
        if token is not None:
            context.actor = self.keys.known(token) if token.startswith(KEY_PREFIX) else None
            if context.actor is None:
                await self.admit(context, token)
        elif "cookie" in connection.headers and (cookie := context.cookie) is not None:
            await self._admit_cookie(context, cookie, connection)
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
