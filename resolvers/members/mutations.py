"""Inviting people, giving them roles, removing them; and the organization's own name."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.clock import now
from app.core.errors import NotFound
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.identity.types import Organization, organization
from resolvers.members.types import (
    CreatedInvitation,
    Invitation,
    Member,
    MemberRoleDefinition,
    invitation,
    member,
    named_role,
    role,
)
from resolvers.node import Id

ADMIN = Access(scope=Scope.MEMBERS, kind=Kind.ADMIN)
ORGANIZATION = Access(scope=Scope.ORGANIZATION, kind=Kind.ADMIN)
_ROLE = "`owner`, `admin`, `member`, `viewer`, or a custom role's id."


@strawberry.input(description="Whom to invite.")
class InviteMemberInput:
    email: str = strawberry.field(description="The person's address.")
    role: str = strawberry.field(default="member", description=_ROLE)


@strawberry.input(description="What changes about a member.")
class UpdateMemberInput:
    role: str = strawberry.field(description=_ROLE)


@strawberry.input(description="A role of the organization's own.")
class CreateRoleInput:
    name: str = strawberry.field(description="1 to 100 characters, unique in the organization.")
    permissions: list[str] = strawberry.field(description="From `permissions`; none that you lack yourself.")
    description: str = strawberry.field(default="", description="What it is for; at most 1,000 characters.")


@strawberry.input(description="What changes about a role. What is left out stays as it is.")
class UpdateRoleInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters.")
    permissions: list[str] | None = strawberry.field(default=None, description="All of them, in the place of the old.")
    description: str | None = strawberry.field(default=None, description="What it is for.")


@strawberry.input(description="What changes about the organization.")
class UpdateOrganizationInput:
    name: str = strawberry.field(description="1 to 100 characters.")


@strawberry.type
class MemberMutations:
    @mutation("Offers membership to an address. The token is shown once.", ADMIN, audited="invitation.create")
    async def invite_member(
        self,
        info: Info[Context, None],
        input: Annotated[InviteMemberInput, strawberry.argument(description="Whom to invite.")],
    ) -> CreatedInvitation:
        made, token = await info.context.members.invite(input.email, *named_role(input.role))
        return CreatedInvitation(id=strawberry.ID(made.id), token=token, invitation=invitation(made, now()))

    @mutation("Takes an invitation back.", ADMIN, audited="invitation.revoke")
    async def revoke_invitation(self, info: Info[Context, None], id: Id) -> Invitation:
        return invitation(await info.context.members.revoke_invitation(id), now())

    @mutation("Gives a member another role, at once. An organization keeps an owner.", ADMIN, audited="member.update")
    async def update_member(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[UpdateMemberInput, strawberry.argument(description="What changes.")],
    ) -> Member:
        return member(await info.context.members.set_role(id, *named_role(input.role)))

    @mutation(
        "Removes a member: the person's keys and sessions for this organization open nothing any more.",
        ADMIN,
        audited="member.remove",
    )
    async def remove_member(self, info: Info[Context, None], id: Id) -> Member:
        return member(await info.context.members.remove(id))

    @mutation("Makes a role of the organization's own.", ADMIN, audited="role.create")
    async def create_role(
        self,
        info: Info[Context, None],
        input: Annotated[CreateRoleInput, strawberry.argument(description="The role to make.")],
    ) -> MemberRoleDefinition:
        return role(info.context.members.create_role(input.name, input.description, input.permissions))

    @mutation("Changes a role for all who have it, at their next request.", ADMIN, audited="role.update")
    async def update_role(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[UpdateRoleInput, strawberry.argument(description="What changes.")],
    ) -> MemberRoleDefinition:
        return role(await info.context.members.update_role(id, input.name, input.description, input.permissions))

    @mutation("Removes a role that nobody has.", ADMIN, audited="role.delete")
    async def delete_role(self, info: Info[Context, None], id: Id) -> MemberRoleDefinition:
        return role(await info.context.members.delete_role(id))

    @mutation("Renames your organization.", ORGANIZATION, audited="organization.update")
    async def update_organization(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[UpdateOrganizationInput, strawberry.argument(description="What changes.")],
    ) -> Organization:
        context = info.context
        if id != context.require_actor().organization_id:
            raise NotFound()
        found = await context.identity.organization()
        return organization(context.members.rename_organization(found, input.name))
