"""Policies, their immutable versions, what they count, and the approvals that they ask for."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Json, Moment


class PolicyScope(enum.StrEnum):
    """Whom a policy concerns. Lower ones only narrow."""

    ORG = "org"
    #: Agents whose metadata, or calls whose attributes, name this environment.
    ENVIRONMENT = "environment"
    #: Agents whose metadata has this `group`, this `team`, or has it among `groups`.
    GROUP = "group"
    AGENT = "agent"


class PolicyMode(enum.StrEnum):
    """Whether a policy is enforced."""

    ENFORCE = "enforce"
    #: Its decision is recorded, not enforced.
    MONITOR = "monitor"
    OFF = "off"


class PolicyStatus(enum.StrEnum):
    """Whether a policy is in use."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class Verdict(enum.StrEnum):
    """How a call is decided."""

    ALLOW = "allow"
    DENY = "deny"
    ESCALATE = "escalate"


class Policy(Record):
    """A set of rules for agents: its newest version."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    name: str
    description: str = ""
    scope: PolicyScope = Field(sa_type=Choice(PolicyScope))
    #: The environment, group or agent; empty for the whole organization.
    target: str = ""
    rules: list[dict[str, Any]] = Field(sa_type=Json)
    mode: PolicyMode = Field(sa_type=Choice(PolicyMode))
    status: PolicyStatus = Field(sa_type=Choice(PolicyStatus))
    version: int = 1
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class PolicyTable(Policy, table=True):
    __tablename__ = "policies"
    __table_args__ = (
        UniqueConstraint("organization_id", "name", name="policies_name"),
        Index("policies_of_organization", "organization_id", "id"),
    )


class PolicyVersion(Record):
    """A policy as it was from one change to the next. Never changed."""

    policy_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    organization_id: str
    name: str
    description: str
    scope: PolicyScope = Field(sa_type=Choice(PolicyScope))
    target: str
    rules: list[dict[str, Any]] = Field(sa_type=Json)
    mode: PolicyMode = Field(sa_type=Choice(PolicyMode))
    status: PolicyStatus = Field(sa_type=Choice(PolicyStatus))
    created_by: str
    created_at: datetime = Field(sa_type=Moment)


class PolicyVersionTable(PolicyVersion, table=True):
    __tablename__ = "policy_versions"


class Counter(Record):
    """What one rule has counted in one period."""

    organization_id: str = Field(primary_key=True)
    #: "<policy>/<rule>/<metric>/<period start>"
    key: str = Field(primary_key=True)
    #: Calls, tokens, or millionths of the currency.
    used: int = Field(sa_type=BigInteger)
    #: When the period is over and the row can go.
    expires_at: datetime = Field(sa_type=Moment)


class CounterTable(Counter, table=True):
    __tablename__ = "policy_counters"
    __table_args__ = (Index("policy_counters_expire", "expires_at"),)


class Reservation(Record):
    """What an allowed evaluation has reserved, until its usage is settled."""

    #: The decision's id.
    id: str = Field(primary_key=True)
    organization_id: str
    agent_id: str
    #: Counter key -> {"metric", "amount"}.
    counters: dict[str, Any] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=Moment)
    settled_at: datetime | None = Field(default=None, sa_type=Moment)


class ReservationTable(Reservation, table=True):
    __tablename__ = "policy_reservations"
    __table_args__ = (Index("policy_reservations_of_organization", "organization_id", "id"),)


class ApprovalStatus(enum.StrEnum):
    """Where an approval is in its life."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    #: The call that it was given for was made.
    USED = "used"


class Approval(Record):
    """A call that a person has to approve: bound to agent, action, resource and arguments; good for once."""

    id: str = Field(primary_key=True)
    organization_id: str
    agent_id: str
    action: str
    resource: str
    arguments_hash: str
    #: Without secrets; null where they are too large to show.
    arguments: dict[str, Any] | None = Field(default=None, sa_type=Json)
    policy_id: str
    policy_version: int
    status: ApprovalStatus = Field(sa_type=Choice(ApprovalStatus))
    decided_by: str = ""
    decided_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)


class ApprovalTable(Approval, table=True):
    __tablename__ = "approvals"
    __table_args__ = (
        Index("approvals_of_organization", "organization_id", "id"),
        Index("approvals_of_call", "organization_id", "agent_id", "arguments_hash"),
    )


class DecisionKind(enum.StrEnum):
    """What an item of the live decisions tells."""

    DENIED = "denied"
    ESCALATED = "escalated"
    #: A person approved, or refused, a call.
    APPROVED = "approved"
    REFUSED = "refused"


class DecisionEvent(Record):
    """A denial, a request for an approval, or its outcome; positions count up by one in each organization."""

    organization_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=BigInteger)
    kind: DecisionKind = Field(sa_type=Choice(DecisionKind))
    #: The audit event's id, or the approval's.
    event_id: str
    agent_id: str
    action: str
    resource: str
    reasons: list[dict[str, Any]] = Field(sa_type=Json)
    approval_id: str
    at: datetime = Field(sa_type=Moment)


class DecisionEventTable(DecisionEvent, table=True):
    __tablename__ = "policy_decisions"
    __table_args__ = (Index("policy_decisions_at", "at"),)
