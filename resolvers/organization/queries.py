"""Reading an organization as a whole: its settings, and how well it keeps its rules."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.clock import in_utc, now
from app.organization.compliance import ComplianceReport as Report
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.node import OwnOrganizationId
from resolvers.organization.types import (
    ComplianceReport,
    DriftPolicy,
    EnabledModels,
    OrganizationOverview,
    compliance_report,
    drift_policy,
    enabled_models,
    overview,
)

READ = Access(scope=Scope.ORGANIZATION, kind=Kind.READ)
AUDIT = Access(scope=Scope.AUDIT, kind=Kind.READ)
REPORTED = timedelta(days=30)
From = Annotated[
    datetime | None,
    strawberry.argument(name="from", description="Since when; UTC where no offset is given. 30 days by default."),
]
To = Annotated[datetime | None, strawberry.argument(description="Before when; now by default.")]


@strawberry.type
class OrganizationQueries:
    @query("Your organization: what it holds, what it may do, and how far your credential reaches.", READ)
    async def organization_overview(self, info: Info[Context, None]) -> OrganizationOverview:
        return overview(await info.context.own_organization.overview(), info.context.require_actor())

    @query("What your organization wants done about drift.", READ)
    async def drift_policy(self, info: Info[Context, None]) -> DriftPolicy:
        return drift_policy(await info.context.own_organization.drift_policy())

    @query(
        "How well your organization keeps its own rules: figures, each with the query behind it. Verifies the whole "
        "audit log, which takes about 50 µs an event.",
        AUDIT,
    )
    async def compliance_report(self, info: Info[Context, None], from_: From = None, to: To = None) -> ComplianceReport:
        context = info.context
        until = in_utc(to) or now()
        since = in_utc(from_) or until - REPORTED
        report = Report(context.work, context.product.audit.signer, context.product.tokens)
        return compliance_report(await report.take(since, until), await context.own_organization.drift_policy())

    @query("The models that your organization enables.", READ)
    async def organization_models(
        self, info: Info[Context, None], organization_id: OwnOrganizationId = None
    ) -> EnabledModels:
        info.context.own_organization.check(organization_id)
        return enabled_models(await info.context.own_organization.models())
