"""Opening, using and ending sign-in sessions. A token of any kind is stored as its SHA-256 only."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.core.actor import ALL_SCOPES, Actor, CredentialKind
from app.core.clock import Clock, now
from app.core.ids import new_id
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.identity.bearers import SessionStands
from app.identity.keys import fingerprint
from app.identity.models import Credential, Standing
from app.identity.service import actor_of
from app.sign_in import repository
from app.sign_in.errors import SessionEnded
from app.sign_in.models import Means, RefreshToken, SignInSession

COOKIE_PREFIX, REFRESH_PREFIX = "sos_", "rt_"
#: A session ends when it was not used for so long, and at the latest after so long.
IDLE, LONGEST = timedelta(days=2), timedelta(days=30)
ACCESS_LIFETIME = timedelta(minutes=15)
LAST_USED_EVERY = timedelta(minutes=1)
KEPT_AFTER_ITS_END = timedelta(days=30)
LONGEST_USER_AGENT = 200

#: Makes a signed access token of these claims.
Mint = Callable[[dict[str, Any], timedelta], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Client:
    """From where somebody signs in."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a program gets; both are shown once."""

    access: str
    refresh: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An open session, with its cookie or its tokens."""

    session: SignInSession
    cookie: str | None
    tokens: Tokens | None


class Sessions:
    """Opens and ends sessions within a unit of work of the system: who signs in is in no organization yet."""

    def __init__(self, work: UnitOfWork, mint: Mint, clock: Clock = now) -> None:
        self.work, self.mint, self.clock = work, mint, clock

    async def open(
        self, user_id: str, organization_id: str, means: Means, client: Client, *, second_factor: bool
    ) -> SignedIn:
        """A new session."""
        moment, session_id = self.clock(), new_id("sis")
        cookie = COOKIE_PREFIX + secrets.token_urlsafe(32) if means is Means.COOKIE else None
        session = SignInSession(
            id=session_id,
            organization_id=organization_id,
            user_id=user_id,
            means=means,
            hash=fingerprint(cookie or session_id),
            user_agent=client.user_agent[:LONGEST_USER_AGENT],
            second_factor=second_factor,
            created_at=moment,
            last_used_at=moment,
            expires_at=moment + LONGEST,
        )
        self.work.write(repository.ADD_SESSION, **session.__dict__)
        return SignedIn(session, cookie, None if cookie else await self.tokens(session))

    async def tokens(self, session: SignInSession) -> Tokens:
        """An access token, and the refresh token for the next."""
        refresh = REFRESH_PREFIX + secrets.token_urlsafe(32)
        kept = RefreshToken(
            hash=fingerprint(refresh),
            organization_id=session.organization_id,
            session_id=session.id,
            created_at=self.clock(),
        )
        self.work.write(repository.ADD_REFRESH, **kept.__dict__)
        claims = {
            "sub": session.user_id,
            "org_id": session.organization_id,
            "sid": session.id,
            "scope": ALL_SCOPES,
        }
        access = await self.mint(claims, ACCESS_LIFETIME)
        return Tokens(access, refresh, int(ACCESS_LIFETIME.total_seconds()))

    def end(self, session: SignInSession) -> None:
        """Ends a session at once; ending it twice is the same as once."""
        self.work.write(
            repository.END_SESSION, id=session.id, organization_id=session.organization_id, moment=self.clock()
        )

    def end_all(self, user_id: str, *, but: str = "") -> None:
        """Ends all sessions of a person, in every organization; `but` keeps one."""
        self.work.write(repository.END_SESSIONS_OF, whose=user_id, but=but, moment=self.clock())


async def authenticate_cookie(database: Database, cookie: str, *, clock: Clock = now) -> Actor:
    """The actor behind a session cookie; raises `SessionEnded`."""
    if not cookie.startswith(COOKIE_PREFIX):
        raise SessionEnded()
    work = UnitOfWork(database, None)
    found = await work.one(repository.CREDENTIAL_BY_SESSION, hash=fingerprint(cookie))
    return await _used(work, found, CredentialKind.SESSION, clock)


def session_stands(database: Database, clock: Clock = now) -> SessionStands:
    """Whether the session that an access token came from stands; one without a session stands by itself."""

    async def stands(standing: Standing, session_id: str) -> bool:
        if not session_id:
            return True
        work = UnitOfWork(database, None)
        found = await work.one(repository.CREDENTIAL_BY_SESSION_ID, id=session_id)
        try:
            await _used(work, found, CredentialKind.JWT, clock)
        except SessionEnded:
            return False
        whose = (standing.organization_id, standing.user_id)
        return found is not None and (found.organization_id, found.user_id) == whose

    return stands


async def _used(work: UnitOfWork, found: Credential | None, kind: CredentialKind, clock: Clock) -> Actor:
    moment = clock()
    if found is None or found.last_used_at is None or found.expires_at is None:
        raise SessionEnded()
    if moment >= found.expires_at or moment - found.last_used_at >= IDLE:
        raise SessionEnded()
    if moment - found.last_used_at > LAST_USED_EVERY:
        work.write(repository.SESSION_USED, id=found.id, organization_id=found.organization_id, moment=moment)
        await work.commit()
    return actor_of(found, kind, scopes=[ALL_SCOPES])


async def forget_old(database: Database, clock: Clock = now) -> None:
    """Removes sessions that ended long ago, with their refresh tokens."""
    work, moment = UnitOfWork(database, None), clock() - KEPT_AFTER_ITS_END
    work.write(repository.FORGET_REFRESH, moment=moment)
    work.write(repository.FORGET_SESSIONS, moment=moment)
    await work.commit()
