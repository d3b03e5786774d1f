"""Agents: programs that act in an organization by a credential of their own, under its policies."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Json, Moment
from app.identity.models import DefaultDecision, Plan


class AgentStatus(enum.StrEnum):
    """Whether an agent may act."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class Agent(Record):
    """An enrolled program. The credential is shown once; only its SHA-256 is kept."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    name: str
    description: str = ""
    #: What policies ask for: {"team": "commerce", "environment": "production"}.
    #: Not called `metadata`, which SQLAlchemy keeps for itself.
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    scopes: list[str] = Field(sa_type=Json)
    status: AgentStatus = Field(sa_type=Choice(AgentStatus))
    hash: str
    #: The first characters of the credential, by which a person recognizes it.
    prefix: str
    #: The credential before the last rotation, valid until `previous_expires_at`.
    previous_hash: str | None = None
    previous_expires_at: datetime | None = Field(default=None, sa_type=Moment)
    #: The member who enrolled it.
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    last_active_at: datetime | None = Field(default=None, sa_type=Moment)
    version: int = 1


class AgentTable(Agent, table=True):
    __tablename__ = "agents"
    __table_args__ = (
        UniqueConstraint("organization_id", "name", name="agents_name"),
        UniqueConstraint("hash", name="agents_hash"),
        Index("agents_previous_hash", "previous_hash"),
        Index("agents_of_organization", "organization_id", "id"),
    )


class Presented(Agent):
    """An agent and what its organization sets: one row, read when a credential is presented and at each decision."""

    plan: Plan
    requests_per_minute: int | None
    agents_enabled: bool
    default_decision: DefaultDecision
    policy_revision: int
