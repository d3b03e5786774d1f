"""Federated providers, and which of their tokens were used."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Json, Moment
from app.tokens.hybrid import Mode
from app.tokens.jwk import Jwk


class ProviderStatus(enum.StrEnum):
    """Whether a provider's keys are at hand."""

    #: Its keys were never fetched.
    PENDING = "pending"
    ACTIVE = "active"
    #: The last attempt to fetch its keys failed; those of the last success are used for a day.
    FAILED = "failed"


class Provider(Record):
    """Another installation, or an identity provider, whose tokens an organization accepts."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    name: str
    #: What its tokens name as `iss`.
    issuer: str
    #: Where it publishes its keys.
    jwks_url: str
    #: What its tokens have to name as `org_id`; empty where they name none, or our own organization.
    issuer_organization: str
    #: What its tokens may do at most: `environments:read`, …
    scopes: list[str] = Field(sa_type=Json)
    mode: Mode = Field(sa_type=Choice(Mode))
    status: ProviderStatus = Field(sa_type=Choice(ProviderStatus))
    #: Its usable public keys.
    keys: list[Jwk] = Field(sa_type=Json)
    #: When its keys were last fetched with success.
    synced_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Why the last attempt failed; empty for success.
    sync_error: str
    created_at: datetime = Field(sa_type=Moment)
    version: int = 1


class ProviderTable(Provider, table=True):
    __tablename__ = "federation_providers"
    __table_args__ = (
        UniqueConstraint("organization_id", "issuer", name="federation_providers_issuer"),
        Index("federation_providers_of_organization", "organization_id", "id"),
    )


class TokenUse(Record):
    """A federated token that was used, until it would have expired anyway."""

    #: SHA-256 over the organization, the issuer and the token's `jti`.
    jti_hash: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    expires_at: datetime = Field(sa_type=Moment)


class TokenUseTable(TokenUse, table=True):
    __tablename__ = "federated_token_uses"
    __table_args__ = (Index("federated_token_uses_expiry", "expires_at"),)
