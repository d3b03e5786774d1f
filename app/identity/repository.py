"""All queries about organizations, users, memberships and API keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, Select, bindparam, select

from app.database.statements import adding, change, changing, everywhere, readable, statement, table
from app.identity.models import (
    ApiKey,
    ApiKeyTable,
    Credential,
    CustomRoleTable,
    Membership,
    MembershipTable,
    Organization,
    OrganizationTable,
    Standing,
    User,
    UserTable,
)

_organizations, _users = table(OrganizationTable).c, table(UserTable).c
_members, _keys, _roles = table(MembershipTable).c, table(ApiKeyTable).c, table(CustomRoleTable).c

ADD_ORGANIZATION = change(adding(OrganizationTable))
ADD_USER = change(adding(UserTable))
ADD_MEMBERSHIP = change(adding(MembershipTable))
ADD_KEY = change(adding(ApiKeyTable))


def opened_by(credential: FromClause, *columns: ColumnElement[Any]) -> Select[Any]:
    """What a table's credentials open: rows of `Credential`, as long as their member is one.

    Before authentication there is no organization to start from.
    """
    c = credential.c
    return (
        select(
            c.id,
            c.organization_id,
            c.user_id,
            _members.role,
            _roles.permissions,
            _users.operator,
            _organizations.plan,
            _organizations.requests_per_minute,
            *columns,
        )
        .join(_members.id.table, (_members.user_id == c.user_id) & (_members.organization_id == c.organization_id))
        .join(_organizations.id.table, _organizations.id == c.organization_id)
        .join(_users.id.table, _users.id == c.user_id)
        .join(_roles.id.table, _roles.id == _members.role_id, isouter=True)
    )


CREDENTIAL_BY_HASH = statement(
    opened_by(table(ApiKeyTable), _keys.scopes, _keys.last_used_at, _keys.expires_at).where(
        _keys.hash == bindparam("hash"), _keys.revoked_at.is_(None)
    ),
    Credential,
)
#: What a member may do now, whatever a token said when it was minted.
STANDING = statement(
    select(
        _members.organization_id,
        _members.user_id,
        _members.role,
        _roles.permissions,
        _users.operator,
        _organizations.plan,
        _organizations.requests_per_minute,
    )
    .join(_organizations.id.table, _organizations.id == _members.organization_id)
    .join(_users.id.table, _users.id == _members.user_id)
    .join(_roles.id.table, _roles.id == _members.role_id, isouter=True)
    .where(_members.organization_id == bindparam("organization_id"), _members.user_id == bindparam("user_id")),
    Standing,
)
FIRST_ORGANIZATION = statement(everywhere(OrganizationTable).order_by(_organizations.id).limit(1), Organization)
FIRST_MEMBER = statement(
    readable(MembershipTable).where(_members.role == "owner").order_by(_members.id).limit(1), Membership
)

OWN_ORGANIZATION = statement(
    select(_organizations.id.table).where(_organizations.id == bindparam("organization_id")), Organization
)
MEMBERS = statement(readable(MembershipTable).order_by(_members.id), Membership)
OWN_USER = statement(
    select(_users.id.table)
    .join(_members.id.table, _members.user_id == _users.id)
    .where(_members.organization_id == bindparam("organization_id"), _users.id == bindparam("id")),
    User,
)
KEY = statement(readable(ApiKeyTable).where(_keys.id == bindparam("id")), ApiKey)
KEYS_BEFORE = statement(
    readable(ApiKeyTable)
    .where(_keys.id < bindparam("before"))
    .order_by(_keys.id.desc())
    .limit(bindparam("limit", type_=Integer)),
    ApiKey,
)
REVOKE_KEY = change(
    changing(ApiKeyTable)
    .where(_keys.id == bindparam("id"), _keys.revoked_at.is_(None))
    .values(revoked_at=bindparam("revoked_at"))
)
KEY_ENDS = change(changing(ApiKeyTable).where(_keys.id == bindparam("id")).values(expires_at=bindparam("expires_at")))
KEY_USED = change(changing(ApiKeyTable).where(_keys.id == bindparam("id")).values(last_used_at=bindparam("moment")))
