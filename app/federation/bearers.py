"""Bearer tokens: those of this installation, and those of registered providers."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.actor import Actor
from app.database.changes import Database
from app.federation.acceptance import Acceptance
from app.identity.bearers import SessionStands, every_session_stands, member_behind
from app.tokens.errors import TokenRefused
from app.tokens.hybrid import Verified, issuer_of
from app.tokens.service import SigningKeys


@dataclass(frozen=True, slots=True)
class Bearers:
    """Tells the actor behind a token by whom the token says that it is from."""

    database: Database
    tokens: SigningKeys
    acceptance: Acceptance
    session_stands: SessionStands = every_session_stands

    async def actor_behind(self, token: str) -> tuple[Actor, Verified]:
        """The actor, and what was verified; raises `TokenRefused`, `TokenExpired`."""
        issuer = issuer_of(token)
        if not issuer:
            raise TokenRefused("it names no issuer")
        if issuer != self.tokens.issuer:
            return await self.acceptance.actor_behind(token)
        verified = await self.tokens.verify(token)
        return await member_behind(self.database, verified, self.session_stands), verified
