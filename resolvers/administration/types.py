"""What the installation looks like to its operators."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.administration import models, service
from app.observability.health import VERSION
from resolvers.environments.types import EnvironmentStatus
from resolvers.identity.types import Plan


@strawberry.type(description="How many environments are in a status.")
class EnvironmentStatusCount:
    status: EnvironmentStatus = strawberry.field(description="The status.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(description="The installation now.")
class InstallationSummary:
    version: str = strawberry.field(description="The product's version.")
    uptime_seconds: float = strawberry.field(description="How long this server runs.")
    organizations: int = strawberry.field(description="Organizations.")
    users: int = strawberry.field(description="People.")
    agents: int = strawberry.field(description="Agents, without the retired ones.")
    environments: list[EnvironmentStatusCount] = strawberry.field(description="By status, terminated ones included.")
    answered_requests: int = strawberry.field(description="Requests that this server has answered since its start.")
    decisions: int = strawberry.field(description="Decisions of policies in the last 24 hours.")
    audit_events: int = strawberry.field(description="Events in all audit logs.")
    database_bytes: float = strawberry.field(description="The size of the database, in bytes.")


@strawberry.type(description="The installation at a time.")
class InstallationSample:
    at: datetime = strawberry.field(description="The minute of the step's last sample.")
    organizations: int = strawberry.field(description="Organizations.")
    users: int = strawberry.field(description="People.")
    agents: int = strawberry.field(description="Agents, without the retired ones.")
    environments: int = strawberry.field(description="Environments, without the terminated ones.")
    environments_running: int = strawberry.field(description="Environments that ran.")
    environments_failed: int = strawberry.field(description="Environments that had failed.")
    audit_events: int = strawberry.field(description="Events in all audit logs.")
    decisions: int = strawberry.field(description="Decisions of policies in the minutes of the step's samples.")
    database_bytes: float = strawberry.field(description="The size of the database, in bytes.")


@strawberry.type(description="How an organization is.")
class OrganizationHealth:
    id: strawberry.ID = strawberry.field(description="The organization's id.")
    name: str = strawberry.field(description="Its name.")
    plan: Plan = strawberry.field(description="Its plan.")
    environments: int = strawberry.field(description="Its environments, without the terminated ones.")
    failing_environments: int = strawberry.field(description="Those that are failed or degraded.")
    decisions: int = strawberry.field(description="Decisions of policies in the last 24 hours.")
    denied_share: float | None = strawberry.field(
        description="Which part of them were denials: 0 to 1; null without decisions."
    )
    unsigned_audit_events: int = strawberry.field(description="Audit events that no signed checkpoint covers yet.")
    last_activity_at: datetime | None = strawberry.field(description="When its newest audit event was written.")


def summary(found: service.Summary, uptime: float, requests: int) -> InstallationSummary:
    """The summary as GraphQL shows it."""
    return InstallationSummary(
        version=VERSION,
        uptime_seconds=round(uptime, 1),
        organizations=found.organizations,
        users=found.users,
        agents=found.agents,
        environments=[
            EnvironmentStatusCount(status=status, count=count) for status, count in found.environments.items()
        ],
        answered_requests=requests,
        decisions=found.decisions,
        audit_events=found.audit_events,
        database_bytes=float(found.database_bytes),
    )


def sample(record: models.Sample) -> InstallationSample:
    """The record as GraphQL shows it."""
    return InstallationSample(**{**record.__dict__, "database_bytes": float(record.database_bytes)})


def health(found: service.OrganizationHealth) -> OrganizationHealth:
    """The organization as GraphQL shows it."""
    return OrganizationHealth(
        id=strawberry.ID(found.id),
        name=found.name,
        plan=found.plan,
        environments=found.environments,
        failing_environments=found.failing,
        decisions=found.decisions,
        denied_share=round(found.denials / found.decisions, 4) if found.decisions else None,
        unsigned_audit_events=found.unsigned,
        last_activity_at=found.last_activity,
    )
