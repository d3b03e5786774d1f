"""How the server is."""

from __future__ import annotations

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.errors import Unavailable
from app.observability.health import VERSION, Check
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.environments.types import EnvironmentStatus

ENVIRONMENTS = Access(scope=Scope.ENVIRONMENTS, kind=Kind.READ)


class NotReady(Unavailable):
    """The server cannot serve requests now."""

    code = "NOT_READY"


@strawberry.type(description="How a part of the server is.")
class HealthCheck:
    name: str = strawberry.field(description="The part: `database`, `engine`.")
    ok: bool = strawberry.field(description="Whether it answers.")
    message: str = strawberry.field(description="`ok`, or what is wrong.")


@strawberry.type(description="How the server is.")
class HealthReport:
    status: str = strawberry.field(description="`ok`, or `degraded` when a part does not answer.")
    version: str = strawberry.field(description="The server's version.")
    uptime_seconds: int = strawberry.field(description="Seconds since its start.")
    checks: list[HealthCheck] = strawberry.field(description="Its parts; empty for liveness, which asks nobody.")


@strawberry.type(description="How many environments are in a status.")
class StatusCount:
    status: EnvironmentStatus = strawberry.field(description="The status.")
    count: int = strawberry.field(description="How many of the organization's environments are in it.")


@strawberry.type(description="A summary of the server and the organization's environments.")
class StatusSummary:
    version: str = strawberry.field(description="The server's version.")
    uptime_seconds: int = strawberry.field(description="Seconds since its start.")
    environments: list[StatusCount] = strawberry.field(description="Counts by status; those with none are left out.")


@strawberry.type
class SystemQueries:
    @query("That the server is alive. Asks no part of it.", None)
    async def liveness(self, info: Info[Context, None]) -> HealthReport:
        return _report(info.context, [])

    @query("The server and its parts.", None)
    async def health(self, info: Info[Context, None]) -> HealthReport:
        return _report(info.context, await info.context.product.health.checks())

    @query("The server and its parts; raises `NOT_READY` when one does not answer.", None)
    async def readiness(self, info: Info[Context, None]) -> HealthReport:
        report = _report(info.context, await info.context.product.health.checks())
        failing = [f"{check.name}: {check.message}" for check in report.checks if not check.ok]
        if failing:
            raise NotReady(f"Not ready: {'; '.join(failing)}")
        return report

    @query("A summary of the server and the organization's environments.", ENVIRONMENTS)
    async def status_summary(self, info: Info[Context, None]) -> StatusSummary:
        health = info.context.product.health
        counts = await info.context.environments.counts()
        return StatusSummary(
            version=VERSION,
            uptime_seconds=int(health.uptime),
            environments=[StatusCount(status=status, count=count) for status, count in counts.items()],
        )


def _report(context: Context, checks: list[Check]) -> HealthReport:
    return HealthReport(
        status="ok" if all(check.ok for check in checks) else "degraded",
        version=VERSION,
        uptime_seconds=int(context.product.health.uptime),
        checks=[HealthCheck(name=check.name, ok=check.ok, message=check.message) for check in checks],
    )
