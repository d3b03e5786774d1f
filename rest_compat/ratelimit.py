"""Requests a minute, by organization and API; of nobody, by address."""

from __future__ import annotations

from app.core.actor import Actor
from app.limits.quotas import ENTERPRISE, Admission, Quota
from app.limits.service import too_many_requests
from resolvers.context import Context
from resolvers.rate_headers import rate_headers
from rest_compat.dialects import Dialect
from rest_compat.operations import RestOperation

#: What an orchestrator asks: to be refused here would look like a server that is down.
PROBES = frozenset({"liveness", "health", "readiness"})


def quota(dialect: Dialect, actor: Actor) -> Quota:
    """What the actor's organization may ask of one API."""
    return Quota(dialect.name, dialect.limits[actor.plan] or actor.requests_per_minute or ENTERPRISE)


def is_probe(operation: RestOperation) -> bool:
    """Whether an operation is never refused for its number."""
    return operation.access is None and operation.root_field in PROBES


async def admitted(operation: RestOperation, dialect: Dialect, context: Context) -> Admission | None:
    """Counts one request: what came of it, None where nobody is counted. Raises `RateLimited` for one too many."""
    limits = context.product.limits
    if context.actor is None and not is_probe(operation):
        await limits.admit_anonymous(context.client.address)
    return None if operation.access is None else await _counted(dialect, context)


async def admit(operation: RestOperation, dialect: Dialect, context: Context) -> dict[str, str]:
    """Counts one request: the headers of its answer. Raises `RateLimited`, with them, for one too many."""
    admission = await admitted(operation, dialect, context)
    return {} if admission is None else rate_headers(admission)


async def count(dialect: Dialect, context: Context) -> dict[str, str]:
    """Counts one request of the actor's organization: the headers of its answer. Raises `RateLimited`, with them."""
    return rate_headers(await _counted(dialect, context))


async def _counted(dialect: Dialect, context: Context) -> Admission:
    limits, actor = context.product.limits, context.require_actor()
    asked = await limits.organizations.take(actor.organization_id, quota(dialect, actor))
    if not asked.admitted:
        refused = too_many_requests(asked)
        refused.details["headers"] = rate_headers(asked)
        raise refused
    limits.usage.record_request(actor.organization_id)
    return asked
