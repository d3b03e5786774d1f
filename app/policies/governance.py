"""Decides calls: status, kill switch, denials, allowlists, approvals, and limits last."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from app.agents import repository as agents
from app.agents.models import Presented
from app.agents.service import check_active
from app.core.actor import Actor, Kind, Scope
from app.core.canonical import canonical_hash
from app.core.clock import Clock, now
from app.core.errors import InvalidRequest, NotFound, SoundstageError
from app.core.streams import Wakeups
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.identity.models import DefaultDecision, Organization
from app.policies import approvals, repository
from app.policies.call import Call, Usage
from app.policies.compiled import Compiled, Judgement, unruled
from app.policies.decisions import Decision
from app.policies.document import Metric
from app.policies.errors import AlreadySettled
from app.policies.limits import Limits, amount_of, limits_of, now_of, used_of, write_charges
from app.policies.meters import Meters
from app.policies.models import ApprovalStatus, Reservation, Verdict

COMPILED_KEPT = 1_000
RESERVATIONS_KEPT = timedelta(days=7)
DECISIONS_KEPT = timedelta(days=30)
MOST_TOKENS = 10**12


class CompiledPolicies:
    """The compiled policies of organizations, each at its revision; the longest unused ones are forgotten."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[tuple[int, DefaultDecision], Compiled]] = OrderedDict()

    async def of(self, work: UnitOfWork, revision: int, default: DefaultDecision) -> Compiled:
        """The policies at a revision or newer; compiled anew when the revision has changed."""
        organization_id = work.organization_id
        assert organization_id is not None
        known = self._kept.get(organization_id)
        if known is None or known[0] != (revision, default):
            policies = await work.all(repository.ACTIVE_POLICIES)
            known = self._kept[organization_id] = ((revision, default), Compiled(policies, default))
            while len(self._kept) > COMPILED_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(organization_id)
        return known[1]


@dataclass
class PolicyParts:
    """What policies need of the process: counts, compiled policies, and whom to wake for a decision."""

    meters: Meters = field(default_factory=Meters)
    compiled: CompiledPolicies = field(default_factory=CompiledPolicies)
    wakeups: Wakeups = field(default_factory=Wakeups)
    clock: Clock = now


@dataclass(frozen=True)
class Question:
    """What is asked: may this agent do this?"""

    action: str
    resources: tuple[str, ...] = ("",)
    kind: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage | None = None


