"""What of an environment is announced to webhooks and automations."""

from __future__ import annotations

from typing import Any

from app.database.unit_of_work import UnitOfWork
from app.environments.models import Environment, EnvironmentStatus
from app.outbox.service import announce

_REACHED = {
    EnvironmentStatus.RUNNING: "environment.running",
    EnvironmentStatus.DEGRADED: "environment.degraded",
    EnvironmentStatus.FAILED: "environment.failed",
    EnvironmentStatus.STOPPED: "environment.stopped",
    EnvironmentStatus.TERMINATED: "environment.terminated",
}


def tell_created(work: UnitOfWork, environment: Environment) -> None:
    """Announces a new environment."""
    announce(work, "environment.created", _data(environment))


def tell_reached(work: UnitOfWork, before: Environment, after: Environment) -> None:
    """Announces a status that others act upon, once it is reached."""
    event_type = _REACHED.get(after.status)
    if event_type is not None and after.status is not before.status:
        announce(work, event_type, _data(after), organization_id=after.organization_id)


def _data(environment: Environment) -> dict[str, Any]:
    return {
        "id": environment.id,
        "name": environment.name,
        "status": environment.status,
        "reason": environment.reason,
        "message": environment.message,
        "createdBy": environment.created_by,
        "sessionId": environment.session_id,
    }
