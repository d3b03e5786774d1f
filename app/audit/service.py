"""Writes the audit log, reads it, and erases what it knows of a person."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack

from app.audit import repository
from app.audit.canonical import FORMAT, event_leaf, personal_hash, plain
from app.audit.cursors import Cursors
from app.audit.models import AuditEvent, AuditPersonal, AuditResult
from app.audit.signing import Signer
from app.core.actor import Actor
from app.core.clock import now
from app.core.ids import new_id
from app.core.paging import Page
from app.core.streams import End, Gap, Items, follow
from app.database.changes import Database
from app.database.statements import construct
from app.database.unit_of_work import UnitOfWork

#: What `Database.news` is told after an event was committed; also `audit:<organization id>`.
NEWS = "audit"
#: Beyond every sequence.
_END = 2**62
_BATCH = 200


class What(TypedDict, total=False):
    """What an event may tell beside who, what and to which resource."""

    result: AuditResult
    #: Why a policy decided so: [{policyId, version, ruleIndex, code, message}].
    reasons: Sequence[Mapping[str, Any]]
    policy_set_hash: str
    arguments_hash: str
    approval_id: str
    #: No secrets, and nothing personal: it can never be erased.
    details: Mapping[str, Any] | None
    #: Addresses and the like; kept apart, so that it can be erased.
    personal: Mapping[str, str] | None
    #: The user whom the personal data is about; who acted, by default.
    about: str


def record(
    work: UnitOfWork, actor: Actor, *, action: str, resource: str, request_id: str, **what: Unpack[What]
) -> AuditEvent:
    """Adds an event to the transaction of the change that it tells of. `details` must hold no secrets."""
    if actor.subject:
        what["details"] = {"subject": actor.subject, **(what.get("details") or {})}
    return record_for(
        work,
        organization_id=actor.organization_id,
        user_id=actor.user_id,
        agent_id=actor.agent_id,
        credential_id=actor.credential_id,
        action=action,
        resource=resource,
        request_id=request_id,
        **what,
    )


def record_for(
    work: UnitOfWork,
    *,
    organization_id: str,
    user_id: str = "",
    agent_id: str = "",
    credential_id: str = "",
    action: str,
    resource: str,
    request_id: str,
    **what: Unpack[What],
) -> AuditEvent:
    """The same where no actor is authenticated: sign-ins, and what the system does by itself."""
    event_id, personal = new_id("evt"), what.get("personal")
    kept = _keep_personal(work, event_id, organization_id, what.get("about") or user_id, personal) if personal else ""
    values: dict[str, Any] = {
        "id": event_id,
        "organization_id": organization_id,
        "user_id": user_id,
        "agent_id": agent_id,
        "credential_id": credential_id,
        "action": action,
        "resource": resource,
        "result": what.get("result", AuditResult.ALLOWED),
        "reasons": plain(what.get("reasons", ())),
        "policy_set_hash": what.get("policy_set_hash", ""),
        "arguments_hash": what.get("arguments_hash", ""),
        "approval_id": what.get("approval_id", ""),
        "details": plain(what.get("details") or {}),
        "request_id": request_id,
        "personal_hash": kept,
        "format": FORMAT,
        "created_at": now(),
    }
    event = construct(AuditEvent, {**values, "sequence": 0, "leaf": event_leaf(values).hex()})
    work.write(repository.LENGTHEN, organization_id=organization_id, size=1, sealed=0, signed=0)
    work.write(repository.ADD_EVENT, expect=1, **event.__dict__)
    work.after_commit(lambda: _tell(work.database, organization_id))
    return event


def _keep_personal(
    work: UnitOfWork, event_id: str, organization_id: str, user_id: str, personal: Mapping[str, str]
) -> str:
    """Keeps it beside the event; what the event holds of it."""
    kept = AuditPersonal(
        event_id=event_id,
        organization_id=organization_id,
        user_id=user_id,
        salt=secrets.token_hex(32),
        data=dict(personal),
    )
    work.write(repository.ADD_PERSONAL, **kept.__dict__)
    return personal_hash(kept.salt, kept.data)


def _tell(database: Database, organization_id: str) -> None:
    database.news.notify(NEWS)
    database.news.notify(f"{NEWS}:{organization_id}")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events; None lets all through."""

    agent_id: str | None = None
    user_id: str | None = None
    action: str | None = None
    resource: str | None = None
    result: AuditResult | None = None
    #: From this moment on …
    since: datetime | None = None
    #: … and before this one.
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What the audit log needs of the running product."""

    cursors: Cursors
    #: None: tiles are made, but no checkpoints.
    signer: Signer | None = None


class Audit:
    """An organization's log, as its members see it."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: Parts) -> None:
        self.work, self.parts, self.organization_id = work, parts, actor.organization_id

    async def page(self, limit: int, before: int | None, wanted: Filter | None = None) -> Page[AuditEvent]:
        """Events before a sequence, newest first."""
        given = {name: value for name, value in asdict(wanted or Filter()).items() if value is not None}
        query = repository.events_before(frozenset(given))
        found = await self.work.all(query, before=_END if before is None else before, limit=limit + 1, **given)
        return Page(found[:limit], len(found) > limit)

    async def event(self, event_id: str) -> AuditEvent | None:
        """One event."""
        return await self.work.one(repository.EVENT, id=event_id)

    async def personal(self, event_ids: list[str]) -> list[AuditPersonal | None]:
        """The personal data of each event; None where there is none, or none any more."""
        found = await self.work.all(repository.PERSONAL_OF_EVENTS, ids=event_ids)
        by_event = {kept.event_id: kept for kept in found}
        return [by_event.get(event_id) for event_id in event_ids]

    async def erase(self, user_id: str) -> int:
        """Removes the personal data about a user, for good; of how many events. Every proof stays valid."""
        [counted] = await self.work.all(repository.PERSONAL_COUNT, user_id=user_id)
        self.work.write(repository.ERASE_PERSONAL, user_id=user_id)
        return counted["count"]

    async def follow(self, after: int, *, waits: bool = True) -> AsyncIterator[tuple[int, AuditEvent] | Gap | End]:
        """Events after a sequence, oldest first; then those that come, if it `waits`."""

        async def load(position: int) -> Items[AuditEvent]:
            found = await self.work.all(repository.EVENTS_AFTER, after=position, limit=_BATCH)
            ended = not waits and len(found) < _BATCH
            return Items([(event.sequence, event) for event in found], End("newest") if ended else None)

        key = f"{NEWS}:{self.organization_id}"
        async for item in follow(load, self.work.database.news, key, after):
            yield item
