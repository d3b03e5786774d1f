"""Organizations for tests, with keys in any role and with any scopes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from argon2 import PasswordHasher

from app.core.actor import ALL_SCOPES, Actor, Role
from app.core.clock import now
from app.core.ids import new_id
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.identity import repository
from app.identity.models import Plan, User
from app.identity.service import add_key, add_member, found_organization
from app.sign_in.models import UserSecrets
from app.sign_in.repository import ADD_SECRETS

#: Every test user's password, hashed with cheap parameters.
PASSWORD = "correct horse battery"
_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
_numbers = itertools.count(1)


@dataclass
class Tenant:
    """An organization."""

    database: Database
    id: str
    user_id: str
    email: str
    #: The owner's key, which may do everything.
    api_key: str
    plan: Plan
    #: Whether its members operate the installation.
    operator: bool = False
    _keys: dict[tuple[Role, tuple[str, ...]], str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        """The owner."""
        return Actor(self.id, self.user_id, Role.OWNER, plan=self.plan)

    def work(self) -> UnitOfWork:
        """A unit of work of this organization."""
        return UnitOfWork(self.database, self.id)

    async def key(self, role: Role = Role.OWNER, *scopes: str) -> str:
        """The key of a member in this role, limited to these scopes."""
        chosen = scopes or (ALL_SCOPES,)
        if (role, chosen) not in self._keys:
            self._keys[role, chosen] = await self._new_key(role, list(chosen))
        return self._keys[role, chosen]

    async def _new_key(self, role: Role, scopes: list[str]) -> str:
        user_id, work = await self.member(role), UnitOfWork(self.database, None)
        _, key = add_key(work, self.id, user_id, name=f"a {role}'s", scopes=scopes)
        await work.commit()
        return key

    async def member(self, role: Role) -> str:
        """The id of a new member in this role, whose password is `PASSWORD`."""
        work, number = UnitOfWork(self.database, None), next(_numbers)
        user = User(
            id=new_id("usr"),
            email=f"{role}{number}@example.com",
            name=f"A {role}",
            operator=self.operator,
            created_at=now(),
        )
        work.write(repository.ADD_USER, **user.__dict__)
        work.write(ADD_SECRETS, **UserSecrets(user_id=user.id, password_hash=_HASH).__dict__)
        add_member(work, self.id, user.id, role)
        await work.commit()
        return user.id


async def found(
    database: Database,
    plan: Plan = Plan.ENTERPRISE,
    requests_per_minute: int | None = None,
    *,
    operator: bool = False,
) -> Tenant:
    """A new organization; without a limit on requests, unless a plan is given."""
    work, number = UnitOfWork(database, None), next(_numbers)
    founded = found_organization(
        work,
        name=f"Organization {number}",
        email=f"owner{number}@example.com",
        plan=plan,
        requests_per_minute=requests_per_minute,
        operator=operator,
    )
    work.write(ADD_SECRETS, **UserSecrets(user_id=founded.user.id, password_hash=_HASH).__dict__)
    await work.commit()
    return Tenant(
        database, founded.organization.id, founded.user.id, founded.user.email, founded.api_key, plan, operator
    )
