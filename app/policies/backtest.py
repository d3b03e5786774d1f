"""Judges what agents did once more, as if a draft had been in force: which decisions would have been others?

Limits are counted anew over the events that are looked at, with the times that they had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.audit.models import AuditEvent, AuditResult
from app.core.errors import InvalidRequest
from app.database.unit_of_work import UnitOfWork
from app.identity.models import DefaultDecision
from app.policies import repository
from app.policies.call import Call, Usage
from app.policies.compiled import Compiled
from app.policies.limits import limits_of, now_of
from app.policies.meters import Meters
from app.policies.models import Policy, Verdict

MOST_EVENTS = 10_000

_VERDICTS = {
    AuditResult.ALLOWED: Verdict.ALLOW,
    AuditResult.FAILED: Verdict.ALLOW,
    AuditResult.DENIED: Verdict.DENY,
    AuditResult.ESCALATED: Verdict.ESCALATE,
}


@dataclass(frozen=True)
class Changed:
    """An event that the draft would have decided otherwise."""

    event: AuditEvent
    before: Verdict
    after: Verdict
    reasons: list[dict[str, Any]]


@dataclass(frozen=True)
class Backtest:
    """What a draft would have changed."""

    examined: int
    #: Events whose arguments were too large to keep, so that rules on arguments saw none.
    without_arguments: int
    #: Whether older events lie in the span, which were not looked at.
    truncated: bool
    counts: dict[Verdict, int]
    changed: list[Changed]


async def backtest(
    work: UnitOfWork, draft: Policy, replaces: str, begin: datetime, end: datetime, limit: int
) -> Backtest:
    """Judges the newest `limit` events of agents in the span by the active policies with the draft among them."""
    if not 1 <= limit <= MOST_EVENTS:
        raise InvalidRequest(f"A backtest looks at 1 to {MOST_EVENTS:,} events; {limit} were asked for.")
    if begin >= end:
        raise InvalidRequest("`from` has to be before `to`.")
    policies = [policy for policy in await work.all(repository.ACTIVE_POLICIES) if policy.id != replaces]
    organization = await work.one(repository.ORGANIZATION)
    default = organization.default_decision if organization is not None else DefaultDecision.ALLOW
    found = await work.all(repository.EVENTS_BETWEEN, begin=begin, end=end, limit=limit + 1)
    events = found[:limit][::-1]
    changed = list(_judge_again(Compiled([*policies, draft], default), events))
    return Backtest(
        examined=len(events),
        without_arguments=sum("arguments" not in event.details for event in events),
        truncated=len(found) > limit,
        counts=dict(Counter(item.after for item in changed)),
        changed=changed[::-1],
    )


def _judge_again(compiled: Compiled, events: Sequence[AuditEvent]) -> Iterator[Changed]:
    """The events, oldest first, that are decided otherwise now."""
    meters, used = Meters(), Counter[str]()
    for event in events:
        call, before = _call(event), _VERDICTS[event.result]
        judgement = compiled.judge(call, explain=True)
        after, reasons = judgement.verdict, judgement.reasons
        if after is Verdict.ESCALATE and before is Verdict.ALLOW and event.approval_id:
            after = Verdict.ALLOW  # it was approved, and would have been again
        if after is Verdict.ALLOW:
            limits = limits_of(judgement.limits, call)
            limits.flights.clear()  # how long a call was in flight is not known
            refused = limits.refusals(meters, used, now_of(call))
            reasons = [*reasons, *(place.reason(finding) for place, finding in refused)]
            if any(place.enforced for place, _ in refused):
                after = Verdict.DENY
            else:
                limits.take(meters, event.id, now_of(call))
                used.update({charge.key: charge.amount for charge in limits.charges})
        if after is not before:
            yield Changed(event, before, after, reasons)


def _call(event: AuditEvent) -> Call:
    details = event.details
    usage = details.get("usage")
    return Call(
        action=event.action,
        at=event.created_at,
        agent_id=event.agent_id,
        kind=details.get("kind", ""),
        resources=tuple(details.get("resources") or (event.resource,)),
        arguments=details.get("arguments") or {},
        attributes=details.get("attributes") or {},
        usage=Usage(usage["tokens"], usage["cost"]) if usage else None,
    )
