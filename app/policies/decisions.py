"""What is decided about a call, and how it is told: to the caller, to the audit log, to those who watch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.audit import service as audit
from app.audit.models import AuditResult
from app.core.actor import Actor
from app.core.clock import now
from app.core.errors import SoundstageError
from app.core.ids import new_id
from app.core.streams import End, Gap, Items, Wakeups, follow
from app.database.unit_of_work import UnitOfWork
from app.policies import repository
from app.policies.arguments import kept
from app.policies.call import Call
from app.policies.errors import ApprovalRequired, PolicyDenied
from app.policies.limits import Charge
from app.policies.models import DecisionEvent, DecisionKind, PolicyMode, Verdict

RESULTS = {
    Verdict.ALLOW: AuditResult.ALLOWED,
    Verdict.DENY: AuditResult.DENIED,
    Verdict.ESCALATE: AuditResult.ESCALATED,
}
ITEMS_AT_ONCE = 200


@dataclass(frozen=True)
class Decision:
    """How a call was decided, and why."""

    call: Call
    verdict: Verdict
    reasons: list[dict[str, Any]]
    policy_set_hash: str
    arguments_hash: str
    took_microseconds: int
    approval_id: str = ""
    #: Set where the agent itself is refused, rather than the call.
    refusal: SoundstageError | None = None
    #: What is taken from budgets.
    charges: tuple[Charge, ...] = ()
    id: str = field(default_factory=lambda: new_id("dec"))

    @property
    def mode(self) -> PolicyMode:
        """`monitor` where policies in monitor mode alone had something to say."""
        monitored = bool(self.reasons) and all(reason["mode"] == "monitor" for reason in self.reasons)
        return PolicyMode.MONITOR if monitored else PolicyMode.ENFORCE

    def error(self) -> SoundstageError:
        """What the caller of a refused call gets."""
        if self.refusal is not None:
            return self.refusal
        if self.verdict is Verdict.ESCALATE:
            return ApprovalRequired(approvalId=self.approval_id, reasons=self.reasons)
        return PolicyDenied(reasons=self.reasons)

    def details(self) -> dict[str, Any]:
        """What a backtest needs to judge the call again, without secrets."""
        call = self.call
        found: dict[str, Any] = {"kind": call.kind} if call.kind else {}
        if call.usage is not None:
            found["usage"] = {"tokens": call.usage.tokens, "cost": call.usage.cost}
        if call.resources != ("",):
            found["resources"] = list(call.resources)
        arguments, attributes = kept(call.arguments), kept(call.attributes)
        if arguments is not None:
            found["arguments"] = arguments
        if attributes is not None:
            found["attributes"] = attributes
        return found


def record(
    work: UnitOfWork,
    actor: Actor,
    decision: Decision,
    *,
    request_id: str,
    wakeups: Wakeups,
    resource: str = "",
    details: dict[str, Any] | None = None,
    failed: SoundstageError | None = None,
) -> None:
    """Adds the audit event of a decision, and what watchers see of it, to the transaction."""
    result = AuditResult.FAILED if failed is not None else RESULTS[decision.verdict]
    more = {"error": failed.code} if failed is not None else {}
    event = audit.record(
        work,
        actor,
        action=decision.call.action,
        resource=decision.call.resource or resource,
        request_id=request_id,
        result=result,
        reasons=decision.reasons,
        policy_set_hash=decision.policy_set_hash,
        arguments_hash=decision.arguments_hash,
        approval_id=decision.approval_id,
        details={**decision.details(), **more, **(details or {})},
    )
    if result in (AuditResult.DENIED, AuditResult.ESCALATED):
        tell(work, wakeups, DecisionKind(str(result)), event.id, decision)


def tell(work: UnitOfWork, wakeups: Wakeups, kind: DecisionKind, event_id: str, decision: Decision) -> None:
    """Adds a denial or an escalation to the live decisions."""
    announce(
        work,
        wakeups,
        kind=kind,
        event_id=event_id,
        agent_id=decision.call.agent_id,
        action=decision.call.action,
        resource=decision.call.resource,
        reasons=decision.reasons,
        approval_id=decision.approval_id,
        at=now(),
    )


def announce(work: UnitOfWork, wakeups: Wakeups, *, kind: DecisionKind, at: datetime, **values: Any) -> None:
    """Adds an item to the live decisions, at the next position; wakes the watchers after the commit."""
    organization_id = work.organization_id
    assert organization_id is not None
    work.write(repository.NEXT_POSITION)
    work.write(repository.ADD_DECISION, kind=kind, at=at, **values)
    work.after_commit(lambda: wakeups.notify(organization_id))


async def watch(
    work: UnitOfWork, wakeups: Wakeups, after: int, *, live: bool
) -> AsyncIterator[tuple[int, DecisionEvent] | Gap | End]:
    """The live decisions behind a position, then those to come; without `live` to the last that is there."""
    assert work.organization_id is not None

    async def load(position: int) -> Items[DecisionEvent]:
        found = await work.all(repository.DECISIONS_AFTER, after=position, limit=ITEMS_AT_ONCE)
        over = None if live or len(found) == ITEMS_AT_ONCE else End("caught_up")
        return Items([(event.position, event) for event in found], over)

    async for item in follow(load, wakeups, work.organization_id, after):
        yield item
