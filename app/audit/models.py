"""The audit log: one event for each mutation, policy decision and sign-in, in the same transaction as the change."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Json, Moment


class AuditResult(enum.StrEnum):
    """How the action ended."""

    ALLOWED = "allowed"
    DENIED = "denied"
    #: A policy asked for an approval first.
    ESCALATED = "escalated"
    #: It was allowed, and then failed; `details` tells the error's code.
    FAILED = "failed"


class AuditEvent(Record):
    """Who did what to which resource, and how it ended."""

    id: str = Field(primary_key=True)
    organization_id: str
    #: The member who acted; empty for an agent.
    user_id: str
    #: The agent that acted; empty for people.
    agent_id: str = Field(default="", sa_column_kwargs={"server_default": ""})
    credential_id: str
    #: `environment.create`
    action: str
    #: The id of what it was done to; empty when nothing was touched.
    resource: str
    result: AuditResult = Field(sa_type=Choice(AuditResult))
    #: Why a policy decided so: [{policyId, version, ruleIndex, code, message}].
    reasons: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json, sa_column_kwargs={"server_default": "[]"})
    #: The exact set of policies that decided; empty where none was asked.
    policy_set_hash: str = Field(default="", sa_column_kwargs={"server_default": ""})
    #: SHA-256 over the canonical arguments (RFC 8785); empty where none were judged.
    arguments_hash: str = Field(default="", sa_column_kwargs={"server_default": ""})
    approval_id: str = Field(default="", sa_column_kwargs={"server_default": ""})
    request_id: str
    #: What else is known: arguments without secrets, an error's code, the means of a sign-in.
    details: dict[str, Any] = Field(default_factory=dict, sa_type=Json, sa_column_kwargs={"server_default": "{}"})
    created_at: datetime = Field(sa_type=Moment)


class AuditEventTable(AuditEvent, table=True):
    __tablename__ = "audit_events"
    __table_args__ = (Index("audit_events_of_organization", "organization_id", "id"),)
