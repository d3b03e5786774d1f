"""Reading people, roles, invitations and organizations."""

from __future__ import annotations

import strawberry
from strawberry.types import Info

from app.core.actor import ALL_PERMISSIONS, OPERATOR_PERMISSIONS, Kind, Scope
from app.core.clock import now
from app.core.paging import decode_cursor, page_size
from app.members import models
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.identity.queries import ORGANIZATION
from resolvers.identity.types import Organization, organization
from resolvers.members.types import (
    Invitation,
    Member,
    MemberRoleDefinition,
    Permission,
    built_in_roles,
    invitation,
    member,
    role,
)
from resolvers.node import After, Connection, First, Id, connection

READ = Access(scope=Scope.MEMBERS, kind=Kind.READ)
ADMIN = Access(scope=Scope.MEMBERS, kind=Kind.ADMIN)


@strawberry.type
class MemberQueries:
    @query("One person of the organization.", READ)
    async def member(self, info: Info[Context, None], id: Id) -> Member | None:
        found = await info.context.members.find(id)
        return member(found) if found else None

    @query("The people of the organization, newest first.", READ)
    async def members(self, info: Info[Context, None], first: First = None, after: After = None) -> Connection[Member]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.members.page(limit, decode_cursor(after))
        return connection(page, _member_id, member, after)

    @query("The roles that members can have: the four built-in ones, then the organization's own.", READ)
    async def roles(self, info: Info[Context, None]) -> list[MemberRoleDefinition]:
        return built_in_roles() + [role(found) for found in await info.context.members.roles()]

    @query("One role, built-in or custom.", READ)
    async def role(self, info: Info[Context, None], id: Id) -> MemberRoleDefinition | None:
        built_in = next((found for found in built_in_roles() if found.id == id), None)
        if built_in is not None:
            return built_in
        found = await info.context.members.role(id)
        return role(found) if found else None

    @query("Everything that a role can permit and a credential can be limited to.", READ)
    async def permissions(self, info: Info[Context, None]) -> list[Permission]:
        names = sorted(ALL_PERMISSIONS - OPERATOR_PERMISSIONS)
        return [Permission(name=name, scope=name.partition(":")[0], kind=name.partition(":")[2]) for name in names]

    @query("The organization's invitations, newest first.", ADMIN)
    async def invitations(
        self, info: Info[Context, None], first: First = None, after: After = None
    ) -> Connection[Invitation]:
        limit, moment = page_size(first, info.context.largest_page), now()
        page = await info.context.members.invitations(limit, decode_cursor(after))
        return connection(page, _invitation_id, lambda found: invitation(found, moment), after)

    @query(
        "The organizations that you are signed in to or can sign in to: at most 1,000. A key or an agent sees its own.",
        ORGANIZATION,
    )
    async def organizations(self, info: Info[Context, None]) -> list[Organization]:
        return [organization(found) for found in await info.context.members.organizations()]

    @query("The organization with this id, where you are a member of it.", ORGANIZATION)
    async def organization(self, info: Info[Context, None], id: Id) -> Organization | None:
        found = await info.context.members.organizations()
        return next((organization(each) for each in found if each.id == id), None)


def _member_id(record: models.Member) -> str:
    return record.id


def _invitation_id(record: models.Invitation) -> str:
    return record.id
