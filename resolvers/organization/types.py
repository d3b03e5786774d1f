"""What an organization as a whole looks like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.core.actor import Actor, CredentialKind, Role
from app.organization import compliance, models
from resolvers.identity.types import MemberRole, Plan

DriftAction = models.DriftAction
strawberry.enum(DriftAction, name="DriftAction", description="What follows from drift.")
DriftSeverity = models.DriftSeverity
strawberry.enum(DriftSeverity, name="DriftSeverity", description="How bad a drift is, least first.")
FigureUnit = compliance.FigureUnit
strawberry.enum(
    FigureUnit, name="FigureUnit", description="What a figure counts; BOOLEAN figures are 1 for yes and 0 for no."
)


@strawberry.type(description="How far the credential of this request reaches.")
class OrganizationScope:
    credential_kind: str = strawberry.field(description="`api_key`, `session`, `jwt` or `agent`.")
    role: MemberRole | None = strawberry.field(description="The member's role; null for an agent.")
    agent_id: strawberry.ID | None = strawberry.field(description="The agent that asks; null for a member.")
    scopes: list[str] = strawberry.field(description="What the credential is limited to; `*` for no limit.")
    operator: bool = strawberry.field(description="Whether it may also administer the installation.")


@strawberry.type(description="How much there is in an organization.")
class OrganizationCounts:
    members: int = strawberry.field(description="Its people.")
    agents: int = strawberry.field(description="Its agents, without the retired ones.")
    environments: int = strawberry.field(description="Its environments, without the terminated ones.")


@strawberry.type(description="What an organization may do at most.")
class OrganizationLimits:
    requests_per_minute: int | None = strawberry.field(
        description="Requests a minute for each REST API; null where the organization has set none of its own."
    )


@strawberry.type(description="An organization, what it holds, and how far the credential reaches.")
class OrganizationOverview:
    id: strawberry.ID = strawberry.field(description="The organization's id.")
    name: str = strawberry.field(description="Its name.")
    plan: Plan = strawberry.field(description="Its plan.")
    created_at: datetime = strawberry.field(description="When it was founded.")
    agents_enabled: bool = strawberry.field(description="Whether its agents may act: the kill switch.")
    version: int = strawberry.field(description="Counts the changes of name and plan.")
    scope: OrganizationScope = strawberry.field(description="How far the credential reaches.")
    counts: OrganizationCounts = strawberry.field(description="How much there is in it.")
    limits: OrganizationLimits = strawberry.field(description="What it may do at most.")


@strawberry.type(
    description="What is to follow from drift: an environment that is not what its Blueprint says any more. It applies "
    "to drift reports (`GET /v1/environments/{id}/deviations`); an installation that makes none does nothing by it."
)
class DriftPolicy:
    id: strawberry.ID = strawberry.field(description="The organization's id.")
    action: DriftAction = strawberry.field(
        description="Tell it, restore what the Blueprint says, or do nothing; ALERT by default."
    )
    severity_threshold: DriftSeverity = strawberry.field(description="Drift below it is ignored; MEDIUM by default.")
    schedule: int = strawberry.field(description="Minutes between two looks at an environment; 60 by default.")
    exemptions: list[str] = strawberry.field(
        description="Ids of environments and names of services that are left alone: 100 at most."
    )
    auto_remediate: bool = strawberry.field(
        description="Whether what the Blueprint says is restored without asking; only with the action REMEDIATE."
    )
    updated_at: datetime | None = strawberry.field(description="When it was changed; null while it is the default.")
    version: int = strawberry.field(description="Counts the changes; the ETag of REST.")


@strawberry.type(description="A language model that the organization lets be used.")
class EnabledModel:
    id: strawberry.ID = strawberry.field(description="As the provider calls it.")
    name: str = strawberry.field(description="As people call it.")
    provider: str = strawberry.field(description="Who offers it.")
    base_url: str = strawberry.field(description="Where it answers.")
    has_api_key: bool = strawberry.field(
        description="Whether an API key is kept for it; the key itself is never shown."
    )


@strawberry.type(description="The models that the organization enables: 50 at most.")
class EnabledModels:
    models: list[EnabledModel] = strawberry.field(
        description="In the organization's own order: the first is the default."
    )


@strawberry.type(description="A figure of the compliance report.")
class ComplianceFigure:
    name: str = strawberry.field(description="Stays the same from report to report.")
    value: float | None = strawberry.field(description="Null where there is nothing to have a share of.")
    unit: FigureUnit = strawberry.field(description="What it counts.")
    description: str = strawberry.field(description="What it means.")
    query: str = strawberry.field(
        description="GraphQL that yields the evidence behind it, page by page; it takes the access of its own fields."
    )


@strawberry.type(description="How well an organization keeps its own rules.")
class ComplianceReport:
    since: datetime = strawberry.field(name="from", description="From when on denials are counted.")
    until: datetime = strawberry.field(name="to", description="Until when denials are counted.")
    generated_at: datetime = strawberry.field(description="When the figures were taken.")
    figures: list[ComplianceFigure] = strawberry.field(description="The figures; each time the same ones.")
    drift_policy: DriftPolicy = strawberry.field(description="What the organization wants done about drift.")


def overview(record: models.Overview, actor: Actor) -> OrganizationOverview:
    """The record as GraphQL shows it to an actor."""
    return OrganizationOverview(
        id=strawberry.ID(record.id),
        name=record.name,
        plan=Plan(record.plan),
        created_at=record.created_at,
        agents_enabled=bool(record.agents_enabled),
        version=record.version,
        scope=OrganizationScope(
            credential_kind=str(actor.kind),
            role=None if actor.kind is CredentialKind.AGENT else Role(actor.role),
            agent_id=strawberry.ID(actor.agent_id) if actor.agent_id else None,
            scopes=sorted(actor.scopes),
            operator=actor.operator,
        ),
        counts=OrganizationCounts(members=record.members, agents=record.agents, environments=record.environments),
        limits=OrganizationLimits(requests_per_minute=record.requests_per_minute),
    )


def drift_policy(record: models.DriftPolicy) -> DriftPolicy:
    """The record as GraphQL shows it."""
    return DriftPolicy(
        id=strawberry.ID(record.organization_id),
        action=record.action,
        severity_threshold=record.severity_threshold,
        schedule=record.schedule,
        exemptions=record.exemptions,
        auto_remediate=bool(record.auto_remediate),
        updated_at=record.updated_at,
        version=record.version,
    )


def enabled_models(records: list[models.EnabledModel]) -> EnabledModels:
    """The records as GraphQL shows them."""
    return EnabledModels(
        models=[
            EnabledModel(
                id=strawberry.ID(each.id),
                name=each.name,
                provider=each.provider,
                base_url=each.base_url,
                has_api_key=bool(each.secrets),
            )
            for each in records
        ]
    )


def compliance_report(found: compliance.Compliance, policy: models.DriftPolicy) -> ComplianceReport:
    """The report as GraphQL shows it."""
    return ComplianceReport(
        since=found.since,
        until=found.until,
        generated_at=found.generated_at,
        figures=[
            ComplianceFigure(
                name=each.name, value=each.value, unit=each.unit, description=each.description, query=each.query
            )
            for each in found.figures
        ],
        drift_policy=drift_policy(policy),
    )
