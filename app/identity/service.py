"""Who somebody is, and the organization's keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.core.actor import ALL_PERMISSIONS, ALL_SCOPES, Actor, Role
from app.core.clock import Clock, now
from app.core.errors import Conflict, InvalidRequest, NotFound, Unauthorized
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.identity import keys, repository
from app.identity.models import ApiKey, Membership, Organization, Plan, User

#: How old "last used" may be; a write for each request would cost more than it tells.
LAST_USED_EVERY = timedelta(minutes=1)
SCOPES = ALL_PERMISSIONS | {ALL_SCOPES}


@dataclass(frozen=True, slots=True)
class Founded:
    """A new organization with its owner and first key; the only time that the key is seen."""

    organization: Organization
    user: User
    api_key: str


async def authenticate(database: Database, bearer: str, *, clock: Clock = now) -> Actor:
    """The actor behind a bearer token; raises `Unauthorized` without telling why it is not valid."""
    if not keys.well_formed(bearer):
        raise Unauthorized("This is not a valid API key. A key begins with `sk_live_`.")
    work = UnitOfWork(database, None)
    credential = await work.one(repository.CREDENTIAL_BY_HASH, hash=keys.fingerprint(bearer))
    if credential is None:
        raise Unauthorized("This API key is not known, or was revoked.")
    moment = clock()
    if credential.last_used_at is None or moment - credential.last_used_at > LAST_USED_EVERY:
        work.write(repository.KEY_USED, id=credential.id, organization_id=credential.organization_id, moment=moment)
        await work.commit()
    return Actor(
        organization_id=credential.organization_id,
        user_id=credential.user_id,
        role=credential.role,
        scopes=frozenset(credential.scopes),
        credential_id=credential.id,
        plan=credential.plan,
        requests_per_minute=credential.requests_per_minute,
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
    clock: Clock = now,
) -> Founded:
    """A new organization, its owner and a key that may do everything."""
    moment = clock()
    organization = Organization(
        id=new_id("org"), name=name, plan=plan, requests_per_minute=requests_per_minute, created_at=moment
    )
    user = User(id=new_id("usr"), email=email, name=email.split("@")[0], created_at=moment)
    work.write(repository.ADD_ORGANIZATION, **organization.__dict__)
    work.write(repository.ADD_USER, otherwise=Conflict(f"A user with the address {email} exists."), **user.__dict__)
    add_member(work, organization.id, user.id, Role.OWNER, clock=clock)
    _, key = add_key(work, organization.id, user.id, name="first key", scopes=[ALL_SCOPES], clock=clock)
    return Founded(organization, user, key)


def add_member(work: UnitOfWork, organization_id: str, user_id: str, role: Role, *, clock: Clock = now) -> Membership:
    """Makes a user a member."""
    member = Membership(
        id=new_id("mem"), organization_id=organization_id, user_id=user_id, role=role, created_at=clock()
    )
    work.write(repository.ADD_MEMBERSHIP, otherwise=Conflict("This user is a member already."), **member.__dict__)
    return member


def add_key(
    work: UnitOfWork, organization_id: str, user_id: str, *, name: str, scopes: list[str], clock: Clock = now
) -> tuple[ApiKey, str]:
    """A new API key: its record, and the key itself, which is not kept."""
    check_scopes(scopes)
    key = keys.new_key()
    record = ApiKey(
        id=new_id("key"),
        organization_id=organization_id,
        user_id=user_id,
        name=name,
        prefix=keys.shown(key),
        hash=keys.fingerprint(key),
        scopes=sorted(scopes),
        created_at=clock(),
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

    def create_key(self, name: str, scopes: list[str]) -> tuple[ApiKey, str]:
        """A new key in the actor's own role: nobody gives away more than they have."""
        check_scopes(scopes, self.actor)
        return add_key(
            self.work, self.actor.organization_id, self.actor.user_id, name=name, scopes=scopes, clock=self.clock
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