class Governance:
    """Decides for the agents of an actor's organization. Writes are collected in the unit of work."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: PolicyParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    async def decide(self, agent_id: str, question: Question, *, consume: bool = True) -> Decision:
        """Decides a call. Without `consume` nothing is counted, reserved, used or asked for, and every reason told."""
        begin = time.perf_counter_ns()
        agent = await self._agent(agent_id)
        call = self._call(agent, agent_id, question)
        hashed = canonical_hash(dict(call.arguments))
        compiled = await self._compiled(agent)
        return await self._decide(agent, call, compiled, hashed, begin, consume)

    async def _decide(
        self, agent: Presented | None, call: Call, compiled: Compiled, hashed: str, begin: int, consume: bool
    ) -> Decision:
        judgement = _status(agent) or compiled.judge(call, explain=not consume)
        verdict, reasons, approval_id = judgement.verdict, judgement.reasons, ""
        if verdict is Verdict.ESCALATE:
            verdict, approval_id = await self._approval(call, hashed, judgement, consume)
        limits = limits_of(judgement.limits, call) if verdict is Verdict.ALLOW or not consume else Limits()
        used = await used_of(self.work, limits.charges)
        # From here to `take` nothing is awaited: what has room still has it when it is taken.
        refused = limits.refusals(self.parts.meters, used, now_of(call))
        if verdict is Verdict.ALLOW and any(place.enforced for place, _ in refused):
            verdict = Verdict.DENY
            self.work.discard()
        decision = Decision(
            call=call,
            verdict=verdict,
            reasons=[*reasons, *(place.reason(finding) for place, finding in refused)],
            policy_set_hash=compiled.hash,
            arguments_hash=hashed,
            took_microseconds=(time.perf_counter_ns() - begin) // 1_000,
            approval_id=approval_id,
            refusal=judgement.refusal,
            charges=tuple(limits.charges),
        )
        if verdict is Verdict.ALLOW and consume:
            limits.take(self.parts.meters, decision.id, now_of(call))
            write_charges(self.work, limits.charges, decision.reasons)
        return decision

    async def _approval(self, call: Call, hashed: str, judgement: Judgement, consume: bool) -> tuple[Verdict, str]:
        found = await approvals.approval_of(self.work, call, hashed)
        if found is not None and found.status is ApprovalStatus.APPROVED:
            if consume:
                approvals.use(self.work, found, call.at)
            return Verdict.ALLOW, found.id
        if found is None and consume:
            found = approvals.ask(self.work, call, hashed, judgement.approvals, self.actor.organization_id)
        return Verdict.ESCALATE, found.id if found is not None else ""

    async def check_agent(self, agent_id: str) -> None:
        """Raises what keeps the agent from acting, if anything does."""
        found = await self._agent(agent_id)
        if found is not None:
            check_active(found)

    def leave(self, decision: Decision) -> None:
        """The call is over: its place among the calls in flight is free."""
        self.parts.meters.flights.leave(decision.id)

    def reserve(self, decision: Decision) -> None:
        """Keeps what an allowed evaluation has reserved, to be settled by its id."""
        counters = {charge.key: {"metric": str(charge.metric), "amount": charge.amount} for charge in decision.charges}
        reservation = Reservation(
            id=decision.id,
            organization_id=self.actor.organization_id,
            agent_id=decision.call.agent_id,
            counters=counters,
            created_at=decision.call.at,
        )
        self.work.write(repository.ADD_RESERVATION, **reservation.__dict__)

    async def settle(self, decision_id: str, usage: Usage) -> Reservation:
        """Puts the real usage in the place of what was reserved, once; raises `NotFound` and `AlreadySettled`."""
        check_usage(usage)
        found = await self.work.one(repository.RESERVATION, id=decision_id)
        if found is None or (self.actor.agent_id and found.agent_id != self.actor.agent_id):
            raise NotFound()
        if not self.actor.agent_id:
            self.actor.require(Scope.POLICIES, Kind.WRITE)
        if found.settled_at is not None:
            raise AlreadySettled()
        settled = found.changed(settled_at=self.parts.clock())
        self.work.write(
            repository.SETTLE, expect=1, otherwise=AlreadySettled(), id=found.id, settled_at=settled.settled_at
        )
        for key, reserved in sorted(found.counters.items()):
            metric = Metric(reserved["metric"])
            difference = 0 if metric is Metric.CALLS else amount_of(metric, usage) - reserved["amount"]
            if difference:
                self.work.write(repository.ADJUST, key=key, amount=difference)
        self.work.after_commit(lambda: self.parts.meters.flights.leave(decision_id))
        return settled

    async def _agent(self, agent_id: str) -> Presented | None:
        if not agent_id:
            return None
        found = await self.work.one(agents.GOVERNED, id=agent_id)
        if found is None:
            raise NotFound()
        return found

    async def _compiled(self, agent: Presented | None) -> Compiled:
        sets: Presented | Organization | None = agent
        if sets is None:
            sets = await self.work.one(repository.ORGANIZATION)
        assert sets is not None
        return await self.parts.compiled.of(self.work, sets.policy_revision, sets.default_decision)

    def _call(self, agent: Presented | None, agent_id: str, question: Question) -> Call:
        known = {} if agent is None else {**agent.attributes, "id": agent.id, "name": agent.name}
        return Call(
            action=question.action,
            at=self.parts.clock(),
            agent_id=agent_id,
            kind=question.kind,
            resources=question.resources or ("",),
            arguments=question.arguments,
            attributes={**question.attributes, "agent": known},
            usage=question.usage,
        )


def _status(agent: Presented | None) -> Judgement | None:
    """The refusal of an agent that may not act at all."""
    if agent is None:
        return None
    try:
        check_active(agent)
    except SoundstageError as error:
        return Judgement(Verdict.DENY, [unruled(error.code.lower(), error.message)], [], [], error)
    return None


def check_usage(usage: Usage) -> None:
    """Raises `InvalidRequest` for what nobody can use."""
    if not (0 <= usage.tokens <= MOST_TOKENS and 0 <= usage.cost <= MOST_TOKENS / 1_000):
        raise InvalidRequest("Usage is tokens from 0 to 10^12 and a cost from 0 to 10^9.")


async def forget_old(database: Database, clock: Clock = now) -> None:
    """Marks what has expired, and removes counters, reservations and live decisions that nothing needs any more."""
    work, moment = UnitOfWork(database, None), clock()
    work.write(repository.EXPIRE_APPROVALS, moment=moment)
    work.write(repository.FORGET_COUNTERS, moment=moment - timedelta(days=1))
    work.write(repository.FORGET_RESERVATIONS, moment=moment - RESERVATIONS_KEPT)
    work.write(repository.FORGET_DECISIONS, moment=moment - DECISIONS_KEPT)
    await work.commit()
