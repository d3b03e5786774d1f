"""Who somebody is, and the organization's keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.actor import ALL_PERMISSIONS, ALL_SCOPES, Actor, CredentialKind, Role
from app.core.clock import Clock, now
from app.core.errors import Conflict, InvalidRequest, NotFound, Unauthorized
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.identity import keys, repository
from app.identity.models import ApiKey, Credential, Membership, Organization, Plan, User

#: How old "last used" may be; a write for each request would cost more than it tells.
LAST_USED_EVERY = timedelta(minutes=1)
#: Keys that are remembered at once.
MOST_KNOWN = 10_000
#: How long a key that was rotated works on at most.
LONGEST_OVERLAP = timedelta(days=7)
SCOPES = ALL_PERMISSIONS | {ALL_SCOPES}


@dataclass(frozen=True, slots=True)
class Founded:
    """A new organization with its owner and first key; the only time that the key is seen."""

    organization: Organization
    user: User
    api_key: str


async def authenticate(database: Database, bearer: str, *, clock: Clock = now) -> Actor:
    """The actor behind a bearer token; raises `Unauthorized` without telling why it is not valid."""
    return actor_of(await _credential(database, bearer, clock))


async def _credential(database: Database, bearer: str, clock: Clock) -> Credential:
    if not keys.well_formed(bearer):
        raise Unauthorized("This is not a valid API key. A key begins with `sk_live_`.")
    work = UnitOfWork(database, None)
    credential = await work.one(repository.CREDENTIAL_BY_HASH, hash=keys.fingerprint(bearer))
    if credential is None:
        raise Unauthorized("This API key is not known, or was revoked.")
    moment = clock()
    if credential.expires_at is not None and credential.expires_at <= moment:
        raise Unauthorized("This API key has expired. Make a new one.")
    if credential.last_used_at is None or moment - credential.last_used_at > LAST_USED_EVERY:
        work.write(repository.KEY_USED, id=credential.id, organization_id=credential.organization_id, moment=moment)
        await work.commit()
    return credential


class KnownKeys:
    """`authenticate`, but for what it has found already and nobody can have changed: nothing was written since."""

    def __init__(self, database: Database, clock: Clock = now) -> None:
        self.database, self.clock = database, clock
        self._version: int | None = None
        #: By the SHA-256 of a key: its actor, and until when nothing has to be looked at or noted.
        self._known: dict[bytes, tuple[Actor, datetime]] = {}

    def known(self, bearer: str) -> Actor | None:
        """The actor behind a bearer token that was found before; None where it has to be read."""
        version = self.database.version()
        if version is None or version != self._version or len(self._known) >= MOST_KNOWN:
            self._version, self._known = version, {}
        found = self._known.get(_digest(bearer))
        return found[0] if found is not None and self.clock() < found[1] else None

    async def actor(self, bearer: str) -> Actor:
        """The actor behind a bearer token. Raises `Unauthorized`."""
        found = self.known(bearer)
        if found is not None:
            return found
        version = self._version
        credential = await _credential(self.database, bearer, self.clock)
        actor = actor_of(credential)
        # A version that was read before the row can only be too old: then the row is read once more.
        if version is not None and version == self._version and credential.last_used_at is not None:
            noted = credential.last_used_at + LAST_USED_EVERY
            self._known[_digest(bearer)] = (actor, min(noted, credential.expires_at or noted))
        return actor


def _digest(bearer: str) -> bytes:
    return hashlib.sha256(bearer.encode()).digest()


def actor_of(
    credential: Credential, kind: CredentialKind = CredentialKind.API_KEY, *, scopes: Iterable[str] | None = None
) -> Actor:
    """The actor that a credential makes of its holder."""
    return Actor(
        organization_id=credential.organization_id,
        user_id=credential.user_id,
        role=credential.role,
        scopes=frozenset(credential.scopes if scopes is None else scopes),
        credential_id=credential.id,
        plan=credential.plan,
        requests_per_minute=credential.requests_per_minute,
        kind=kind,
        operator=bool(credential.operator),
        permissions=None if credential.permissions is None else frozenset(credential.permissions),
    )


async def ping(database: Database) -> None:
    """Reads a row; raises `StorageUnavailable` when the database does not answer."""
    await UnitOfWork(database, None).one(repository.FIRST_ORGANIZATION)


def found_organization(
    work: UnitOfWork,
    *,
    name: str,
    email: str,
    plan: Plan = Plan.FREE,
    requests_per_minute: int | None = None,
    operator: bool = False,
    clock: Clock = now,
) -> Founded:
    """A new organization, its owner and a key that may do everything. `operator`: of the installation, too."""
    moment = clock()
    organization = Organization(
        id=new_id("org"), name=name, plan=plan, requests_per_minute=requests_per_minute, created_at=moment
    )
    user = User(id=new_id("usr"), email=email, name=email.split("@")[0], operator=operator, created_at=moment)
    work.write(repository.ADD_ORGANIZATION, **organization.__dict__)
    work.write(repository.ADD_USER, otherwise=Conflict(f"A user with the address {email} exists."), **user.__dict__)
    add_member(work, organization.id, user.id, Role.OWNER, clock=clock)
    _, key = add_key(work, organization.id, user.id, name="first key", scopes=[ALL_SCOPES], clock=clock)
    return Founded(organization, user, key)


def add_member(
    work: UnitOfWork,
    organization_id: str,
    user_id: str,
    role: Role,
    *,
    role_id: str | None = None,
    clock: Clock = now,
) -> Membership:
    """Makes a user a member, in a built-in role or a custom one."""
    member = Membership(
        id=new_id("mem"),
        organization_id=organization_id,
        user_id=user_id,
        role=role,
        role_id=role_id,
        created_at=clock(),
    )
    work.write(repository.ADD_MEMBERSHIP, otherwise=Conflict("This user is a member already."), **member.__dict__)
    return member


def add_key(
    work: UnitOfWork,
    organization_id: str,
    user_id: str,
    *,
    name: str,
    scopes: list[str],
    expires_at: datetime | None = None,
    clock: Clock = now,
) -> tuple[ApiKey, str]:
    """A new API key: its record, and the key itself, which is not kept."""
    check_scopes(scopes)
    key, moment = keys.new_key(), clock()
    if expires_at is not None and expires_at <= moment:
        raise InvalidRequest("'expiresAt' lies in the past.")
    record = ApiKey(
        id=new_id("key"),
        organization_id=organization_id,
        user_id=user_id,
        name=name,
        prefix=keys.shown(key),
        hash=keys.fingerprint(key),
        scopes=sorted(scopes),
        created_at=moment,
        expires_at=expires_at,
    )
    work.write(repository.ADD_KEY, **record.__dict__)
    return record, key


def check_scopes(scopes: list[str], giver: Actor | None = None) -> None:
    """Raises `InvalidRequest` for scopes that are unknown, or beyond the giver's own."""
    unknown = sorted(set(scopes) - SCOPES)
    if unknown or not scopes:
        raise InvalidRequest(
            f"Unknown scopes: {', '.join(unknown) or 'none given'}. Known are {', '.join(sorted(SCOPES))}."
        )
    if giver is None or ALL_SCOPES in giver.scopes:
        return
    beyond = sorted(set(scopes) - giver.scopes)
    if beyond:
        raise InvalidRequest(f"Your own credential lacks {', '.join(beyond)}; it cannot give them away.")


