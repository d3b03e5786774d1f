"""Who stands behind a token of this installation: what it claims, within what its subject may do now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app.core.actor import Actor, CredentialKind
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.identity import repository
from app.identity.models import Standing
from app.tokens.errors import TokenRefused
from app.tokens.hybrid import Verified

#: Whether the session (claim `sid`, empty for none) that a member's token came from still stands.
SessionStands = Callable[[Standing, str], Awaitable[bool]]


async def every_session_stands(standing: Standing, session_id: str) -> bool:
    """For an installation that keeps no sessions: a token stands until it expires."""
    return True


async def member_behind(
    database: Database, verified: Verified, session_stands: SessionStands = every_session_stands
) -> Actor:
    """The member that a token names; raises `TokenRefused` once membership or session have ended."""
    organization_id, user_id = verified.text("org_id"), verified.text("sub")
    if not organization_id or not user_id:
        raise TokenRefused("it names no member of an organization")
    standing = await UnitOfWork(database, organization_id).one(repository.STANDING, user_id=user_id)
    if standing is None:
        raise TokenRefused("its subject is no member any more")
    if not await session_stands(standing, verified.text("sid")):
        raise TokenRefused("its session has ended")
    return Actor(
        organization_id=standing.organization_id,
        user_id=standing.user_id,
        role=standing.role,
        scopes=frozenset(verified.text("scope").split()),
        credential_id=verified.text("sid") or verified.text("jti"),
        plan=standing.plan,
        requests_per_minute=standing.requests_per_minute,
        kind=CredentialKind.JWT,
        operator=bool(standing.operator),
        permissions=None if standing.permissions is None else frozenset(standing.permissions),
        signature_verified=verified.signature_verified,
    )
