"""What the audit log looks like in GraphQL."""

from __future__ import annotations

import base64
from datetime import datetime

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.audit import models, proofs
from app.audit.findings import FindingKind, Report
from app.audit.notes import origin_of
from app.core.streams import End, Gap
from resolvers.context import Context
from resolvers.environments.types import StreamEnd, StreamGap
from resolvers.node import Node
from resolvers.scalars import Timestamp

AuditResult = models.AuditResult
strawberry.enum(AuditResult, name="AuditResult", description="How an audited action ended.")
AuditFindingKind = FindingKind
strawberry.enum(AuditFindingKind, name="AuditFindingKind", description="What is wrong with an audit log.")


@strawberry.type(description="Who did what to which resource, and how it ended. Never changes.")
class AuditEvent(Node):
    sequence: int = strawberry.field(description="Its place in the organization's log: from 1, without gaps.")
    user_id: str | None = strawberry.field(description="The member who acted; null for an agent.")
    agent_id: str | None = strawberry.field(description="The agent that acted; null for people.")
    credential_id: str | None = strawberry.field(description="The credential; null before a sign-in.")
    action: str = strawberry.field(description="What was done: `environment.create`.")
    resource: str = strawberry.field(description="The id of what it was done to; empty where nothing was touched.")
    result: AuditResult = strawberry.field(description="How it ended.")
    reasons: JSON = strawberry.field(
        description="Why policies decided so: a list of `{policyId, version, ruleIndex, code, message}`."
    )
    policy_set_hash: str | None = strawberry.field(description="The exact set of policies that decided.")
    arguments_hash: str | None = strawberry.field(description="SHA-256 over the canonical arguments (RFC 8785).")
    approval_id: str | None = strawberry.field(description="The approval that it took.")
    request_id: str = strawberry.field(description="The request: the same as in its answer and in the server's log.")
    details: JSON = strawberry.field(description="What else is known; no secrets.")
    personal_hash: str | None = strawberry.field(
        description="SHA-256 over a salt and the personal data; stays when that is erased. Null where there was none."
    )
    leaf: str = strawberry.field(description="The event's leaf in the tree: SHA-256 in hex, over all of its fields.")
    created_at: datetime = strawberry.field(description="When it happened.")

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Personal data, such as an IP address; null where there is none, or none any more."
    )
    async def personal(self, info: Info[Context, None]) -> JSON | None:
        kept = await info.context.audit_personal.load(str(self.id)) if self.personal_hash else None
        return JSON(kept.data) if kept is not None else None


@strawberry.type(description="An audit event in short, as SURADAR documents it.")
class AuditRecord:
    id: strawberry.ID = strawberry.field(description="The event's id.")
    agent_id: str | None = strawberry.field(description="The agent that acted; null for people.")
    action: str = strawberry.field(description="What was done: `environment.create`.")
    resource: str = strawberry.field(description="The id of what it was done to; empty where nothing was touched.")
    result: AuditResult = strawberry.field(description="How it ended.")
    timestamp: Timestamp = strawberry.field(description="When it happened, to the second.")


@strawberry.type(description="A page of the audit log in short, newest first.")
class AuditPage:
    events: list[AuditRecord] = strawberry.field(description="The events.")
    has_more: bool = strawberry.field(description="Whether older ones follow.")
    cursor: str | None = strawberry.field(description="Continue behind this page with it; null at the end.")


@strawberry.type(
    description="The tree's size and root at a time, signed with ES256 and ML-DSA-65. Keep some elsewhere."
)
class AuditCheckpoint:
    origin: str = strawberry.field(description="The log's name: `soundstage/` and the organization's id.")
    size: int = strawberry.field(description="How many events it covers.")
    root: str = strawberry.field(description="The root of the Merkle tree (RFC 9162), in base64.")
    note: str = strawberry.field(description="All of it as a signed note (C2SP tlog-checkpoint): what to keep.")
    created_at: datetime = strawberry.field(description="When it was signed.")


@strawberry.type(description="Proves that an event is in the tree of a checkpoint (RFC 9162 §2.1.3).")
class AuditInclusionProof:
    event_id: strawberry.ID = strawberry.field(description="The event.")
    leaf: str = strawberry.field(description="Its leaf: SHA-256 over 0x00 and its fields in canonical JSON, in base64.")
    leaf_index: int = strawberry.field(description="The leaf's number, from 0: the event's sequence less one.")
    hashes: list[str] = strawberry.field(description="The hashes from the leaf up to the root, in base64.")
    checkpoint: AuditCheckpoint = strawberry.field(description="What it leads to.")


@strawberry.type(description="Proves that the log was only ever appended to between two sizes (RFC 9162 §2.1.4).")
class AuditConsistencyProof:
    from_size: int = strawberry.field(description="The older size …")
    from_root: str = strawberry.field(description="… and its root, in base64.")
    to_size: int = strawberry.field(description="The newer size …")
    to_root: str = strawberry.field(description="… and its root, in base64.")
    hashes: list[str] = strawberry.field(description="The hashes of the proof, in base64.")


