"""The audit log: one event for each mutation, policy decision and sign-in, in the same transaction as the change."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from app.audit.canonical import FORMAT
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
    #: SHA-256 over salt and personal data, which stand in `audit_personal` until they are erased; empty for none.
    personal_hash: str = Field(default="", sa_column_kwargs={"server_default": ""})
    #: Which fields the leaf covers: see canonical.py.
    format: int = Field(default=FORMAT, sa_column_kwargs={"server_default": str(FORMAT)})
    #: From 1, without gaps, in the order of the commits; assigned by the database. Its leaf is number `sequence - 1`.
    sequence: int = Field(default=0, sa_type=BigInteger)
    #: The hash over all fields above but `sequence`, in hex.
    leaf: str


class AuditEventTable(AuditEvent, table=True):
    __tablename__ = "audit_events"
    __table_args__ = (
        UniqueConstraint("organization_id", "sequence", name="audit_events_sequence"),
        Index("audit_events_by_user", "organization_id", "user_id", "sequence"),
        Index("audit_events_by_agent", "organization_id", "agent_id", "sequence"),
        Index("audit_events_by_action", "organization_id", "action", "sequence"),
        Index("audit_events_by_resource", "organization_id", "resource", "sequence"),
        Index("audit_events_by_result", "organization_id", "result", "sequence"),
        Index("audit_events_by_time", "organization_id", "created_at", "sequence"),
    )


class AuditLog(Record):
    """How long an organization's log is. Its row is locked by each transaction that appends."""

    organization_id: str = Field(primary_key=True)
    #: Events in the log.
    size: int = Field(sa_type=BigInteger)
    #: Events whose leaves stand in tiles.
    sealed: int = Field(sa_type=BigInteger)
    #: The size of the newest signed checkpoint.
    signed: int = Field(sa_type=BigInteger)


class AuditLogTable(AuditLog, table=True):
    __tablename__ = "audit_logs"


class AuditPersonal(Record):
    """An event's personal data. Erasing is removing this row: what is left is a hash that tells nothing."""

    event_id: str = Field(primary_key=True)
    organization_id: str
    #: Whom it is about.
    user_id: str
    #: 32 random bytes in hex: without them the hash of an address could be guessed.
    salt: str
    data: dict[str, str] = Field(sa_type=Json)


class AuditPersonalTable(AuditPersonal, table=True):
    __tablename__ = "audit_personal"
    __table_args__ = (Index("audit_personal_of_user", "organization_id", "user_id"),)


class AuditTile(Record):
    """Up to 256 hashes of the tree: see tiles.py."""

    organization_id: str = Field(primary_key=True)
    level: int = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_type=BigInteger)
    width: int
    hashes: bytes = Field(sa_type=LargeBinary)


class AuditTileTable(AuditTile, table=True):
    __tablename__ = "audit_tiles"


class AuditCheckpoint(Record):
    """A size and root of the tree, signed: see notes.py."""

    organization_id: str = Field(primary_key=True)
    size: int = Field(primary_key=True, sa_type=BigInteger)
    #: In hex.
    root: str
    note: str
    created_at: datetime = Field(sa_type=Moment)


class AuditCheckpointTable(AuditCheckpoint, table=True):
    __tablename__ = "audit_checkpoints"
    __table_args__ = (Index("audit_checkpoints_by_age", "created_at"),)
