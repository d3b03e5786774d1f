"""Changing single sign-on, and finishing it."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.sso.service import Wanted, confirm_domain
from app.sso.sign_on import Answer
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.cookies import clear_transaction
from resolvers.identity.types import MemberRole
from resolvers.node import Id, IfVersion
from resolvers.sign_in.mutations import opened
from resolvers.sso.queries import ADMIN
from resolvers.sso.types import SsoConnection, SsoDomain, SsoSignIn, sso_connection, sso_domain

OPERATORS = Access(scope=Scope.ADMINISTRATION, kind=Kind.WRITE)


@strawberry.input(description="What changes of single sign-on; what is left out stays as it is.")
class UpdateSsoInput:
    issuer: str | None = strawberry.field(
        default=None, description="The provider: an `https://` address, to the letter as it names itself. An owner's."
    )
    client_id: str | None = strawberry.field(
        default=None, description="We, as the provider knows us. An owner's to change."
    )
    client_secret: str | None = strawberry.field(
        default=None, description="What we prove it with; empty for a public client. It is never shown again."
    )
    default_role: MemberRole | None = strawberry.field(
        default=None,
        description="The role of who becomes a member by signing in: member by default. Only an owner chooses owner or "
        "admin.",
    )
    enabled: bool | None = strawberry.field(
        default=None, description="Whether anybody can sign in by it; true for a new one."
    )
    domains: list[str] | None = strawberry.field(
        default=None, description="All domains that the organization claims, at most 50; others are given up."
    )
    require_sso: bool | None = strawberry.field(
        default=None,
        description="Refuses members other than owners with passwords. Takes an enabled connection and a verified "
        "domain. API keys and open sessions work on.",
    )


@strawberry.type
class SsoMutations:
    @mutation(
        "Changes the organization's identity provider, or makes it with `issuer` and `clientId`.",
        ADMIN,
        audited="sso_connection.update",
    )
    async def update_sso(
        self,
        info: Info[Context, None],
        input: Annotated[UpdateSsoInput, strawberry.argument(description="What changes.")],
        if_version: IfVersion = None,
    ) -> SsoConnection:
        wanted = Wanted(
            issuer=input.issuer,
            client_id=input.client_id,
            client_secret=input.client_secret,
            default_role=input.default_role,
            enabled=input.enabled,
            domains=input.domains,
            require_sso=input.require_sso,
        )
        return sso_connection(await info.context.sso.update(wanted, if_version), info.context.product.sso)

    @mutation(
        "Removes an identity provider: whom it vouched for stay members, and sign in with passwords.",
        ADMIN,
        audited="sso_connection.remove",
    )
    async def remove_sso_connection(self, info: Info[Context, None], id: Id) -> SsoConnection:
        return sso_connection(await info.context.sso.remove(id), info.context.product.sso)

    @mutation(
        "Verifies a domain by its TXT record, which has to be published before.", ADMIN, audited="sso_domain.verify"
    )
    async def verify_sso_domain(self, info: Info[Context, None], id: Id) -> SsoDomain:
        return sso_domain(await info.context.sso.verify_domain(id))

    @mutation(
        "Verifies a domain by hand, for installations without a way to the name servers. Operators only: make sure "
        "that the domain is theirs who claim it, for its people's accounts become theirs, too.",
        OPERATORS,
        audited="sso_domain.confirm",
        personal=True,
    )
    async def confirm_sso_domain(
        self,
        info: Info[Context, None],
        record: Annotated[
            str, strawberry.argument(description="The `record` of the claim, which the organization hands over.")
        ],
    ) -> SsoDomain:
        context = info.context
        return sso_domain(await confirm_domain(context.work, context.require_actor(), record, context.request_id))

    @mutation(
        "Finishes a single sign-on, in the browser that began it, and opens a session with a cookie. Whom the provider "
        "vouches for is a member already, or has a verified address in a verified domain of the organization.",
        None,
        audited="session.create",
        personal=True,
    )
    async def sso_callback(
        self,
        info: Info[Context, None],
        code: Annotated[str | None, strawberry.argument(description="The provider's code.")] = None,
        state: Annotated[str | None, strawberry.argument(description="What `ssoLogin` sent along.")] = None,
        iss: Annotated[str | None, strawberry.argument(description="The provider's name (RFC 9207).")] = None,
        error: Annotated[str | None, strawberry.argument(description="Why the provider refused.")] = None,
    ) -> SsoSignIn:
        context = info.context
        clear_transaction(context.response_headers)
        context.response_headers["Referrer-Policy"] = "no-referrer"
        finished = await context.sign_on.finish(context.transaction, Answer(state, code, iss, error))
        if context.cookie is not None:
            await context.sign_in.end_cookie(context.cookie)
        context.audit_details.update(means="sso", connection=finished.connection)
        made = opened(context, finished.made)
        return SsoSignIn(id=made.id, user_id=made.user_id, organization_id=made.organization_id, url=finished.return_to)
