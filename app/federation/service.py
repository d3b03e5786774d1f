"""An organization's federated providers, and the tokens that it mints for others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.actor import Actor, Kind, Scope
from app.core.clock import Clock, now
from app.core.errors import InvalidRequest, NotFound
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.federation import repository, scopes
from app.federation.errors import ProviderExists, ProviderRefused, SyncFailed
from app.federation.fetching import LONGEST_URL, checked_url, fetch_keys
from app.federation.models import Provider, ProviderStatus
from app.tokens.hybrid import Mode
from app.tokens.service import SigningKeys

#: A federated token lives no longer than this, whoever minted it.
LONGEST_SECONDS = 300
#: Where a Soundstage publishes the keys of both families.
JWKS_PATH = "/federation/jwks"


@dataclass(frozen=True, slots=True)
class FederationParts:
    """What federation works with."""

    tokens: SigningKeys
    #: Whether providers may publish their keys at private addresses.
    allow_private: bool = False
    clock: Clock = now

    def audience(self, organization_id: str) -> str:
        """What tokens for an organization of this installation name as their audience."""
        return f"{self.tokens.issuer}/{organization_id}"


@dataclass(frozen=True, slots=True)
class Minted:
    """A token for another installation; the only time that it is seen."""

    id: str
    token: str
    audience: str
    scopes: list[str]
    expires_at: datetime


class Federation:
    """What an actor does about its organization's providers."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: FederationParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    async def provider(self, provider_id: str) -> Provider | None:
        """One provider."""
        return await self.work.one(repository.PROVIDER, id=provider_id)

    async def providers(self, limit: int, before: str | None) -> Page[Provider]:
        """The organization's providers, newest first."""
        found = await self.work.all(repository.PROVIDERS_BEFORE, before=before or NEWEST, limit=limit + 1)
        return Page(found[:limit], len(found) > limit)

    def register(
        self,
        *,
        name: str,
        issuer: str,
        jwks_url: str | None,
        issuer_organization: str,
        allowed: Sequence[str],
        mode: Mode,
    ) -> Provider:
        """A new provider without keys: `sync` fetches them, and so does its first token."""
        address = checked_url(issuer)
        if address.rstrip("/") == self.parts.tokens.issuer:
            raise ProviderRefused("This installation is not its own provider: its tokens are accepted as they are.")
        if not name.strip() or len(name) > 100 or len(issuer_organization) > 100:
            raise InvalidRequest("A provider has a name of 1 to 100 characters.")
        made = Provider(
            id=new_id("fed"),
            organization_id=self.actor.organization_id,
            name=name.strip(),
            issuer=address,
            jwks_url=checked_url(jwks_url or address.rstrip("/") + JWKS_PATH),
            issuer_organization=issuer_organization,
            scopes=scopes.checked(allowed),
            mode=mode,
            status=ProviderStatus.PENDING,
            keys=[],
            sync_error="",
            created_at=self.parts.clock(),
        )
        self.work.write(repository.ADD_PROVIDER, otherwise=ProviderExists(), **made.__dict__)
        return made

    async def sync(self, provider_id: str) -> Provider:
        """Fetches a provider's keys; a failure is told in the provider and keeps the keys that it had."""
        found = await self._existing(provider_id)
        return await sync(self.work, found, self.parts)

    async def remove(self, provider_id: str) -> Provider:
        """Ends the trust in a provider, at once."""
        found = await self._existing(provider_id)
        self.work.write(repository.REMOVE_PROVIDER, expect=1, otherwise=NotFound(), id=provider_id)
        return found

    async def mint(self, *, audience: str, wanted: Sequence[str], lifetime_seconds: int) -> Minted:
        """A token for one call to another installation; raises `Forbidden` for scopes that the actor has not."""
        if not 1 <= lifetime_seconds <= LONGEST_SECONDS:
            raise InvalidRequest(f"A federated token lives for 1 to {LONGEST_SECONDS} seconds.")
        own = self.parts.tokens.issuer
        if not audience or len(audience) > LONGEST_URL or audience == own or audience.startswith(f"{own}/"):
            raise InvalidRequest("The audience is another installation: its `audience`, as its provider record tells.")
        for scope in set(wanted):
            self.actor.require(*_parts(scope))
        granted, token_id = sorted(set(wanted)), new_id("jti")
        if not granted:
            raise InvalidRequest("Name at least one scope.")
        begins = self.parts.clock()
        claims = {
            "sub": self.actor.user_id or self.actor.agent_id,
            "org_id": self.actor.organization_id,
            "aud": audience,
            "scope": " ".join(granted),
            "jti": token_id,
        }
        token = await self.parts.tokens.mint(claims, timedelta(seconds=lifetime_seconds))
        return Minted(token_id, token, audience, granted, begins + timedelta(seconds=lifetime_seconds))

    async def _existing(self, provider_id: str) -> Provider:
        found = await self.provider(provider_id)
        if found is None:
            raise NotFound()
        return found


async def sync(work: UnitOfWork, provider: Provider, parts: FederationParts) -> Provider:
    """The provider with the keys that it publishes now, or with what went wrong."""
    try:
        keys = await fetch_keys(provider.jwks_url, allow_private=parts.allow_private)
        synced = provider.changed(status=ProviderStatus.ACTIVE, keys=keys, synced_at=parts.clock(), sync_error="")
    except SyncFailed as failure:
        synced = provider.changed(status=ProviderStatus.FAILED, sync_error=str(failure))
    values = {name: getattr(synced, name) for name in ("id", "status", "keys", "synced_at", "sync_error")}
    work.write(repository.SYNCED, expect=1, otherwise=NotFound(), **values)
    return synced.changed(version=provider.version + 1)


async def forget_used(database: Database, clock: Clock = now) -> None:
    """Removes the uses of tokens that have expired by themselves."""
    work = UnitOfWork(database, None)
    work.write(repository.FORGET_USES, moment=clock())
    await work.commit()


def use_of(provider: Provider, jti: str) -> str:
    """What is kept of a used token: the same however often its issuer is registered."""
    return hashlib.sha256("\0".join((provider.organization_id, provider.issuer, jti)).encode()).hexdigest()


def _parts(scope: str) -> tuple[Scope, Kind]:
    name, _, kind = scope.partition(":")
    try:
        return Scope(name), Kind(kind)
    except ValueError as error:
        raise InvalidRequest(f"{scope!r} is no scope. Example: environments:read.") from error
