"""Verifying who asks, and reading the installation's keys."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.errors import InvalidRequest
from app.tokens.jwk import KEY_TYPES
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.scalars import JsonWebKeySet
from resolvers.tokens.types import IdentityVerification, KeyFamily, SigningKey, signing_key, verification

ORGANIZATION = Access(scope=Scope.ORGANIZATION, kind=Kind.READ)
ADMINISTRATION = Access(scope=Scope.ADMINISTRATION, kind=Kind.READ)
_FAMILIES = {kty: family for family, kty in KEY_TYPES.items()}


@strawberry.type
class TokenQueries:
    @query("What the credential of this request proves: its signatures, and how far it reaches.", ORGANIZATION)
    async def verify_identity(self, info: Info[Context, None]) -> IdentityVerification:
        return verification(info.context.require_actor(), info.context.verified)

    @query("The public keys that this installation's tokens are verified with.", None)
    async def jwks(
        self,
        info: Info[Context, None],
        family: Annotated[
            KeyFamily | None, strawberry.argument(description="Only the keys of one family; both by default.")
        ] = None,
        kty: Annotated[
            str | None,
            strawberry.argument(description="The same as JOSE says it: `EC` for classical, `AKP` for post-quantum."),
        ] = None,
    ) -> JsonWebKeySet:
        if kty is not None and kty not in _FAMILIES:
            raise InvalidRequest(f"There are no keys of that type. Known are {', '.join(sorted(_FAMILIES))}.")
        return JsonWebKeySet(await info.context.product.tokens.jwks(_FAMILIES[kty] if kty else family))

    @query("The installation's signing keys, newest first, retired ones included: 200 at most.", ADMINISTRATION)
    async def signing_keys(self, info: Info[Context, None]) -> list[SigningKey]:
        return [signing_key(key) for key in await info.context.product.tokens.all()]
