"""An agent's calls of models: judged by the policies as `model.use`, with budgets charged by what was really used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.assistant.endpoints import Spent
from app.core.actor import Actor, Kind
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.policies import decisions
from app.policies.call import Usage
from app.policies.errors import PolicyDenied
from app.policies.governance import Governance, PolicyParts, Question
from app.policies.models import Verdict

ACTION = "model.use"
#: What is reserved for a call before it is known: a token is about four characters, and the answer is guessed.
CHARACTERS_A_TOKEN = 4
TOKENS_OF_ANSWER = 2_000


@dataclass(frozen=True)
class Meter:
    """Judges the calls of one answer. A person's are counted and not judged."""

    database: Database
    actor: Actor
    policies: PolicyParts
    model: str
    request_id: str

    @asynccontextmanager
    async def metered(self, messages: Sequence[Mapping[str, Any]], spent: Spent) -> AsyncIterator[None]:
        """The time of one call. Raises what refuses it; `spent` tells afterwards what it used."""
        if not self.actor.agent_id:
            yield
            return
        work = UnitOfWork(self.database, self.actor.organization_id)
        governance = Governance(work, self.actor, self.policies)
        decision = await self._admitted(governance, messages)
        try:
            yield
        finally:
            await governance.settle(decision.id, Usage(tokens=spent.tokens_in + spent.tokens_out))
            await work.commit()

    async def _admitted(self, governance: Governance, messages: Sequence[Mapping[str, Any]]) -> decisions.Decision:
        work = governance.work
        reserved = sum(len(str(message.get("content"))) for message in messages) // CHARACTERS_A_TOKEN
        asked = Question(
            action=ACTION,
            kind=str(Kind.WRITE),
            resources=(self.model,),
            usage=Usage(tokens=reserved + TOKENS_OF_ANSWER),
        )
        decision = await governance.decide(self.actor.agent_id, asked)
        if decision.verdict is Verdict.ALLOW:
            governance.reserve(decision)
        self._record(work, decision)
        try:
            await work.commit()
        except PolicyDenied:  # another call was faster, and took what was left of a limit
            governance.leave(decision)
            work.discard()
            raise
        if decision.verdict is not Verdict.ALLOW:
            raise decision.error()
        return decision

    def _record(self, work: UnitOfWork, decision: decisions.Decision) -> None:
        decisions.record(work, self.actor, decision, request_id=self.request_id, wakeups=self.policies.wakeups)
