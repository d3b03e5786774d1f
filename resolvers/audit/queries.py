"""Reading and proving the audit log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.audit import models, service
from app.audit.checking import check
from app.core.actor import Kind, Scope
from app.core.errors import InvalidRequest
from app.core.paging import page_size
from resolvers.access import Access, query
from resolvers.audit.types import (
    AuditCheckpoint,
    AuditConsistencyProof,
    AuditEvent,
    AuditInclusionProof,
    AuditPage,
    AuditResult,
    AuditVerification,
    checkpoint,
    consistency,
    event,
    inclusion,
    short,
    verification,
)
from resolvers.context import Context
from resolvers.node import After, Connection, Edge, First, PageInfo

AUDIT = Access(scope=Scope.AUDIT, kind=Kind.READ)
Size = Annotated[
    int | None, strawberry.argument(description="The checkpoint of exactly this size; the newest one without it.")
]


@strawberry.input(description="Which audit events: all that is given has to hold.")
class AuditEventFilter:
    agent_id: str | None = strawberry.field(default=None, description="Only what this agent did.")
    user_id: str | None = strawberry.field(default=None, description="Only what this member did.")
    action: str | None = strawberry.field(default=None, description="Only this action: `environment.create`.")
    resource: str | None = strawberry.field(default=None, description="Only what was done to this resource.")
    result: AuditResult | None = strawberry.field(default=None, description="Only what ended so.")
    from_: datetime | None = strawberry.field(
        name="from", default=None, description="Only since this time; UTC where no offset is given."
    )
    to: datetime | None = strawberry.field(
        default=None, description="Only before this time; UTC where no offset is given."
    )


Wanted = Annotated[AuditEventFilter | None, strawberry.argument(description="Which events; all without it.")]


@strawberry.type
class AuditQueries:
    @query("The organization's audit events, newest first.", AUDIT)
    async def audit_events(
        self, info: Info[Context, None], filter: Wanted = None, first: First = None, after: After = None
    ) -> Connection[AuditEvent]:
        context = info.context
        limit = page_size(first, context.largest_page)
        page = await context.audit.page(limit, _decoded(context, after), _filter(filter))
        cursors = [_cursor(context, found) for found in page.items]
        nodes = [event(found) for found in page.items]
        edges = [Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, nodes, strict=True)]
        where = PageInfo(
            has_next_page=page.has_more,
            has_previous_page=after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )
        return Connection(edges=edges, nodes=nodes, page_info=where)

    @query("The organization's audit events in short, newest first: what `GET /v1/audit` of SURADAR answers.", AUDIT)
    async def audit_page(
        self, info: Info[Context, None], filter: Wanted = None, first: First = None, after: After = None
    ) -> AuditPage:
        context = info.context
        limit = page_size(first, context.largest_page)
        page = await context.audit.page(limit, _decoded(context, after), _filter(filter))
        cursor = _cursor(context, page.items[-1]) if page.has_more else None
        return AuditPage(events=[short(found) for found in page.items], has_more=page.has_more, cursor=cursor)

    @query("A signed checkpoint of the audit log; null before the first, and for a size at which none was kept.", AUDIT)
    async def audit_checkpoint(self, info: Info[Context, None], size: Size = None) -> AuditCheckpoint | None:
        found = await info.context.proofs.checkpoint(size)
        return checkpoint(found) if found is not None else None

    @query("Proof that an audit event is in the log, as far as a checkpoint signs for it.", AUDIT)
    async def audit_inclusion_proof(
        self,
        info: Info[Context, None],
        event_id: Annotated[strawberry.ID, strawberry.argument(description="The event's id.")],
        size: Size = None,
    ) -> AuditInclusionProof:
        return inclusion(await info.context.proofs.inclusion(event_id, size))

    @query("Proof that the log of one size is the beginning of the log of another.", AUDIT)
    async def audit_consistency_proof(
        self,
        info: Info[Context, None],
        from_: Annotated[int, strawberry.argument(name="from", description="The older size: 1 or more.")],
        to: Annotated[int, strawberry.argument(description="The newer size, up to that of the newest checkpoint.")],
    ) -> AuditConsistencyProof:
        return consistency(await info.context.proofs.consistency(from_, to))

    @query(
        "Verifies the whole log as it is stored. It is the server's own word: export the log and verify it elsewhere "
        "for a stronger one. Takes about 50 µs an event.",
        AUDIT,
    )
    async def verify_audit_log(
        self,
        info: Info[Context, None],
        since: Annotated[
            str | None, strawberry.argument(description="A checkpoint's note that was kept elsewhere: it has to hold.")
        ] = None,
    ) -> AuditVerification:
        context = info.context
        organization_id = context.require_actor().organization_id
        return verification(await check(context.work, organization_id, context.product.audit.signer, since=since))


def _decoded(context: Context, after: str | None) -> int | None:
    return context.product.audit.cursors.decode(context.require_actor().organization_id, after)


def _cursor(context: Context, found: models.AuditEvent) -> str:
    return context.product.audit.cursors.encode(found.organization_id, found.sequence)


def _filter(given: AuditEventFilter | None) -> service.Filter:
    if given is None:
        return service.Filter()
    return service.Filter(
        agent_id=given.agent_id,
        user_id=given.user_id,
        action=given.action,
        resource=given.resource,
        result=given.result,
        since=_utc(given.from_),
        until=_utc(given.to),
    )


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise InvalidRequest(f"There is no such time as {moment.isoformat()} in UTC.") from error
