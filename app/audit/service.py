"""Writes the audit log."""

from __future__ import annotations

from app.audit import repository
from app.audit.models import AuditEvent, AuditResult
from app.core.actor import Actor
from app.core.clock import now
from app.core.ids import new_id
from app.database.unit_of_work import UnitOfWork


def record(
    work: UnitOfWork,
    actor: Actor,
    *,
    action: str,
    resource: str,
    request_id: str,
    result: AuditResult = AuditResult.ALLOWED,
) -> AuditEvent:
    """Adds an event to the transaction of the change that it tells of."""
    event = AuditEvent(
        id=new_id("evt"),
        organization_id=actor.organization_id,
        user_id=actor.user_id,
        credential_id=actor.credential_id,
        action=action,
        resource=resource,
        result=result,
        request_id=request_id,
        created_at=now(),
    )
    work.write(repository.ADD_EVENT, **event.__dict__)
    return event
