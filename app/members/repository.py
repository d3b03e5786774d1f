"""All queries about members, invitations and custom roles."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Integer, String, bindparam, exists, null, or_, select

from app.core.actor import Role
from app.database.statements import adding, change, changing, everywhere, readable, removing, statement, table
from app.database.types import Choice
from app.identity.models import (
    CustomRole,
    CustomRoleTable,
    MembershipTable,
    Organization,
    OrganizationTable,
    UserTable,
)
from app.members.models import Invitation, InvitationTable, Member

_members, _users, _roles = table(MembershipTable).c, table(UserTable).c, table(CustomRoleTable).c
_invitations, _organizations = table(InvitationTable).c, table(OrganizationTable).c
_LIMIT = bindparam("limit", type_=Integer)

_MEMBER = (
    select(
        _users.id,
        _users.email,
        _users.name,
        _members.role,
        _members.role_id,
        _roles.name.label("role_name"),
        _members.created_at.label("joined_at"),
    )
    .join(_members.id.table, _members.user_id == _users.id)
    .join(_roles.id.table, _roles.id == _members.role_id, isouter=True)
    .where(_members.organization_id == bindparam("organization_id"))
)
MEMBER = statement(_MEMBER.where(_users.id == bindparam("user_id")), Member)
MEMBERS_BEFORE = statement(
    _MEMBER.where(_users.id < bindparam("before")).order_by(_users.id.desc()).limit(_LIMIT), Member
)

_others = table(MembershipTable).alias("others")
_ANOTHER_OWNER = exists(
    select(_others.c.id).where(
        _others.c.organization_id == bindparam("organization_id"),
        _others.c.role == str(Role.OWNER),
        _others.c.user_id != bindparam("user_id"),
    )
)
#: Changes of members wait for each other, so that two owners cannot remove one another at once.
ONE_AT_A_TIME = change(
    table(OrganizationTable)
    .update()
    .where(_organizations.id == bindparam("organization_id"))
    .values(version=_organizations.version)
)
_NEW_ROLE: ColumnElement[Any] = bindparam("new_role", type_=Choice(Role))
SET_ROLE = change(
    changing(MembershipTable)
    .where(
        _members.user_id == bindparam("user_id"),
        or_(
            _NEW_ROLE.is_not_distinct_from(str(Role.OWNER)),
            _members.role != str(Role.OWNER),
            _ANOTHER_OWNER,
        ),
    )
    .values(role=_NEW_ROLE, role_id=bindparam("new_role_id", type_=String))
)
REMOVE_MEMBER = change(
    removing(MembershipTable).where(
        _members.user_id == bindparam("user_id"), or_(_members.role != str(Role.OWNER), _ANOTHER_OWNER)
    )
)

ADD_INVITATION = change(adding(InvitationTable))
INVITATION = statement(readable(InvitationTable).where(_invitations.id == bindparam("id")), Invitation)
INVITATIONS_BEFORE = statement(
    readable(InvitationTable)
    .where(_invitations.id < bindparam("before"))
    .order_by(_invitations.id.desc())
    .limit(_LIMIT),
    Invitation,
)
REVOKE_INVITATION = change(
    changing(InvitationTable)
    .where(_invitations.id == bindparam("id"), _invitations.accepted_at.is_(None), _invitations.revoked_at.is_(None))
    .values(revoked_at=bindparam("moment"))
)
#: Who opens an invitation is in no organization yet.
INVITATION_BY_HASH = statement(everywhere(InvitationTable).where(_invitations.hash == bindparam("hash")), Invitation)
ACCEPT_INVITATION = change(
    changing(InvitationTable)
    .where(_invitations.id == bindparam("id"), _invitations.accepted_at.is_(None), _invitations.revoked_at.is_(None))
    .values(accepted_at=bindparam("moment"))
)

ADD_ROLE = change(adding(CustomRoleTable))
ROLE = statement(readable(CustomRoleTable).where(_roles.id == bindparam("id")), CustomRole)
ROLES = statement(readable(CustomRoleTable).order_by(_roles.id), CustomRole)
CHANGE_ROLE = change(
    changing(CustomRoleTable)
    .where(_roles.id == bindparam("id"), _roles.version == bindparam("old_version"))
    .values(
        name=bindparam("new_name"),
        description=bindparam("new_description"),
        permissions=bindparam("new_permissions"),
        version=_roles.version + 1,
    )
)
_HELD = exists(select(_members.id).where(_members.role_id == bindparam("id")))
_OFFERED = exists(select(_invitations.id).where(_invitations.role_id == bindparam("id")))
#: Invitations that are over do not hold a role.
RELEASE_ROLE = change(
    changing(InvitationTable)
    .where(
        _invitations.role_id == bindparam("id"),
        or_(
            _invitations.accepted_at.is_not(None),
            _invitations.revoked_at.is_not(None),
            _invitations.expires_at <= bindparam("moment"),
        ),
    )
    .values(role_id=null())
)
REMOVE_ROLE = change(removing(CustomRoleTable).where(_roles.id == bindparam("id"), ~_HELD, ~_OFFERED))

#: The organizations that a person is a member of.
ORGANIZATIONS_OF = statement(
    select(_organizations.id.table)
    .join(_members.id.table, _members.organization_id == _organizations.id)
    .where(_members.user_id == bindparam("user_id"), bindparam("organization_id", type_=String) != "")
    .order_by(_organizations.id)
    .limit(1000),
    Organization,
)
RENAME_ORGANIZATION = change(
    table(OrganizationTable)
    .update()
    .where(_organizations.id == bindparam("organization_id"))
    .values(name=bindparam("new_name"), version=_organizations.version + 1)
)
