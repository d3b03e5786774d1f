"""Calls of agents, judged before they resolve. Every decision becomes exactly one audit event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from graphql import GraphQLError

from app.core.errors import SoundstageError
from app.database.unit_of_work import UnitOfWork
from app.policies import decisions
from app.policies.decisions import Decision
from app.policies.errors import PolicyDenied
from app.policies.governance import Governance, Question
from app.policies.models import Verdict
from resolvers.context import Context
from resolvers.plain import plain_arguments, resources_of

PUBLIC = "public"


@dataclass(frozen=True)
class Judging:
    """The judging of one call: the decision, and where its writes are collected."""

    context: Context
    governance: Governance
    decision: Decision

    @property
    def work(self) -> UnitOfWork:
        return self.governance.work

    def record(self, resource: str = "", failed: SoundstageError | None = None) -> None:
        """Adds the call's audit event to the transaction."""
        record(self.context, self.work, self.decision, resource=resource, failed=failed)

    async def refuse(self, error: PolicyDenied) -> None:
        """Records that the decision did not hold at its commit: another call was faster."""
        self.work.discard()
        reasons = error.details.get("reasons") or self.decision.reasons
        denied = replace(self.decision, verdict=Verdict.DENY, reasons=list(reasons))
        record(self.context, self.work, denied)
        await self.work.commit()

    async def fail(self, error: Exception) -> None:
        """Records that an allowed call failed."""
        self.work.discard()
        self.record(failed=_cause(error))
        await self.work.commit()


def is_judged(context: Context) -> bool:
    """Whether the actor is one whose calls policies judge."""
    return context.actor is not None and bool(context.actor.agent_id)


def question(action: str, kind: str, arguments: Mapping[str, Any]) -> Question:
    """What a call of a root field asks for."""
    given = plain_arguments(arguments)
    return Question(action=action, kind=kind, resources=resources_of(given), arguments=given)


@asynccontextmanager
async def judging(context: Context, asked: Question, work: UnitOfWork | None = None) -> AsyncIterator[Judging]:
    """Decides a call, and counts it as in flight while the block runs. Refused: records that, and raises."""
    governance = context.governance(work)
    decision = await governance.decide(context.require_actor().agent_id, asked)
    judged = Judging(context, governance, decision)
    if decision.verdict is not Verdict.ALLOW:
        judged.record()
        await judged.work.commit()
        raise decision.error()
    try:
        yield judged
    finally:
        governance.leave(decision)


async def admit(judged: Judging) -> None:
    """Records an allowed call that changes nothing, before it resolves."""
    judged.record()
    try:
        await judged.work.commit()
    except PolicyDenied as error:
        await judged.refuse(error)
        raise


def record(
    context: Context,
    work: UnitOfWork,
    decision: Decision,
    *,
    resource: str = "",
    failed: SoundstageError | None = None,
) -> None:
    """Adds the audit event of a decision to a transaction. Where somebody asked for an agent, it names both."""
    decisions.record(
        work,
        replace(context.require_actor(), agent_id=decision.call.agent_id),
        decision,
        request_id=context.request_id,
        wakeups=context.product.policies.wakeups,
        resource=resource,
        failed=failed,
    )


def _cause(error: Exception) -> SoundstageError:
    original: BaseException | None = error
    while isinstance(original, GraphQLError):
        original = original.original_error
    return original if isinstance(original, SoundstageError) else SoundstageError()