class Identity:
    """What an actor sees and does about itself and its organization."""

    def __init__(self, work: UnitOfWork, actor: Actor, clock: Clock = now) -> None:
        self.work, self.actor, self.clock = work, actor, clock

    async def organization(self) -> Organization:
        """The actor's organization."""
        found = await self.work.one(repository.OWN_ORGANIZATION)
        if found is None:
            raise NotFound()
        return found

    async def user(self) -> User:
        """The actor's user."""
        found = await self.work.one(repository.OWN_USER, id=self.actor.user_id)
        if found is None:
            raise NotFound()
        return found

    async def key(self, key_id: str) -> ApiKey | None:
        """One key of the organization."""
        return await self.work.one(repository.KEY, id=key_id)

    async def keys(self, limit: int, before: str | None) -> Page[ApiKey]:
        """The organization's keys, newest first, revoked ones included."""
        found = await self.work.all(repository.KEYS_BEFORE, before=before or NEWEST, limit=limit + 1)
        return Page(found[:limit], len(found) > limit)

    def create_key(self, name: str, scopes: list[str], expires_at: datetime | None = None) -> tuple[ApiKey, str]:
        """A new key in the actor's own role: nobody gives away more than they have."""
        check_scopes(scopes, self.actor)
        return add_key(
            self.work,
            self.actor.organization_id,
            self.actor.user_id,
            name=name,
            scopes=scopes,
            expires_at=expires_at,
            clock=self.clock,
        )

    async def rotate_key(self, key_id: str, overlap: timedelta) -> tuple[ApiKey, str]:
        """A successor with the same name and scopes; the old key works on for `overlap`. Raises `NotFound`."""
        old, moment = await self.key(key_id), self.clock()
        if old is None:
            raise NotFound()
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= moment):
            raise Conflict("This key opens nothing any more. Make a new one.")
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise InvalidRequest(f"The old key works on for at most {LONGEST_OVERLAP.days} days.")
        end = min(old.expires_at or moment + overlap, moment + overlap)
        self.work.write(repository.KEY_ENDS, id=key_id, expires_at=end)
        lifetime = old.expires_at - old.created_at if old.expires_at else None
        return add_key(
            self.work,
            old.organization_id,
            old.user_id,
            name=old.name,
            scopes=old.scopes,
            expires_at=moment + lifetime if lifetime else None,
            clock=self.clock,
        )

    async def revoke_key(self, key_id: str) -> ApiKey:
        """Ends a key at once; raises `NotFound`. Revoking twice is the same as once."""
        found = await self.key(key_id)
        if found is None:
            raise NotFound()
        if found.revoked_at is not None:
            return found
        moment = self.clock()
        self.work.write(repository.REVOKE_KEY, id=key_id, revoked_at=moment)
        return found.changed(revoked_at=moment)
