"""Invitations into an organization."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.core.actor import Role
from app.database.statements import Record
from app.database.types import Choice, Moment


class Invitation(Record):
    """An offer to become a member. Its token is shown once; only the SHA-256 is kept."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    email: str
    role: Role = Field(sa_type=Choice(Role))
    role_id: str | None = Field(default=None, foreign_key="roles.id")
    hash: str
    invited_by: str
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)
    accepted_at: datetime | None = Field(default=None, sa_type=Moment)
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)


class InvitationTable(Invitation, table=True):
    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("hash", name="invitations_hash"),
        Index("invitations_of_organization", "organization_id", "id"),
    )


class Member(Record):
    """A person in an organization: a row of users and of memberships."""

    id: str
    email: str
    name: str
    role: Role
    role_id: str | None
    role_name: str | None
    joined_at: datetime
