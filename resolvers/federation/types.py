"""What federated providers and tokens look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.federation import models
from app.federation.service import FederationParts, Minted
from app.tokens import hybrid
from resolvers.node import Node

FederationMode = hybrid.Mode
strawberry.enum(
    FederationMode,
    name="FederationMode",
    description="What a provider's tokens carry beside ES256: `REQUIRE` a right ML-DSA-65 proof, `PREFER` a right one "
    "where there is one, `OFF` does not look at it.",
)
FederationProviderStatus = models.ProviderStatus
strawberry.enum(
    FederationProviderStatus,
    name="FederationProviderStatus",
    description="Whether a provider's keys are at hand: never fetched (`PENDING`), fetched (`ACTIVE`), or the last "
    "attempt failed (`FAILED`).",
)


@strawberry.type(description="Another installation, or an identity provider, whose tokens the organization accepts.")
class FederationProvider(Node):
    name: str = strawberry.field(description="Its name.")
    issuer: str = strawberry.field(description="What its tokens name as `iss`.")
    jwks_url: str = strawberry.field(description="Where it publishes its keys.")
    audience: str = strawberry.field(description="What its tokens have to name as `aud` to reach the organization.")
    issuer_organization: str | None = strawberry.field(
        description="The issuer's organization whose tokens are accepted, as they name it in `org_id`."
    )
    scopes: list[str] = strawberry.field(description="What its tokens may do at most.")
    mode: FederationMode = strawberry.field(description="Which signatures its tokens have to carry.")
    status: FederationProviderStatus = strawberry.field(description="Whether its keys are at hand.")
    keys: int = strawberry.field(description="How many usable keys it published.")
    synced_at: datetime | None = strawberry.field(description="When its keys were last fetched; null for never.")
    sync_error: str | None = strawberry.field(description="Why the last attempt failed; null where it did not.")
    created_at: datetime = strawberry.field(description="When it was registered.")
    version: int = strawberry.field(description="Grows with each change.")


@strawberry.type(description="A token for one call to another installation. It is shown once and accepted once.")
class FederatedToken:
    id: strawberry.ID = strawberry.field(description="Its `jti`, by which whoever accepts it knows it.")
    token: str = strawberry.field(description="The token: send it as a bearer.")
    token_type: str = strawberry.field(description="`Bearer`.")
    audience: str = strawberry.field(description="The one that accepts it.")
    scopes: list[str] = strawberry.field(description="What it may do there, within what is allowed there.")
    expires_at: datetime = strawberry.field(description="When it ends, used or not.")


def provider(record: models.Provider, parts: FederationParts) -> FederationProvider:
    """The record as GraphQL shows it."""
    return FederationProvider(
        id=strawberry.ID(record.id),
        name=record.name,
        issuer=record.issuer,
        jwks_url=record.jwks_url,
        audience=parts.audience(record.organization_id),
        issuer_organization=record.issuer_organization or None,
        scopes=record.scopes,
        mode=record.mode,
        status=record.status,
        keys=len(record.keys),
        synced_at=record.synced_at,
        sync_error=record.sync_error or None,
        created_at=record.created_at,
        version=record.version,
    )


def federated_token(minted: Minted) -> FederatedToken:
    """What was minted, as GraphQL shows it."""
    return FederatedToken(
        id=strawberry.ID(minted.id),
        token=minted.token,
        token_type="Bearer",  # noqa: S106 - the scheme, not a token
        audience=minted.audience,
        scopes=minted.scopes,
        expires_at=minted.expires_at,
    )
