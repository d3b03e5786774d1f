"""Buying a plan."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from resolvers.access import Access, mutation
from resolvers.billing.types import Checkout, checkout
from resolvers.context import Context
from resolvers.identity.types import Plan

ADMIN = Access(scope=Scope.BILLING, kind=Kind.ADMIN)


@strawberry.input(description="What to buy.")
class StartCheckoutInput:
    plan: Plan = strawberry.field(description="PRO or ENTERPRISE.")
    success_url: str = strawberry.field(description="Where the buyer goes after paying: an http or https address.")
    cancel_url: str = strawberry.field(description="Where the buyer goes without paying.")


@strawberry.type
class BillingMutations:
    @mutation(
        "Begins to buy a plan at the billing provider. The plan changes once the provider tells that it is paid.",
        ADMIN,
        audited="billing.checkout",
    )
    async def start_checkout(
        self,
        info: Info[Context, None],
        input: Annotated[StartCheckoutInput, strawberry.argument(description="What to buy.")],
    ) -> Checkout:
        made = await info.context.billing.start_checkout(input.plan, input.success_url, input.cancel_url)
        return checkout(made)

    @mutation(
        "Does as if a checkout was paid, and changes the plan. Only where billing is simulated: with the provider "
        "`development`, and never in production; else `SIMULATION_OFF`.",
        ADMIN,
        audited="billing.simulate",
    )
    async def simulate_payment(
        self,
        info: Info[Context, None],
        checkout_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The checkout; the newest open one by default.")
        ] = None,
    ) -> Checkout:
        return checkout(await info.context.billing.simulate_success(checkout_id))
