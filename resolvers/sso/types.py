"""Single sign-on in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.sso import models
from app.sso.service import Configured, SsoParts
from resolvers.identity.types import MemberRole
from resolvers.node import Node

SsoConnectionKind = models.ConnectionKind
strawberry.enum(
    SsoConnectionKind, name="SsoConnectionKind", description="The protocol of a connection: OpenID Connect (`OIDC`)."
)


@strawberry.type(description="A domain that the organization claims; verified, its people can sign on.")
class SsoDomain:
    id: strawberry.ID = strawberry.field(description="Its id.")
    domain: str = strawberry.field(description="The part of e-mail addresses behind the @, in lower case and ASCII.")
    record: str = strawberry.field(
        description="The TXT record that verifies it, to be published at the domain itself; no secret."
    )
    verified_at: datetime | None = strawberry.field(
        description="When it was verified; null until then. A verified domain belongs to one organization."
    )


@strawberry.type(description="The organization's identity provider. Its client secret is never shown.")
class SsoConnection(Node):
    kind: SsoConnectionKind = strawberry.field(description="The protocol.")
    issuer: str = strawberry.field(description="The provider, as it names itself.")
    client_id: str = strawberry.field(description="We, as the provider knows us.")
    has_client_secret: bool = strawberry.field(description="Whether a client secret is kept; without one PKCE stands.")
    redirect_uri: str = strawberry.field(description="Where the provider sends browsers back to: register it there.")
    default_role: MemberRole = strawberry.field(description="The role of who becomes a member by signing in.")
    enabled: bool = strawberry.field(description="Whether anybody can sign in by it.")
    require_sso: bool = strawberry.field(
        description="Whether members other than owners are refused with passwords. Sessions that are open stay open."
    )
    domains: list[SsoDomain] = strawberry.field(description="The domains, at most 50, by name.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    version: int = strawberry.field(description="Grows with each change.")


@strawberry.type(description="Whether a domain's people can sign on. It depends on the domain alone.")
class SsoDiscovery:
    domain: str = strawberry.field(description="The domain that was asked for.")
    available: bool = strawberry.field(description="Whether `ssoLogin` leads somewhere for addresses of this domain.")


@strawberry.type(description="Where the browser goes next.")
class SsoRedirect:
    url: str = strawberry.field(description="An address of the identity provider.")


@strawberry.type(description="A session that an identity provider vouched for; the cookie is in the answer's header.")
class SsoSignIn:
    id: strawberry.ID = strawberry.field(description="The session's id.")
    user_id: strawberry.ID = strawberry.field(description="Who signed in.")
    organization_id: strawberry.ID = strawberry.field(description="The organization that the session is for.")
    url: str = strawberry.field(description="The path that `ssoLogin` was given as `returnTo`.")


def sso_domain(record: models.SsoDomain) -> SsoDomain:
    """The record as GraphQL shows it."""
    return SsoDomain(
        id=strawberry.ID(record.id), domain=record.domain, record=record.record, verified_at=record.verified_at
    )


def sso_connection(configured: Configured, parts: SsoParts) -> SsoConnection:
    """The record as GraphQL shows it; no secret."""
    record = configured.connection
    return SsoConnection(
        id=strawberry.ID(record.id),
        kind=record.kind,
        issuer=record.issuer,
        client_id=record.client_id,
        has_client_secret=bool(record.client_secret),
        redirect_uri=parts.redirect_uri,
        default_role=record.default_role,
        enabled=bool(record.enabled),
        require_sso=configured.require_sso,
        domains=[sso_domain(domain) for domain in configured.domains],
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
    )
