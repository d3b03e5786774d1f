"""What policies, decisions and approvals look like in GraphQL."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from app.core.streams import End, Gap
from app.identity.models import DefaultDecision
from app.policies import models
from app.policies.backtest import Backtest, Changed
from app.policies.decisions import Decision
from resolvers.environments.types import StreamEnd, StreamGap
from resolvers.node import Node
from resolvers.scalars import PolicyRule

PolicyScope = models.PolicyScope
strawberry.enum(PolicyScope, name="PolicyScope", description="Whom a policy concerns. Lower scopes only narrow.")
PolicyMode = models.PolicyMode
strawberry.enum(PolicyMode, name="PolicyMode", description="Whether a policy is enforced, only recorded, or off.")
PolicyStatus = models.PolicyStatus
strawberry.enum(PolicyStatus, name="PolicyStatus", description="Whether a policy is in use.")
ApprovalStatus = models.ApprovalStatus
strawberry.enum(ApprovalStatus, name="ApprovalStatus", description="Where an approval is in its life.")
DecisionVerdict = models.Verdict
strawberry.enum(
    DecisionVerdict, name="DecisionVerdict", description="How a call is decided; `ESCALATE`: a person has to approve."
)
Default = DefaultDecision
strawberry.enum(Default, name="DefaultDecision", description="What is decided where no policy says anything.")


@strawberry.enum(description="What an item of the live decisions tells.")
class DecisionEventKind(enum.StrEnum):
    DENIED = "denied"
    ESCALATED = "escalated"
    APPROVED = "approved"
    REFUSED = "refused"
    GAP = "gap"
    END = "end"


@strawberry.type(description="Rules for agents. Each change makes a new version; versions never change.")
class Policy(Node):
    name: str = strawberry.field(description="Unique in the organization, archived policies included.")
    description: str = strawberry.field(description="What it is for.")
    scope: PolicyScope = strawberry.field(description="Whom it concerns.")
    target: str = strawberry.field(description="The environment, group or agent; empty for the organization.")
    rules: list[PolicyRule] = strawberry.field(description="The rules, in their order.")
    mode: PolicyMode = strawberry.field(description="Whether it is enforced.")
    status: PolicyStatus = strawberry.field(description="Whether it is in use.")
    version: int = strawberry.field(description="The newest version; the ETag of REST.")
    created_by: strawberry.ID = strawberry.field(description="Who made it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When its newest version was made.")


@strawberry.type(description="A policy as it was from one change to the next.")
class PolicyVersion:
    policy_id: strawberry.ID = strawberry.field(description="The policy.")
    version: int = strawberry.field(description="From 1.")
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(description="What it was for.")
    scope: PolicyScope = strawberry.field(description="Whom it concerned.")
    target: str = strawberry.field(description="The environment, group or agent; empty for the organization.")
    rules: list[PolicyRule] = strawberry.field(description="Its rules.")
    mode: PolicyMode = strawberry.field(description="Whether it was enforced.")
    status: PolicyStatus = strawberry.field(description="Whether it was in use.")
    created_by: strawberry.ID = strawberry.field(description="Who made this version.")
    created_at: datetime = strawberry.field(description="When this version was made.")


@strawberry.type(description="Why a rule refuses a call, or would refuse it.")
class DecisionReason:
    policy_id: strawberry.ID | None = strawberry.field(description="The policy; null where no policy decided.")
    policy_name: str = strawberry.field(description="Its name then.")
    version: int = strawberry.field(description="Its version then; 0 where no policy decided.")
    rule_index: int = strawberry.field(description="The rule in it, from 0.")
    code: str = strawberry.field(description="The kind of reason, for programs; `policy_error`: no rule could tell.")
    message: str = strawberry.field(description="The reason in a sentence.")
    mode: PolicyMode = strawberry.field(description="`MONITOR` where the reason was recorded, not enforced.")


@strawberry.type(description="How a call was decided, and why.")
class PolicyDecision:
    id: strawberry.ID = strawberry.field(description="For `settleUsage`, where the call was evaluated and allowed.")
    decision: DecisionVerdict = strawberry.field(description="How it was decided.")
    reasons: list[DecisionReason] = strawberry.field(
        description="The first refusal and what monitoring policies said; every reason in an explanation."
    )
    policy_set_hash: str = strawberry.field(
        description="SHA-256 over the canonical form (RFC 8785) of all active policies: exactly what decided."
    )
    mode: PolicyMode = strawberry.field(description="`MONITOR` where only monitoring policies had reasons.")
    took_microseconds: int = strawberry.field(description="How long deciding took.")
    approval_id: strawberry.ID | None = strawberry.field(
        description="The approval that was used, or that a person has to give."
    )


@strawberry.type(description="A call that a person has to approve: bound to its arguments, good for once.")
class Approval(Node):
    agent_id: strawberry.ID = strawberry.field(description="The agent that asks.")
    action: str = strawberry.field(description="What it wants to do …")
    resource: str = strawberry.field(description="… to what; empty where the call names nothing.")
    arguments: JSON | None = strawberry.field(
        description="The arguments, `***` for what sounds secret; null where they are over 8 KiB."
    )
    arguments_hash: str = strawberry.field(description="SHA-256 over the canonical arguments, the secret ones too.")
    policy_id: strawberry.ID = strawberry.field(description="The policy that asks for it …")
    policy_version: int = strawberry.field(description="… in this version.")
    status: ApprovalStatus = strawberry.field(description="Where it is in its life.")
    decided_by: strawberry.ID | None = strawberry.field(description="Who decided; null while nobody has.")
    decided_at: datetime | None = strawberry.field(description="When; null while nobody has.")
    created_at: datetime = strawberry.field(description="When the agent asked.")
    expires_at: datetime = strawberry.field(description="When it ends, used or not.")


@strawberry.type(description="A denial, an escalation or its outcome; a gap; or the end.")
class PolicyDecisionEvent:
    cursor: str = strawberry.field(description="Resume behind this item with `after`.")
    kind: DecisionEventKind = strawberry.field(description="What the item tells.")
    agent_id: strawberry.ID | None = strawberry.field(description="The agent; null where nobody asked for one.")
    action: str = strawberry.field(description="What it wanted to do.")
    resource: str = strawberry.field(description="To what.")
    reasons: list[DecisionReason] = strawberry.field(description="Why.")
    approval_id: strawberry.ID | None = strawberry.field(description="The approval that the item is about.")
    at: datetime | None = strawberry.field(description="When it happened.")
    gap: StreamGap | None = strawberry.field(description="Set on a gap.")
    end: StreamEnd | None = strawberry.field(description="Set on the last item.")


@strawberry.type(description="A stored event that a draft would have decided otherwise.")
class ChangedDecision:
    event_id: strawberry.ID = strawberry.field(description="The audit event.")
    agent_id: strawberry.ID = strawberry.field(description="The agent.")
    action: str = strawberry.field(description="What it did, or wanted to do.")
    resource: str = strawberry.field(description="To what.")
    at: datetime = strawberry.field(description="When.")
    before: DecisionVerdict = strawberry.field(description="How it was decided.")
    after: DecisionVerdict = strawberry.field(description="How the draft would decide it.")
    reasons: list[DecisionReason] = strawberry.field(description="Why.")


@strawberry.type(description="What a draft would have changed. Concurrency is not counted again.")
class PolicyBacktest:
    examined: int = strawberry.field(description="How many events were judged again.")
    without_arguments: int = strawberry.field(
        description="Events whose arguments were over 8 KiB: rules on arguments saw none."
    )
    truncated: bool = strawberry.field(description="Whether the span holds older events that were not looked at.")
    newly_allowed: int = strawberry.field(description="Refused then, allowed by the draft.")
    newly_denied: int = strawberry.field(description="Not denied then, denied by the draft.")
    newly_escalated: int = strawberry.field(description="Decided then, escalated by the draft.")
    changed: list[ChangedDecision] = strawberry.field(description="The changed ones, newest first; at most 1,000.")


@strawberry.type(description="An evaluation whose usage was settled.")
class SettledUsage:
    id: strawberry.ID = strawberry.field(description="The decision's id.")
    agent_id: strawberry.ID | None = strawberry.field(description="The agent; null where none was named.")
    settled_at: datetime = strawberry.field(description="When it was settled.")


@strawberry.type(description="What holds for all policies of the organization.")
class PolicySettings:
    id: strawberry.ID = strawberry.field(description="The organization's id.")
    default_decision: Default = strawberry.field(description="What is decided where no policy says anything.")


def policy(record: models.Policy) -> Policy:
    """The record as GraphQL shows it."""
    shown = {name: value for name, value in record.__dict__.items() if name != "organization_id"}
    return Policy(**shown)


def version(record: models.PolicyVersion) -> PolicyVersion:
    """The record as GraphQL shows it."""
    shown = {name: value for name, value in record.__dict__.items() if name != "organization_id"}
    return PolicyVersion(**shown)


def reason(found: dict[str, Any]) -> DecisionReason:
    """A stored reason as GraphQL shows it."""
    return DecisionReason(
        policy_id=_id(found["policyId"]),
        policy_name=found["policyName"],
        version=found["version"],
        rule_index=found["ruleIndex"],
        code=found["code"],
        message=found["message"],
        mode=PolicyMode(found["mode"]),
    )


def decision(made: Decision) -> PolicyDecision:
    """A decision as GraphQL shows it."""
    return PolicyDecision(
        id=strawberry.ID(made.id),
        decision=made.verdict,
        reasons=[reason(found) for found in made.reasons],
        policy_set_hash=made.policy_set_hash,
        mode=made.mode,
        took_microseconds=made.took_microseconds,
        approval_id=_id(made.approval_id),
    )


def approval(record: models.Approval) -> Approval:
    """The record as GraphQL shows it."""
    shown = {name: value for name, value in record.__dict__.items() if name != "organization_id"}
    return Approval(**{**shown, "decided_by": _id(record.decided_by)})


def decision_event(item: tuple[int, models.DecisionEvent] | Gap | End, position: int) -> PolicyDecisionEvent:
    """A stream item as GraphQL shows it; `position` is the last one that was seen."""
    if isinstance(item, tuple):
        position, event = item
        return PolicyDecisionEvent(
            cursor=str(position),
            kind=DecisionEventKind(event.kind),
            agent_id=_id(event.agent_id),
            action=event.action,
            resource=event.resource,
            reasons=[reason(found) for found in event.reasons],
            approval_id=_id(event.approval_id),
            at=event.at,
            gap=None,
            end=None,
        )
    gap = StreamGap(start=str(item.start), end=str(item.end)) if isinstance(item, Gap) else None
    return PolicyDecisionEvent(
        cursor=gap.end if gap is not None else str(position),
        kind=DecisionEventKind.GAP if gap is not None else DecisionEventKind.END,
        agent_id=None,
        action="",
        resource="",
        reasons=[],
        approval_id=None,
        at=None,
        gap=gap,
        end=StreamEnd(reason=item.reason) if isinstance(item, End) else None,
    )


#: Changed decisions that an answer shows.
MOST_SHOWN = 1_000


def backtest(found: Backtest) -> PolicyBacktest:
    """A backtest as GraphQL shows it."""
    return PolicyBacktest(
        examined=found.examined,
        without_arguments=found.without_arguments,
        truncated=found.truncated,
        newly_allowed=found.counts.get(models.Verdict.ALLOW, 0),
        newly_denied=found.counts.get(models.Verdict.DENY, 0),
        newly_escalated=found.counts.get(models.Verdict.ESCALATE, 0),
        changed=[_changed(item) for item in found.changed[:MOST_SHOWN]],
    )


def _changed(item: Changed) -> ChangedDecision:
    event = item.event
    return ChangedDecision(
        event_id=strawberry.ID(event.id),
        agent_id=strawberry.ID(event.agent_id),
        action=event.action,
        resource=event.resource,
        at=event.created_at,
        before=item.before,
        after=item.after,
        reasons=[reason(found) for found in item.reasons],
    )


def _id(value: str) -> strawberry.ID | None:
    return strawberry.ID(value) if value else None
