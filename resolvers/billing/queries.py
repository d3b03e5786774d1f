"""Reading usage, prices and costs."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.billing.rates import RATE_CARDS
from app.billing.service import cost_key, cost_page, organization_of
from app.core.actor import Kind, Scope
from app.core.clock import now
from app.core.paging import decode_cursor, page_size
from app.usage.periods import Period
from resolvers.access import Access, query
from resolvers.billing.types import (
    BillingOverview,
    CostRecord,
    OrganizationUsage,
    RateCard,
    UsageSummary,
    billing_overview,
    cost_record,
    organization_usage,
    period_or_present,
    rate_card,
    usage_summary,
)
from resolvers.context import Context
from resolvers.node import After, Connection, First, OwnOrganizationId, connection

ORGANIZATION = Access(scope=Scope.ORGANIZATION, kind=Kind.READ)
READ = Access(scope=Scope.BILLING, kind=Kind.READ)


@strawberry.type
class BillingQueries:
    @query("What your organization used in a month, as its audit log tells.", ORGANIZATION)
    async def usage(
        self,
        info: Info[Context, None],
        period: Annotated[
            str | None, strawberry.argument(description="A month, in UTC: `2026-11`; the present one by default.")
        ] = None,
    ) -> UsageSummary:
        return usage_summary(await info.context.usages().of(period_or_present(period, now())))

    @query("Plan, usage, forecast, cost and savings of the present month.", READ)
    async def organization_usage(self, info: Info[Context, None]) -> OrganizationUsage:
        moment, context = now(), info.context
        used = await context.usages().of(Period.of(moment))
        return organization_usage(used, (await organization_of(context.work)).plan, moment)

    @query("Every rate card, oldest first: the last one that is valid already holds.", READ)
    async def billing_rates(self, info: Info[Context, None]) -> list[RateCard]:
        return [rate_card(card) for card in RATE_CARDS]

    @query("What your organization used and what it costs, by month and metric, newest month first.", READ)
    async def billing_usage(
        self, info: Info[Context, None], first: First = None, after: After = None
    ) -> Connection[CostRecord]:
        limit = page_size(first, info.context.largest_page)
        page = await cost_page(info.context.usages(), limit, decode_cursor(after))
        return connection(page, cost_key, cost_record, after)

    @query("Your organization's plan, subscription and cost.", READ)
    async def billing(self, info: Info[Context, None], organization_id: OwnOrganizationId = None) -> BillingOverview:
        context, moment = info.context, now()
        context.own_organization.check(organization_id)
        used = await context.usages().of(Period.of(moment))
        plan = (await organization_of(context.work)).plan
        provider = str(context.product.billing.provider.kind)
        return billing_overview(await context.billing.subscription(), provider, used, plan, moment)
