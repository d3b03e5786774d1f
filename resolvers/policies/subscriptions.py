"""Watching what policies refuse."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.errors import InvalidRequest
from app.policies.decisions import watch
from resolvers.access import Access, subscription
from resolvers.context import Context
from resolvers.environments.subscriptions import Resume
from resolvers.policies.types import DecisionEventKind, PolicyDecisionEvent, decision_event

#: The stream shows what agents did: that is the audit log's.
AUDIT = Access(scope=Scope.AUDIT, kind=Kind.READ)
_MARKS = (DecisionEventKind.GAP, DecisionEventKind.END)


@strawberry.type
class PolicySubscriptions:
    @subscription(
        "What policies deny and escalate, and what people decide about it: since `after`, then as it happens. Kept "
        "for 30 days.",
        AUDIT,
        shared=True,
    )
    async def policy_decisions(
        self,
        info: Info[Context, None],
        after: Resume = None,
        results: Annotated[
            list[DecisionEventKind] | None, strawberry.argument(description="Only these; all by default.")
        ] = None,
        follow: Annotated[bool, strawberry.argument(description="False: end with what is there (`caught_up`).")] = True,
    ) -> AsyncGenerator[PolicyDecisionEvent, None]:
        position = _position(after)
        shown_kinds = (*results, *_MARKS) if results else tuple(DecisionEventKind)
        context = info.context
        async for item in watch(context.governance().work, context.product.policies.wakeups, position, live=follow):
            shown = decision_event(item, position)
            position = int(shown.cursor)
            if shown.kind in shown_kinds:
                yield shown


def _position(after: str | None) -> int:
    if after is None:
        return 0
    if not after.isdecimal() or len(after) > 18:
        raise InvalidRequest("The cursor is not one that this API gave out. Leave it away to start anew.")
    return int(after)
