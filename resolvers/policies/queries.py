"""Reading policies and approvals, and asking what they would decide."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from app.policies import models
from app.policies.backtest import backtest as try_draft
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.node import After, Connection, First, Id, connection
from resolvers.policies.inputs import BacktestPolicyInput, CreatePolicyInput, ExplainDecisionInput, question
from resolvers.policies.types import (
    Approval,
    Policy,
    PolicyBacktest,
    PolicyDecision,
    PolicyVersion,
    approval,
    backtest,
    decision,
    policy,
    version,
)

READ = Access(scope=Scope.POLICIES, kind=Kind.READ)
#: A backtest shows what agents did: that is the audit log's.
AUDIT = Access(scope=Scope.AUDIT, kind=Kind.READ)


@strawberry.type
class PolicyQueries:
    @query("One policy; null where none with this id is visible to you.", READ)
    async def policy(self, info: Info[Context, None], id: Id) -> Policy | None:
        found = await info.context.policies.find(id)
        return policy(found) if found else None

    @query("The organization's policies, newest first, archived ones included.", READ)
    async def policies(self, info: Info[Context, None], first: First = None, after: After = None) -> Connection[Policy]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.policies.page(limit, decode_cursor(after))
        return connection(page, _id, policy, after)

    @query("A policy's versions, newest first.", READ)
    async def policy_versions(
        self, info: Info[Context, None], id: Id, first: First = None, after: After = None
    ) -> Connection[PolicyVersion]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.policies.versions(id, limit, decode_cursor(after))
        return connection(page, lambda found: str(found.version), version, after)

    @query("One approval; null where none with this id is visible to you.", READ)
    async def approval(self, info: Info[Context, None], id: Id) -> Approval | None:
        found = await info.context.approvals.find(id)
        return approval(found) if found else None

    @query("What people were asked to approve, newest first, in every status.", READ)
    async def approvals(
        self, info: Info[Context, None], first: First = None, after: After = None
    ) -> Connection[Approval]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.approvals.page(limit, decode_cursor(after))
        return connection(page, _approval_id, approval, after)

    @query(
        "How a call would be decided now, with every reason. Counts, reserves and asks for nothing.",
        READ,
        judged=False,
    )
    async def explain_decision(
        self,
        info: Info[Context, None],
        input: Annotated[ExplainDecisionInput, strawberry.argument(description="The call.")],
    ) -> PolicyDecision:
        actor = info.context.require_actor()
        agent_id = input.agent_id or actor.agent_id
        if actor.agent_id and agent_id != actor.agent_id:
            actor.require(Scope.POLICIES, Kind.WRITE)
        return decision(await info.context.governance().decide(agent_id, question(input), consume=False))

    @query("What a draft would have decided otherwise, of all that agents did in a span of time.", AUDIT)
    async def backtest_policy(
        self,
        info: Info[Context, None],
        input: Annotated[BacktestPolicyInput, strawberry.argument(description="The draft and the span.")],
    ) -> PolicyBacktest:
        context = info.context
        if input.replaces is not None:
            await context.policies.get(input.replaces)
        found = await try_draft(
            context.governance().work,
            draft(context, input.draft),
            input.replaces or "",
            _utc(input.from_),
            _utc(input.to),
            input.limit,
        )
        return backtest(found)


def draft(context: Context, given: CreatePolicyInput) -> models.Policy:
    """A policy that is not stored."""
    return context.policies.draft(
        given.name,
        given.rules,
        description=given.description or "",
        scope=given.scope,
        target=given.target or "",
        mode=given.mode,
    )


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _id(record: models.Policy) -> str:
    return record.id


def _approval_id(record: models.Approval) -> str:
    return record.id
