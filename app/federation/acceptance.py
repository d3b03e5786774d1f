"""Accepts the tokens of registered providers: each one once, within what its provider is allowed."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from datetime import timedelta

from app.core.actor import Actor, CredentialKind, Role
from app.core.errors import SoundstageError
from app.core.ids import is_id
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.federation import repository
from app.federation.models import Provider
from app.federation.scopes import FEDERABLE, smaller
from app.federation.service import LONGEST_SECONDS, FederationParts, sync, use_of
from app.identity.repository import OWN_ORGANIZATION
from app.tokens import hybrid
from app.tokens.encoding import decode, read_object
from app.tokens.errors import TokenRefused, UnknownKey
from app.tokens.hybrid import SKEW_SECONDS, Issuer, Verified
from app.tokens.jwk import read_set

#: How old a provider's keys may be before they are fetched again, and before they are used no more.
FRESH, USABLE = timedelta(minutes=5), timedelta(hours=24)
#: How often a provider's keys are fetched because of its tokens.
FETCH_AGAIN_SECONDS = 30.0
MOST_REMEMBERED = 10_000
LONGEST_JTI = 256
MOST_AUDIENCES = 4


class Acceptance:
    """Turns a provider's token into an actor."""

    def __init__(self, database: Database, parts: FederationParts) -> None:
        self.database, self.parts = database, parts
        self._fetched: OrderedDict[str, float] = OrderedDict()
        self._fetching: dict[str, asyncio.Future[Provider]] = {}

    async def actor_behind(self, token: str) -> tuple[Actor, Verified]:
        """The actor, and what was verified; raises `TokenRefused`, `TokenExpired`. The token is used up."""
        provider, audience = await self._provider(token)
        provider = await self._with_fresh_keys(provider)
        try:
            verified = self._verify(token, provider, audience)
        except UnknownKey:
            verified = self._verify(token, await self._fetch(provider), audience)
        await self._use(provider, verified)
        return await self._actor(provider, verified), verified

    async def _provider(self, token: str) -> tuple[Provider, str]:
        """The provider, and the audience that led to it: what a token claims here is verified afterwards."""
        try:
            claims = read_object(decode(token.split(".")[1]))
        except (ValueError, IndexError) as error:
            raise TokenRefused("its claims cannot be read") from error
        issuer, named = claims.get("iss"), claims.get("aud")
        for audience in named[:MOST_AUDIENCES] if isinstance(named, list) else [named]:
            organization_id = self._organization(audience, claims.get("org_id"))
            if organization_id and isinstance(issuer, str):
                work = UnitOfWork(self.database, organization_id)
                found = await work.one(repository.PROVIDER_BY_ISSUER, issuer=issuer)
                if found is not None:
                    return found, str(audience)
        raise TokenRefused("its issuer is no provider of the organization that it is for")

    def _organization(self, audience: object, named: object) -> str:
        own = self.parts.tokens.issuer
        found = named if audience == own else str(audience).removeprefix(f"{own}/")
        return found if isinstance(found, str) and is_id(found, "org") else ""

    async def _with_fresh_keys(self, provider: Provider) -> Provider:
        age = self.parts.clock() - provider.synced_at if provider.synced_at is not None else None
        if age is not None and age < FRESH:
            return provider
        try:
            return await self._fetch(provider)
        except TokenRefused:
            if age is None or age > USABLE:
                raise
            return provider

    async def _fetch(self, provider: Provider) -> Provider:
        """The provider with the keys that it publishes now: fetched once for all tokens that wait for them."""
        running = self._fetching.get(provider.id)
        if running is not None:
            return await asyncio.shield(running)
        future: asyncio.Future[Provider]
        future = self._fetching[provider.id] = asyncio.get_running_loop().create_future()
        try:
            future.set_result(await self._fetch_now(provider))
        except BaseException:
            future.set_exception(TokenRefused("its issuer's keys could not be fetched"))
            future.exception()  # nobody may be waiting
            raise
        finally:
            del self._fetching[provider.id]
        return future.result()

    async def _fetch_now(self, provider: Provider) -> Provider:
        """Raises `TokenRefused` where the provider was asked a moment ago."""
        last, moment = self._fetched.get(provider.id), time.monotonic()
        if last is not None and moment - last < FETCH_AGAIN_SECONDS:
            raise TokenRefused("its key is not known, and its issuer's keys were fetched just now")
        self._fetched[provider.id] = moment
        if len(self._fetched) > MOST_REMEMBERED:
            self._fetched.popitem(last=False)
        work = UnitOfWork(self.database, provider.organization_id)
        synced = await sync(work, provider, self.parts)
        try:
            await work.commit()
        except SoundstageError as error:
            raise TokenRefused("its provider was removed") from error
        if synced.sync_error:
            raise TokenRefused(f"its issuer's keys cannot be fetched: {synced.sync_error}")
        return synced

    def _verify(self, token: str, provider: Provider, audience: str) -> Verified:
        issuer = Issuer(provider.issuer, read_set(provider.keys), provider.mode)
        verified = hybrid.verify(token, issuer=issuer, audience=audience, now=self.parts.clock())
        self._check(verified, provider)
        return verified

    def _check(self, verified: Verified, provider: Provider) -> None:
        claims = verified.claims
        if claims["exp"] - claims["iat"] > LONGEST_SECONDS:
            raise TokenRefused(f"it lives longer than {LONGEST_SECONDS} seconds")
        if not 1 <= len(verified.text("jti")) <= LONGEST_JTI or not verified.text("sub"):
            raise TokenRefused("it has no jti or names nobody")
        # A token of another organization at the same issuer is not one of ours to trust.
        if claims.get("org_id") not in (None, provider.organization_id) and (
            not provider.issuer_organization or claims["org_id"] != provider.issuer_organization
        ):
            raise TokenRefused("it comes from an organization of the issuer that is not trusted")

    async def _use(self, provider: Provider, verified: Verified) -> None:
        """Takes the token's one use, in a transaction: of two requests at once, one is refused."""
        work = UnitOfWork(self.database, provider.organization_id)
        work.write(
            repository.ADD_USE,
            otherwise=TokenRefused("it was used before"),
            jti_hash=use_of(provider, verified.text("jti")),
            organization_id=provider.organization_id,
            expires_at=verified.expires_at + timedelta(seconds=2 * SKEW_SECONDS),
        )
        await work.commit()

    async def _actor(self, provider: Provider, verified: Verified) -> Actor:
        organization = await UnitOfWork(self.database, provider.organization_id).one(OWN_ORGANIZATION)
        if organization is None:
            raise TokenRefused("its organization is gone")
        return Actor(
            organization_id=provider.organization_id,
            user_id="",
            role=Role.MEMBER,
            scopes=smaller(verified.text("scope").split(), provider.scopes),
            credential_id=provider.id,
            plan=organization.plan,
            requests_per_minute=organization.requests_per_minute,
            kind=CredentialKind.JWT,
            permissions=FEDERABLE,
            subject=verified.text("sub"),
            signature_verified=verified.signature_verified,
        )
