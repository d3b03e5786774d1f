"""People, roles and invitations in GraphQL."""

from __future__ import annotations

import enum
from datetime import datetime

import strawberry
from strawberry.types import Info

from app.core.actor import ROLE_PERMISSIONS, Kind, Role, Scope
from app.identity import models as identity
from app.members import models
from resolvers.context import Context
from resolvers.identity.types import MemberRole
from resolvers.node import Node


@strawberry.enum(description="Where an invitation stands.")
class InvitationStatus(enum.StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


@strawberry.type(description="A person in the organization.")
class Member(Node):
    email: str = strawberry.field(description="The person's address.")
    name: str = strawberry.field(description="The person's name.")
    role: MemberRole | None = strawberry.field(description="The built-in role; null for a custom one.")
    role_id: strawberry.ID | None = strawberry.field(description="The custom role's id; null for a built-in one.")
    role_name: str = strawberry.field(description="The role's name, of either kind.")
    joined_at: datetime = strawberry.field(description="When the person became a member.")

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Whether signing in takes the person a second factor; null for who may not administer members."
    )
    async def has_second_factor(self, info: Info[Context, None]) -> bool | None:
        if not info.context.require_actor().may(Scope.MEMBERS, Kind.ADMIN):
            return None
        return await info.context.second_factors.load(str(self.id))


@strawberry.type(description="A named set of permissions: one of the four built-in ones, or the organization's own.")
class MemberRoleDefinition:
    id: strawberry.ID = strawberry.field(description="`owner`, `admin`, `member`, `viewer`, or a custom role's id.")
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(description="What it is for.")
    permissions: list[str] = strawberry.field(description="What it permits: `environments:read` and so on.")
    built_in: bool = strawberry.field(description="Whether it can be changed: built-in ones cannot.")
    version: int = strawberry.field(description="Counts the changes.")


@strawberry.type(description="Something that a role can permit and a credential can be limited to.")
class Permission:
    name: str = strawberry.field(description="`environments:write`.")
    scope: str = strawberry.field(description="The part of the product.")
    kind: str = strawberry.field(description="`read`, `write` or `admin`.")


@strawberry.type(description="An offer to become a member.")
class Invitation(Node):
    email: str = strawberry.field(description="Whom it is for.")
    role: MemberRole | None = strawberry.field(description="The built-in role; null for a custom one.")
    role_id: strawberry.ID | None = strawberry.field(description="The custom role's id; null for a built-in one.")
    status: InvitationStatus = strawberry.field(description="Where it stands.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="Until when it can be accepted: seven days.")


@strawberry.type(description="A new invitation, with its token.")
class CreatedInvitation:
    id: strawberry.ID = strawberry.field(description="The invitation's id.")
    token: str = strawberry.field(description="For `acceptInvitation`: hand it to the person; it is not shown again.")
    invitation: Invitation = strawberry.field(description="The invitation.")


_BUILT_IN = {
    Role.OWNER: "May do everything, and alone makes and removes owners.",
    Role.ADMIN: "May do everything but touch owners.",
    Role.MEMBER: "Reads and writes; changes neither people nor settings.",
    Role.VIEWER: "Reads.",
}


def member(record: models.Member) -> Member:
    """The record as GraphQL shows it."""
    return Member(
        id=strawberry.ID(record.id),
        email=record.email,
        name=record.name,
        role=None if record.role_id else record.role,
        role_id=strawberry.ID(record.role_id) if record.role_id else None,
        role_name=record.role_name or str(record.role),
        joined_at=record.joined_at,
    )


def built_in_roles() -> list[MemberRoleDefinition]:
    """The four that every organization has."""
    return [
        MemberRoleDefinition(
            id=strawberry.ID(role),
            name=str(role),
            description=_BUILT_IN[role],
            permissions=sorted(ROLE_PERMISSIONS[role]),
            built_in=True,
            version=1,
        )
        for role in Role
    ]


def role(record: identity.CustomRole) -> MemberRoleDefinition:
    """The record as GraphQL shows it."""
    return MemberRoleDefinition(
        id=strawberry.ID(record.id),
        name=record.name,
        description=record.description,
        permissions=record.permissions,
        built_in=False,
        version=record.version,
    )


def invitation(record: models.Invitation, moment: datetime) -> Invitation:
    """The record as GraphQL shows it; neither token nor hash."""
    return Invitation(
        id=strawberry.ID(record.id),
        email=record.email,
        role=None if record.role_id else record.role,
        role_id=strawberry.ID(record.role_id) if record.role_id else None,
        status=_status(record, moment),
        created_at=record.created_at,
        expires_at=record.expires_at,
    )


def _status(record: models.Invitation, moment: datetime) -> InvitationStatus:
    if record.accepted_at is not None:
        return InvitationStatus.ACCEPTED
    if record.revoked_at is not None:
        return InvitationStatus.REVOKED
    return InvitationStatus.EXPIRED if record.expires_at <= moment else InvitationStatus.OPEN


def named_role(name: str) -> tuple[Role | None, str | None]:
    """A role by its id: built-in, or custom."""
    return (Role(name), None) if name in {*Role} else (None, name)
