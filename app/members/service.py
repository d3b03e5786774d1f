"""Who belongs to an organization, and in which role."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import TypeVar

from app.core.actor import ALL_PERMISSIONS, OPERATOR_PERMISSIONS, ROLE_PERMISSIONS, Actor, CredentialKind, Role
from app.core.clock import Clock, now
from app.core.errors import Conflict, Forbidden, InvalidRequest, NotFound
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.unit_of_work import UnitOfWork
from app.identity.keys import fingerprint
from app.identity.models import CustomRole, Organization
from app.members import repository
from app.members.errors import LastOwner, RoleInUse
from app.members.models import Invitation, Member

T = TypeVar("T")

INVITATION_PREFIX = "inv_token_"
INVITATION_LIFETIME = timedelta(days=7)
LONGEST_NAME = 100
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}")


def email_address(text: str) -> str:
    """An address in the one form in which it is stored: trimmed, lower case. Raises `InvalidRequest`."""
    address = text.strip().lower()
    if not _EMAIL.fullmatch(address):
        raise InvalidRequest(f"{text[:100]!r} is not an e-mail address.")
    return address


def display_name(text: str, what: str = "name") -> str:
    """A name of 1 to 100 characters; raises `InvalidRequest`."""
    name = text.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidRequest(f"The '{what}' has 1 to {LONGEST_NAME} characters.")
    return name


class Members:
    """The people of the actor's organization."""

    def __init__(self, work: UnitOfWork, actor: Actor, clock: Clock = now) -> None:
        self.work, self.actor, self.clock = work, actor, clock

    async def find(self, user_id: str) -> Member | None:
        """One member."""
        return await self.work.one(repository.MEMBER, user_id=user_id)

    async def get(self, user_id: str) -> Member:
        """One member; raises `NotFound`."""
        return _found(await self.find(user_id))

    async def page(self, limit: int, before: str | None) -> Page[Member]:
        """The members, newest person first."""
        found = await self.work.all(repository.MEMBERS_BEFORE, before=before or NEWEST, limit=limit + 1)
        return Page(found[:limit], len(found) > limit)

    async def set_role(self, user_id: str, role: Role | None, role_id: str | None) -> Member:
        """Gives a member another role; raises `LastOwner`, `Forbidden` for more than the actor itself may."""
        member = await self.get(user_id)
        chosen, custom = await self.role_for(role, role_id)
        self._only_owners_touch_owners(member.role, chosen)
        self.work.write(repository.ONE_AT_A_TIME)
        self.work.write(
            repository.SET_ROLE,
            expect=1,
            otherwise=LastOwner(),
            user_id=user_id,
            new_role=chosen,
            new_role_id=custom.id if custom else None,
        )
        return member.changed(
            role=chosen, role_id=custom.id if custom else None, role_name=custom.name if custom else None
        )

    async def remove(self, user_id: str) -> Member:
        """Ends a membership, and with it what the member's keys and sessions open; raises `LastOwner`."""
        member = await self.get(user_id)
        self._only_owners_touch_owners(member.role, Role.VIEWER)
        self.work.write(repository.ONE_AT_A_TIME)
        self.work.write(repository.REMOVE_MEMBER, expect=1, otherwise=LastOwner(), user_id=user_id)
        return member

    async def role_for(self, role: Role | None, role_id: str | None) -> tuple[Role, CustomRole | None]:
        """A built-in or a custom role to give away; raises `Forbidden` for more than the actor itself may."""
        if (role is None) == (role_id is None):
            raise InvalidRequest("Give either 'role' or 'roleId'.")
        if role_id is not None:
            custom = _found(await self.role(role_id))
            self._not_beyond_own(frozenset(custom.permissions))
            return Role.VIEWER, custom
        assert role is not None
        self._not_beyond_own(ROLE_PERMISSIONS[role])
        if role is Role.OWNER and self.actor.role is not Role.OWNER:
            raise Forbidden("Only an owner makes owners.")
        return role, None

    def _only_owners_touch_owners(self, before: Role, after: Role) -> None:
        if Role.OWNER in (before, after) and self.actor.role is not Role.OWNER:
            raise Forbidden("Only an owner changes or removes an owner.")

    def _not_beyond_own(self, permissions: frozenset[str]) -> None:
        beyond = sorted(permissions - self.actor.permitted)
        if beyond:
            raise Forbidden(f"Nobody gives away more than they have; you lack {', '.join(beyond)}.")

    async def invite(self, email: str, role: Role | None, role_id: str | None) -> tuple[Invitation, str]:
        """Offers membership to an address: the invitation, and its token, which is not kept."""
        chosen, custom = await self.role_for(role, role_id)
        token, moment = INVITATION_PREFIX + secrets.token_urlsafe(32), self.clock()
        invitation = Invitation(
            id=new_id("inv"),
            organization_id=self.actor.organization_id,
            email=email_address(email),
            role=chosen,
            role_id=custom.id if custom else None,
            hash=fingerprint(token),
            invited_by=self.actor.user_id,
            created_at=moment,
            expires_at=moment + INVITATION_LIFETIME,
        )
        self.work.write(repository.ADD_INVITATION, **invitation.__dict__)
        return invitation, token

    async def invitation(self, invitation_id: str) -> Invitation | None:
        """One invitation."""
        return await self.work.one(repository.INVITATION, id=invitation_id)

    async def invitations(self, limit: int, before: str | None) -> Page[Invitation]:
        """All invitations, newest first."""
        found = await self.work.all(repository.INVITATIONS_BEFORE, before=before or NEWEST, limit=limit + 1)
        return Page(found[:limit], len(found) > limit)

    async def revoke_invitation(self, invitation_id: str) -> Invitation:
        """Takes an offer back; revoking twice is the same as once. Raises `Conflict` once it was accepted."""
        found = _found(await self.invitation(invitation_id))
        if found.accepted_at is not None:
            raise Conflict("This invitation was accepted already. Remove the member instead.")
        if found.revoked_at is not None:
            return found
        moment = self.clock()
        self.work.write(repository.REVOKE_INVITATION, expect=1, id=invitation_id, moment=moment)
        return found.changed(revoked_at=moment)

    async def roles(self) -> list[CustomRole]:
        """The organization's custom roles."""
        return await self.work.all(repository.ROLES)

    async def role(self, role_id: str) -> CustomRole | None:
        """One custom role."""
        return await self.work.one(repository.ROLE, id=role_id)

    def create_role(self, name: str, description: str, permissions: list[str]) -> CustomRole:
        """A new custom role; raises `Conflict` where the name is taken."""
        role = CustomRole(
            id=new_id("rol"),
            organization_id=self.actor.organization_id,
            name=self._role_name(name),
            description=description[:1000],
            permissions=self._permissions(permissions),
            created_at=self.clock(),
        )
        self.work.write(repository.ADD_ROLE, otherwise=_taken(role.name), **role.__dict__)
        return role

    async def update_role(
        self, role_id: str, name: str | None, description: str | None, permissions: list[str] | None
    ) -> CustomRole:
        """Changes a custom role for all who have it, at their next request."""
        found = _found(await self.role(role_id))
        self._not_beyond_own(frozenset(found.permissions))
        changed = found.changed(
            name=found.name if name is None else self._role_name(name),
            description=found.description if description is None else description[:1000],
            permissions=found.permissions if permissions is None else self._permissions(permissions),
            version=found.version + 1,
        )
        self.work.write(
            repository.CHANGE_ROLE,
            expect=1,
            otherwise=_taken(changed.name),
            id=role_id,
            old_version=found.version,
            new_name=changed.name,
            new_description=changed.description,
            new_permissions=changed.permissions,
        )
        return changed

    async def delete_role(self, role_id: str) -> CustomRole:
        """Removes a custom role that nobody has; raises `RoleInUse`."""
        found = _found(await self.role(role_id))
        self.work.write(repository.RELEASE_ROLE, id=role_id, moment=self.clock())
        self.work.write(repository.REMOVE_ROLE, expect=1, otherwise=RoleInUse(), id=role_id)
        return found

    def _role_name(self, text: str) -> str:
        name = display_name(text)
        if name.lower() in {*Role}:
            raise Conflict(f"{name} is a built-in role. Take another name.")
        return name

    def _permissions(self, permissions: list[str]) -> list[str]:
        unknown = sorted(set(permissions) - (ALL_PERMISSIONS - OPERATOR_PERMISSIONS))
        if unknown:
            raise InvalidRequest(f"Unknown permissions: {', '.join(unknown)}. `permissions` lists those that exist.")
        self._not_beyond_own(frozenset(permissions))
        return sorted(set(permissions))

    async def organizations(self) -> list[Organization]:
        """The organizations that the actor is a member of; its own alone where it holds no account."""
        found = await self.work.all(repository.ORGANIZATIONS_OF, user_id=self.actor.user_id)
        if self.actor.kind in (CredentialKind.SESSION, CredentialKind.JWT):
            return found
        return [each for each in found if each.id == self.actor.organization_id]

    def rename_organization(self, organization: Organization, name: str) -> Organization:
        """Gives the actor's organization another name."""
        chosen = display_name(name)
        self.work.write(repository.RENAME_ORGANIZATION, expect=1, new_name=chosen)
        return organization.changed(name=chosen, version=organization.version + 1)


def _taken(name: str) -> Conflict:
    return Conflict(f"A role named {name!r} exists, or it was changed meanwhile. Read the roles again.")


def _found(value: T | None) -> T:
    if value is None:
        raise NotFound()
    return value
