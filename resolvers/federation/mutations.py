"""Registering, syncing and removing providers, and minting tokens for them."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.federation.types import FederatedToken, FederationMode, FederationProvider, federated_token, provider
from resolvers.node import Id

WRITE = Access(scope=Scope.FEDERATION, kind=Kind.WRITE)
ADMIN = Access(scope=Scope.FEDERATION, kind=Kind.ADMIN)


@strawberry.input(description="A provider to trust.")
class RegisterFederationProviderInput:
    name: str = strawberry.field(description="Its name: 1 to 100 characters.")
    issuer: str = strawberry.field(description="What its tokens name as `iss`: an http(s) address, to the letter.")
    jwks_url: str | None = strawberry.field(
        default=None, description="Where it publishes its keys; the issuer's `/federation/jwks` by default."
    )
    issuer_organization: str = strawberry.field(
        default="",
        description="Which of the issuer's organizations is trusted, as its tokens name it in `org_id`. Tokens with "
        "another one are refused; without this, all that name one. Every Soundstage names it.",
    )
    scopes: list[str] = strawberry.field(
        description="What its tokens may do at most, for example `environments:read`; never an admin's rights."
    )
    mode: FederationMode = strawberry.field(
        default=FederationMode.REQUIRE, description="Which signatures its tokens have to carry."
    )


@strawberry.input(description="A token to mint for another installation.")
class MintFederatedTokenInput:
    audience: str = strawberry.field(description="Who is to accept it: the `audience` of the provider record there.")
    scopes: list[str] = strawberry.field(description="What it may do there; your own credential has to have them.")
    lifetime_seconds: int = strawberry.field(default=300, description="How long it lives: 1 to 300 seconds.")


@strawberry.type
class FederationMutations:
    @mutation(
        "Mints a token for one call to another installation, signed with ES256 and ML-DSA-65. "
        "It acts there as yours within what is allowed there, once, and for five minutes at most.",
        WRITE,
        audited="federated_token.mint",
    )
    async def mint_federated_token(
        self,
        info: Info[Context, None],
        input: Annotated[MintFederatedTokenInput, strawberry.argument(description="The token to mint.")],
    ) -> FederatedToken:
        return federated_token(
            await info.context.federation.mint(
                audience=input.audience, wanted=input.scopes, lifetime_seconds=input.lifetime_seconds
            )
        )

    @mutation(
        "Trusts a provider: its tokens act in the organization within the given scopes. "
        "Its keys are fetched by the sync, or with its first token.",
        ADMIN,
        audited="federation_provider.register",
    )
    async def register_federation_provider(
        self,
        info: Info[Context, None],
        input: Annotated[RegisterFederationProviderInput, strawberry.argument(description="The provider.")],
    ) -> FederationProvider:
        made = info.context.federation.register(
            name=input.name,
            issuer=input.issuer,
            jwks_url=input.jwks_url,
            issuer_organization=input.issuer_organization,
            allowed=input.scopes,
            mode=input.mode,
        )
        return provider(made, info.context.product.federation)

    @mutation(
        "Fetches a provider's keys now. A failure is told in the provider, which keeps the keys that it had.",
        WRITE,
        audited="federation_provider.sync",
    )
    async def sync_federation_provider(self, info: Info[Context, None], id: Id) -> FederationProvider:
        return provider(await info.context.federation.sync(id), info.context.product.federation)

    @mutation(
        "Ends the trust in a provider: its tokens are refused from now on.",
        ADMIN,
        audited="federation_provider.remove",
    )
    async def remove_federation_provider(self, info: Info[Context, None], id: Id) -> FederationProvider:
        return provider(await info.context.federation.remove(id), info.context.product.federation)
