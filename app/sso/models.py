"""Identity providers of organizations, the domains that they speak for, and whom they have vouched for."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.core.actor import Role
from app.database.statements import Record
from app.database.types import Choice, Moment

#: What a domain's TXT record begins with.
RECORD = "soundstage-verification="


class ConnectionKind(enum.StrEnum):
    """The protocol that a connection speaks."""

    #: OpenID Connect Core 1.0, authorization code flow.
    OIDC = "oidc"


class SsoConnection(Record):
    """An organization's identity provider."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    kind: ConnectionKind = Field(sa_type=Choice(ConnectionKind))
    #: To the letter what the provider names as `iss`.
    issuer: str
    client_id: str
    #: Sealed; empty for a public client.
    client_secret: str
    #: The role of who becomes a member by signing in.
    default_role: Role = Field(sa_type=Choice(Role))
    enabled: bool
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    version: int = 1


class SsoConnectionTable(SsoConnection, table=True):
    __tablename__ = "sso_connections"
    __table_args__ = (UniqueConstraint("organization_id", "kind", name="sso_connections_once"),)


class SsoDomain(Record):
    """A domain of e-mail addresses that an organization claims, and, once verified, speaks for."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    domain: str
    #: What its TXT record has to tell; anybody may read it there.
    challenge: str
    verified_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)

    @property
    def record(self) -> str:
        """The TXT record that verifies the domain."""
        return RECORD + self.challenge


class SsoDomainTable(SsoDomain, table=True):
    __tablename__ = "sso_domains"
    __table_args__ = (
        UniqueConstraint("organization_id", "domain", name="sso_domains_once"),
        UniqueConstraint("challenge", name="sso_domains_challenge"),
        # A domain is verified once: an index in app/tables.py.
    )


class SsoIdentity(Record):
    """A person as a provider knows them: the `sub` of its tokens."""

    connection_id: str = Field(primary_key=True, foreign_key="sso_connections.id")
    subject: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    user_id: str = Field(foreign_key="users.id")
    created_at: datetime = Field(sa_type=Moment)


class SsoIdentityTable(SsoIdentity, table=True):
    __tablename__ = "sso_identities"
    __table_args__ = (Index("sso_identities_of_user", "user_id"),)
