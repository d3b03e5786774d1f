"""Reading the installation as a whole; for operators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.administration.service import OrganizationHealth as Health
from app.billing.service import cost_key, cost_page
from app.core.actor import Kind, Scope
from app.core.clock import in_utc
from app.core.paging import decode_cursor, page_size
from resolvers.access import Access, query
from resolvers.administration.types import (
    InstallationSample,
    InstallationSummary,
    OrganizationHealth,
    health,
    sample,
    summary,
)
from resolvers.billing.types import CostRecord, cost_record
from resolvers.context import Context
from resolvers.node import After, Connection, First, connection
from resolvers.scalars import Duration

READ = Access(scope=Scope.ADMINISTRATION, kind=Kind.READ)


@strawberry.type
class AdministrationQueries:
    @query("The installation now: how much there is of everything.", READ)
    async def installation(self, info: Info[Context, None]) -> InstallationSummary:
        product = info.context.product
        return summary(await info.context.administration.summary(), product.health.uptime, product.answered())

    @query(
        "The installation's history, oldest first: at most 1,000 points. Samples are made each minute and kept for 30 "
        "days.",
        READ,
    )
    async def installation_history(
        self,
        info: Info[Context, None],
        from_: Annotated[
            datetime | None,
            strawberry.argument(name="from", description="Since when; 24 hours before `to` by default."),
        ] = None,
        to: Annotated[datetime | None, strawberry.argument(description="Before when; now by default.")] = None,
        step: Annotated[
            Duration | None,
            strawberry.argument(description="One point for so long: a minute or more; by default as many as fit."),
        ] = None,
    ) -> list[InstallationSample]:
        found = await info.context.administration.history(in_utc(from_), in_utc(to), step)
        return [sample(each) for each in found]

    @query("How organizations are, newest first.", READ)
    async def organizations_health(
        self, info: Info[Context, None], first: First = None, after: After = None
    ) -> Connection[OrganizationHealth]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.administration.health(limit, decode_cursor(after))
        return connection(page, _id, health, after)

    @query("What an organization used and what it costs, by month and metric, newest month first.", READ)
    async def organization_costs(
        self,
        info: Info[Context, None],
        organization_id: Annotated[strawberry.ID, strawberry.argument(description="Any organization's id.")],
        first: First = None,
        after: After = None,
    ) -> Connection[CostRecord]:
        limit = page_size(first, info.context.largest_page)
        work = await info.context.administration.work_of(organization_id)
        page = await cost_page(info.context.usages(work), limit, decode_cursor(after))
        return connection(page, cost_key, cost_record, after)


def _id(found: Health) -> str:
    return found.id
