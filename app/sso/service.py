"""An organization's identity provider and its domains."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from app.audit import service as audit
from app.core.actor import Actor, Role
from app.core.clock import Clock, now
from app.core.errors import Conflict, Forbidden, InvalidRequest, NotFound, PreconditionFailed
from app.core.ids import new_id
from app.core.vault import Vault
from app.database.unit_of_work import UnitOfWork
from app.identity.repository import OWN_ORGANIZATION
from app.sign_in.sessions import Mint
from app.sso import repository
from app.sso.domains import TxtLookup, domain_name, txt_records
from app.sso.errors import DomainTaken, DomainUnverified, SsoNotReady
from app.sso.models import RECORD, ConnectionKind, SsoConnection, SsoDomain
from app.sso.provider import Providers, checked_issuer

MOST_DOMAINS = 50
LONGEST_TEXT = 512
CALLBACK_PATH = "/v1/auth/sso/callback"
#: A role that lets a newcomer change the organization is an owner's to give.
_HARMLESS = (Role.MEMBER, Role.VIEWER)


@dataclass(frozen=True)
class SsoParts:
    """What single sign-on works with."""

    vault: Vault
    providers: Providers
    mint: Mint
    #: The address that browsers reach this server at.
    address: str
    lookup: TxtLookup = txt_records

    @property
    def redirect_uri(self) -> str:
        """Where providers send browsers back to; has to be registered there."""
        return self.address + CALLBACK_PATH


@dataclass(frozen=True, slots=True)
class Wanted:
    """What changes of a connection; None leaves as it is."""

    issuer: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    default_role: Role | None = None
    enabled: bool | None = None
    #: All that the organization claims: others are given up.
    domains: Sequence[str] | None = None
    require_sso: bool | None = None


@dataclass(frozen=True, slots=True)
class Configured:
    """A connection with what belongs to it."""

    connection: SsoConnection
    domains: list[SsoDomain]
    require_sso: bool


class SingleSignOn:
    """What an actor does about single sign-on of its organization."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: SsoParts, clock: Clock = now) -> None:
        self.work, self.actor, self.parts, self.clock = work, actor, parts, clock

    async def connections(self) -> list[Configured]:
        """The connections: at most one of each kind."""
        domains, required = await self._domains(), await self._required()
        found = await self.work.all(repository.CONNECTIONS)
        return [Configured(each, domains, required) for each in found]

    async def find(self, connection_id: str) -> Configured | None:
        """One connection."""
        return next((each for each in await self.connections() if each.connection.id == connection_id), None)

    async def update(self, wanted: Wanted, if_version: int | None) -> Configured:
        """Changes the organization's connection, or makes it.

        Raises `Forbidden` where an admin changes who vouches for owners, `SsoIssuerRefused`, `SsoNotReady`.
        """
        existing = await self.connections()
        before = existing[0] if existing else None
        if if_version is not None and (before is None or before.connection.version != if_version):
            raise PreconditionFailed()
        connection = self._made(wanted) if before is None else self._changed(before.connection, wanted)
        domains = await self._domains() if wanted.domains is None else await self._claim(wanted.domains)
        required = await self._required() if wanted.require_sso is None else wanted.require_sso
        if required and not (connection.enabled and any(domain.verified_at for domain in domains)):
            raise SsoNotReady()
        if wanted.require_sso is not None:
            self.work.write(repository.REQUIRE_SSO, expect=1, required=required)
        return Configured(connection, domains, required)

    async def remove(self, connection_id: str) -> Configured:
        """Removes a connection and whom it knows; members sign in with passwords again. Raises `NotFound`."""
        found = await self.find(connection_id)
        if found is None:
            raise NotFound()
        self.work.write(repository.REMOVE_IDENTITIES, connection_id=connection_id)
        self.work.write(repository.REMOVE_CONNECTION, expect=1, otherwise=NotFound(), id=connection_id)
        self.work.write(repository.REQUIRE_SSO, expect=1, required=False)
        return Configured(found.connection, found.domains, False)

    async def verify_domain(self, domain_id: str) -> SsoDomain:
        """Looks a domain's TXT record up. Raises `NotFound`, `DomainUnverified`, `DomainTaken`."""
        found = await self.work.one(repository.DOMAIN, id=domain_id)
        if found is None:
            raise NotFound()
        if found.verified_at is None and found.record not in await self.parts.lookup(found.domain):
            raise DomainUnverified()
        return _verified(self.work, found, self.clock)

    def _made(self, wanted: Wanted) -> SsoConnection:
        self._only_owners()
        if not wanted.issuer or not wanted.client_id:
            raise InvalidRequest("A new connection takes 'issuer' and 'clientId'.")
        moment = self.clock()
        made = SsoConnection(
            id=new_id("sso"),
            organization_id=self.actor.organization_id,
            kind=ConnectionKind.OIDC,
            issuer=checked_issuer(wanted.issuer, allow_private=self.parts.providers.allow_private),
            client_id=_short(wanted.client_id, "clientId"),
            client_secret=self._sealed(wanted.client_secret or ""),
            default_role=self._role(wanted.default_role or Role.MEMBER),
            enabled=wanted.enabled is not False,
            created_at=moment,
            updated_at=moment,
        )
        self.work.write(
            repository.ADD_CONNECTION, otherwise=Conflict("A connection was made meanwhile."), **made.__dict__
        )
        return made

    def _changed(self, before: SsoConnection, wanted: Wanted) -> SsoConnection:
        issuer = before.issuer if wanted.issuer is None else wanted.issuer
        after = before.changed(
            issuer=checked_issuer(issuer, allow_private=self.parts.providers.allow_private),
            client_id=before.client_id if wanted.client_id is None else _short(wanted.client_id, "clientId"),
            client_secret=before.client_secret if wanted.client_secret is None else self._sealed(wanted.client_secret),
            default_role=before.default_role if wanted.default_role is None else self._role(wanted.default_role),
            enabled=before.enabled if wanted.enabled is None else wanted.enabled,
            updated_at=self.clock(),
            version=before.version + 1,
        )
        if (after.issuer, after.client_id) != (before.issuer, before.client_id):
            self._only_owners()
            # Another provider gives the same subjects to other people.
            self.work.write(repository.REMOVE_IDENTITIES, connection_id=before.id)
        self.work.write(
            repository.CHANGE_CONNECTION,
            expect=1,
            otherwise=PreconditionFailed(),
            old_id=before.id,
            old_version=before.version,
            new_issuer=after.issuer,
            new_client_id=after.client_id,
            new_client_secret=after.client_secret,
            new_default_role=after.default_role,
            new_enabled=after.enabled,
            moment=after.updated_at,
        )
        return after

    async def _claim(self, names: Sequence[str]) -> list[SsoDomain]:
        wanted = sorted({domain_name(name) for name in names})
        if len(wanted) > MOST_DOMAINS:
            raise InvalidRequest(f"An organization claims at most {MOST_DOMAINS} domains.")
        claimed = {domain.domain: domain for domain in await self._domains()}
        for name in claimed.keys() - set(wanted):
            self.work.write(repository.REMOVE_DOMAIN, id=claimed[name].id)
        return [claimed.get(name) or self._new_domain(name) for name in wanted]

    def _new_domain(self, name: str) -> SsoDomain:
        made = SsoDomain(
            id=new_id("ssd"),
            organization_id=self.actor.organization_id,
            domain=name,
            challenge=secrets.token_hex(20),
            created_at=self.clock(),
        )
        self.work.write(repository.ADD_DOMAIN, otherwise=Conflict(), **made.__dict__)
        return made

    async def _domains(self) -> list[SsoDomain]:
        return await self.work.all(repository.DOMAINS)

    async def _required(self) -> bool:
        found = await self.work.one(OWN_ORGANIZATION)
        return found is not None and bool(found.require_sso)

    def _only_owners(self) -> None:
        if self.actor.role is not Role.OWNER:
            raise Forbidden("Only an owner chooses who vouches for the organization's people, its owners among them.")

    def _role(self, role: Role) -> Role:
        if role not in _HARMLESS and self.actor.role is not Role.OWNER:
            raise Forbidden("Only an owner lets newcomers be owners or admins.")
        return role

    def _sealed(self, secret: str) -> str:
        return self.parts.vault.seal({"client": _short(secret, "clientSecret")}) if secret else ""


