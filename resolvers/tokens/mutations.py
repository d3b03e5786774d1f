"""Rotating the installation's keys."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.database.unit_of_work import UnitOfWork
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.tokens.types import KeyFamily, SigningKey, signing_key

ADMINISTRATION = Access(scope=Scope.ADMINISTRATION, kind=Kind.WRITE)


@strawberry.type
class TokenMutations:
    @mutation(
        "Lets the next key of a family sign: at once if it has been published for 24 hours, else as soon as it has, "
        "so that no verifier meets a key that it does not know. Returns that key. Tokens of the former key are "
        "accepted until they expire. In an emergency: `soundstage keys revoke`.",
        ADMINISTRATION,
        audited="signing_key.rotate",
    )
    async def rotate_signing_key(
        self,
        info: Info[Context, None],
        family: Annotated[KeyFamily, strawberry.argument(description="Which family's key to replace.")],
    ) -> SigningKey:
        tokens, database = info.context.product.tokens, info.context.product.database
        system = UnitOfWork(database, None)
        key = tokens.rotation(system).rotate(await tokens.all(), family, tokens.clock())
        info.context.work.include(system)
        info.context.work.after_commit(tokens.changed)
        return signing_key(key)
