"""Organizations, users, memberships and API keys."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint, false, true
from sqlmodel import Field

from app.core.actor import Role
from app.database.statements import Record
from app.database.types import Choice, Json, Moment


class Plan(enum.StrEnum):
    """What an organization has subscribed to; sets its limits."""

    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class DefaultDecision(enum.StrEnum):
    """What is decided for an agent where no policy says anything."""

    ALLOW = "allow"
    DENY = "deny"


class Organization(Record):
    """A tenant: everything belongs to one."""

    id: str = Field(primary_key=True)
    name: str
    plan: Plan = Field(sa_type=Choice(Plan))
    #: For the enterprise plan, whose quota is the organization's own.
    requests_per_minute: int | None = None
    #: The kill switch: off, no agent's credential opens anything.
    agents_enabled: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    default_decision: DefaultDecision = Field(
        default=DefaultDecision.ALLOW, sa_type=Choice(DefaultDecision), sa_column_kwargs={"server_default": "allow"}
    )
    #: Raised by each change of a policy: what is compiled from an older one is not used any more.
    policy_revision: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    #: The position of the last item of `policyDecisions`.
    decision_position: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    #: Whether members other than owners sign in by single sign-on only.
    require_sso: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    created_at: datetime = Field(sa_type=Moment)
    version: int = 1


class OrganizationTable(Organization, table=True):
    __tablename__ = "organizations"


class User(Record):
    """A person."""

    id: str = Field(primary_key=True)
    email: str
    name: str
    #: Whether this person operates the installation as a whole.
    operator: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    created_at: datetime = Field(sa_type=Moment)


class UserTable(User, table=True):
    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email", name="users_email"),)


class Membership(Record):
    """What a person may do in an organization."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    user_id: str = Field(foreign_key="users.id")
    role: Role = Field(sa_type=Choice(Role))
    #: A custom role in the place of `role`, which then is viewer.
    role_id: str | None = Field(default=None, foreign_key="roles.id")
    created_at: datetime = Field(sa_type=Moment)


class MembershipTable(Membership, table=True):
    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("organization_id", "user_id", name="memberships_once"),)


class ApiKey(Record):
    """A credential of an organization. The key itself is shown once; only its SHA-256 is kept."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    #: The member in whose role the key acts.
    user_id: str = Field(foreign_key="users.id")
    name: str
    #: The first characters, by which a person recognizes it.
    prefix: str
    hash: str
    scopes: list[str] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime | None = Field(default=None, sa_type=Moment)
    last_used_at: datetime | None = Field(default=None, sa_type=Moment)
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)


class ApiKeyTable(ApiKey, table=True):
    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("hash", name="api_keys_hash"),
        Index("api_keys_of_organization", "organization_id", "id"),
    )


class CustomRole(Record):
    """A set of permissions that an organization has given a name."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    name: str
    description: str
    #: `environments:read`, …
    permissions: list[str] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=Moment)
    version: int = 1


class CustomRoleTable(CustomRole, table=True):
    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("organization_id", "name", name="roles_name"),)


class Credential(Record):
    """What a credential opens: one row of it, its member and organization, read at each authentication."""

    id: str
    organization_id: str
    user_id: str
    role: Role
    #: Those of a custom role; None without one.
    permissions: list[str] | None
    operator: bool
    scopes: list[str]
    plan: Plan
    requests_per_minute: int | None
    last_used_at: datetime | None
    expires_at: datetime | None


class Standing(Record):
    """What a member may do at present: read each time that a token names one."""

    organization_id: str
    user_id: str
    role: Role
    permissions: list[str] | None
    operator: bool
    plan: Plan
    requests_per_minute: int | None