async def confirm_domain(work: UnitOfWork, actor: Actor, record: str, request_id: str, clock: Clock = now) -> SsoDomain:
    """Verifies a domain by hand: `record` says which claim. `work` is the system's. Raises `NotFound`, `DomainTaken`.

    For installations without a way to the name servers. The operator has to know whose the domain is.
    """
    challenge = record.strip().removeprefix(RECORD)
    found = await work.one(repository.DOMAIN_BY_CHALLENGE, challenge=challenge)
    if found is None:
        raise NotFound()
    if found.organization_id != actor.organization_id:
        there = Actor(found.organization_id, actor.user_id, Role.VIEWER, credential_id=actor.credential_id)
        audit.record(work, there, action="sso_domain.confirm", resource=found.id, request_id=request_id)
    return _verified(work, found, clock)


def _verified(work: UnitOfWork, domain: SsoDomain, clock: Clock) -> SsoDomain:
    if domain.verified_at is not None:
        return domain
    moment = clock()
    work.write(
        repository.VERIFIED,
        expect=1,
        otherwise=DomainTaken(),
        id=domain.id,
        organization_id=domain.organization_id,
        moment=moment,
    )
    return domain.changed(verified_at=moment)


def _short(text: str, name: str) -> str:
    if not 0 < len(text) <= LONGEST_TEXT or not text.isprintable():
        raise InvalidRequest(f"'{name}' has 1 to {LONGEST_TEXT} printable characters.")
    return text
