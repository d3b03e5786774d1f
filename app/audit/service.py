"""Writes the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
    reasons: Sequence[Mapping[str, Any]] = (),
    policy_set_hash: str = "",
    arguments_hash: str = "",
    approval_id: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Adds an event to the transaction of the change that it tells of. `details` must hold no secrets."""
    event = AuditEvent(
        id=new_id("evt"),
        organization_id=actor.organization_id,
        user_id=actor.user_id,
        agent_id=actor.agent_id,
        credential_id=actor.credential_id,
        action=action,
        resource=resource,
        result=result,
        reasons=[dict(reason) for reason in reasons],
        policy_set_hash=policy_set_hash,
        arguments_hash=arguments_hash,
        approval_id=approval_id,
        details={**({"subject": actor.subject} if actor.subject else {}), **(details or {})},
        request_id=request_id,
        created_at=now(),
    )
    work.write(repository.ADD_EVENT, **event.__dict__)
    return event