@strawberry.type(description="One thing that is wrong with a log.")
class AuditFinding:
    kind: AuditFindingKind = strawberry.field(description="What is wrong.")
    message: str = strawberry.field(description="The same in a sentence.")
    sequence: int = strawberry.field(description="The first event concerned; 0 where it is about none.")
    last_sequence: int = strawberry.field(description="The last event concerned.")
    event_id: strawberry.ID | None = strawberry.field(description="The first event's id, where it is still there.")


@strawberry.type(description="What a verification of the whole log found.")
class AuditVerification:
    valid: bool = strawberry.field(description="Whether nothing is wrong.")
    events: int = strawberry.field(description="Events that were looked at.")
    signed_size: int = strawberry.field(description="How many of them signed checkpoints vouch for; 0 if not valid.")
    checkpoints: int = strawberry.field(description="Checkpoints whose signatures were verified.")
    findings: list[AuditFinding] = strawberry.field(description="What is wrong, 1,000 at most, by sequence.")
    warnings: list[str] = strawberry.field(description="What limits how far the result can be trusted.")


@strawberry.type(description="What an erasure removed from the audit log. All proofs stay valid.")
class AuditErasure:
    id: strawberry.ID = strawberry.field(description="The user whom it was about.")
    events: int = strawberry.field(description="How many events had personal data about the user.")


@strawberry.type(description="An event of a followed log, a gap, or the end: exactly one of the three.")
class AuditLogItem:
    cursor: str = strawberry.field(description="Resume behind this item with `after`: the event's sequence.")
    event: AuditEvent | None = strawberry.field(description="The event.")
    gap: StreamGap | None = strawberry.field(description="Set where events are missing in the log.")
    end: StreamEnd | None = strawberry.field(description="Set on the last item.")


def event(record: models.AuditEvent) -> AuditEvent:
    """The record as GraphQL shows it."""
    return AuditEvent(
        id=strawberry.ID(record.id),
        sequence=record.sequence,
        user_id=record.user_id or None,
        agent_id=record.agent_id or None,
        credential_id=record.credential_id or None,
        action=record.action,
        resource=record.resource,
        result=record.result,
        reasons=JSON(record.reasons),
        policy_set_hash=record.policy_set_hash or None,
        arguments_hash=record.arguments_hash or None,
        approval_id=record.approval_id or None,
        request_id=record.request_id,
        details=JSON(record.details),
        personal_hash=record.personal_hash or None,
        leaf=record.leaf,
        created_at=record.created_at,
    )


def short(found: models.AuditEvent) -> AuditRecord:
    """The record as SURADAR shows it."""
    return AuditRecord(
        id=strawberry.ID(found.id),
        agent_id=found.agent_id or None,
        action=found.action,
        resource=found.resource,
        result=found.result,
        timestamp=Timestamp(found.created_at),
    )


def checkpoint(record: models.AuditCheckpoint) -> AuditCheckpoint:
    """The record as GraphQL shows it."""
    return AuditCheckpoint(
        origin=origin_of(record.organization_id),
        size=record.size,
        root=_base64(bytes.fromhex(record.root)),
        note=record.note,
        created_at=record.created_at,
    )


def inclusion(proof: proofs.InclusionProof) -> AuditInclusionProof:
    """The proof as GraphQL shows it."""
    return AuditInclusionProof(
        event_id=strawberry.ID(proof.event.id),
        leaf=_base64(bytes.fromhex(proof.event.leaf)),
        leaf_index=proof.index,
        hashes=[_base64(part) for part in proof.hashes],
        checkpoint=checkpoint(proof.checkpoint),
    )


def consistency(proof: proofs.ConsistencyProof) -> AuditConsistencyProof:
    """The proof as GraphQL shows it."""
    return AuditConsistencyProof(
        from_size=proof.old_size,
        from_root=_base64(proof.old_root),
        to_size=proof.new_size,
        to_root=_base64(proof.new_root),
        hashes=[_base64(part) for part in proof.hashes],
    )


def verification(report: Report) -> AuditVerification:
    """The report as GraphQL shows it."""
    return AuditVerification(
        valid=report.valid,
        events=report.events,
        signed_size=report.signed_size,
        checkpoints=report.checkpoints,
        findings=[
            AuditFinding(
                kind=found.kind,
                message=found.message,
                sequence=found.sequence,
                last_sequence=found.last_sequence,
                event_id=strawberry.ID(found.event_id) if found.event_id else None,
            )
            for found in report.findings
        ],
        warnings=list(report.warnings),
    )


def log_item(item: tuple[int, models.AuditEvent] | Gap | End, position: int) -> AuditLogItem:
    """A stream item as GraphQL shows it; `position` is the last one that was seen."""
    if isinstance(item, tuple):
        return AuditLogItem(cursor=str(item[0]), event=event(item[1]), gap=None, end=None)
    if isinstance(item, Gap):
        gap = StreamGap(start=str(item.start), end=str(item.end))
        return AuditLogItem(cursor=str(item.end), event=None, gap=gap, end=None)
    return AuditLogItem(cursor=str(position), event=None, gap=None, end=StreamEnd(reason=item.reason))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
