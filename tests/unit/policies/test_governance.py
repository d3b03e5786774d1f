"""Deciding with a database: budgets and rates under load, approvals, agents that may not act."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from app.agents.models import Agent
from app.agents.service import Agents
from app.core.errors import Conflict, Forbidden, SoundstageError
from app.core.ids import new_id
from app.core.streams import Wakeups
from app.database.changes import Database
from app.identity.models import DefaultDecision
from app.policies import repository
from app.policies.approvals import Approvals
from app.policies.call import Usage
from app.policies.decisions import Decision
from app.policies.errors import AlreadySettled, PolicyDenied
from app.policies.governance import Governance, PolicyParts, Question, forget_old
from app.policies.models import ApprovalStatus, PolicyMode, PolicyScope, Verdict
from app.policies.service import Policies
from tests.support.clock import MockClock
from tests.support.tenants import Tenant, found

pytestmark = pytest.mark.anyio

REFUND = Question("orders.refund", ("orders/1",), arguments={"amount": 5, "token": "t-1"})


class House:
    """An organization with an agent, and what decides for it."""

    def __init__(self, tenant: Tenant, clock: MockClock) -> None:
        self.tenant, self.clock, self.parts = tenant, clock, PolicyParts(clock=clock)
        self.agent: Agent

    async def policy(self, *rules: dict[str, Any], **fields: Any) -> Any:
        work = self.tenant.work()
        made = Policies(work, self.tenant.actor, self.clock).create(new_id("name"), list(rules), **fields)
        await work.commit()
        return made

    async def ask(self, question: Question = REFUND, *, consume: bool = True, agent_id: str | None = None) -> Decision:
        """One decision with its commit, as a mutation makes it."""
        work = self.tenant.work()
        governance = Governance(work, self.tenant.actor, self.parts)
        decision = await governance.decide(self.agent.id if agent_id is None else agent_id, question, consume=consume)
        if decision.verdict is Verdict.ALLOW and consume:
            governance.reserve(decision)
        try:
            await work.commit()
        except PolicyDenied as error:
            return replace(decision, verdict=Verdict.DENY, reasons=error.details.get("reasons", []))
        return decision

    async def verdict(self, question: Question = REFUND, **options: Any) -> Verdict:
        return (await self.ask(question, **options)).verdict

    async def verdicts(self, count: int, question: Question = REFUND) -> Counter[Verdict]:
        return Counter(await asyncio.gather(*(self.verdict(question) for _ in range(count))))

    def approvals(self) -> Approvals:
        return Approvals(self.tenant.work(), self.tenant.actor, Wakeups(), self.clock)

    async def approve(self, approval_id: str) -> None:
        approvals = self.approvals()
        await approvals.approve(approval_id)
        await approvals.work.commit()


@pytest.fixture
async def house(database: Database, clock: MockClock) -> House:
    made = House(await found(database), clock)
    work = made.tenant.work()
    metadata = {"team": "commerce", "environment": "production"}
    made.agent, _ = Agents(work, made.tenant.actor, clock).enrol("worker", metadata=metadata, scopes=["*"])
    await work.commit()
    return made


async def test_a_budget_is_exact_under_a_thousand_calls_at_once(house: House) -> None:
    made = await house.policy({"type": "budget", "metric": "calls", "limit": 137, "period": "month"})

    verdicts = await house.verdicts(1_000)

    [counter] = await house.tenant.work().all(repository.COUNTERS, keys=[f"{made.id}/0/calls/2026-04-01T00"])
    assert verdicts == {Verdict.ALLOW: 137, Verdict.DENY: 863}
    assert counter.used == 137


async def test_a_budget_holds_over_nodes_that_share_a_database(house: House) -> None:
    await house.policy({"type": "budget", "metric": "calls", "limit": 50, "period": "day"})
    other = House(house.tenant, house.clock)
    other.agent = house.agent

    one, two = await asyncio.gather(house.verdicts(100), other.verdicts(100))

    assert (one + two)[Verdict.ALLOW] == 50


async def test_a_rate_is_exact_under_a_thousand_calls_at_once(house: House) -> None:
    await house.policy({"type": "rate_limit", "max_requests_per_minute": 100})

    assert await house.verdicts(1_000) == {Verdict.ALLOW: 100, Verdict.DENY: 900}

    house.clock.forward(59.8)
    assert await house.verdict() is Verdict.DENY
    house.clock.forward(0.4)
    assert await house.verdicts(200) == {Verdict.ALLOW: 100, Verdict.DENY: 100}


async def test_a_burst_limits_each_second(house: House) -> None:
    await house.policy({"type": "rate_limit", "max_requests_per_minute": 100, "burst": 5})

    assert (await house.verdicts(20))[Verdict.ALLOW] == 5
    house.clock.forward(1.2)
    assert (await house.verdicts(20))[Verdict.ALLOW] == 5


async def test_what_another_rule_refuses_is_not_counted(house: House) -> None:
    limit = {"type": "rate_limit", "max_requests_per_minute": 1}
    await house.policy(
        limit,
        {"type": "budget", "metric": "calls", "limit": 1, "period": "day"},
        {"type": "action_denylist", "actions": ["users.*"]},
    )

    for _ in range(5):
        assert await house.verdict(Question("users.delete")) is Verdict.DENY

    assert await house.verdict() is Verdict.ALLOW
    assert await house.verdict() is Verdict.DENY


async def test_usage_is_reserved_and_settled(house: House) -> None:
    await house.policy({"type": "budget", "metric": "tokens", "limit": 1_000, "period": "day"})
    call = replace(REFUND, usage=Usage(tokens=600))
    first = await house.ask(call)
    assert await house.verdict(call) is Verdict.DENY

    governance = Governance(house.tenant.work(), house.tenant.actor, house.parts)
    await governance.settle(first.id, Usage(tokens=100))
    await governance.work.commit()

    assert await house.verdict(call) is Verdict.ALLOW
    with pytest.raises(AlreadySettled):
        await governance.settle(first.id, Usage(tokens=0))


async def test_money_is_counted_to_a_millionth(house: House) -> None:
    await house.policy({"type": "budget", "metric": "cost", "limit": 0.3, "period": "hour"})
    call = replace(REFUND, usage=Usage(cost=0.1))

    verdicts = [await house.verdict(call) for _ in range(4)]

    assert verdicts == [Verdict.ALLOW] * 3 + [Verdict.DENY]


async def test_a_budget_begins_anew_with_its_period(house: House) -> None:
    await house.policy({"type": "budget", "metric": "calls", "limit": 1, "period": "hour"})
    assert [await house.verdict(), await house.verdict()] == [Verdict.ALLOW, Verdict.DENY]

    house.clock.forward(3_600)

    assert await house.verdict() is Verdict.ALLOW


async def test_calls_in_flight_are_limited(house: House) -> None:
    await house.policy({"type": "concurrency", "max": 2})
    first, second = await house.ask(), await house.ask()
    assert await house.verdict() is Verdict.DENY

    Governance(house.tenant.work(), house.tenant.actor, house.parts).leave(first)

    assert await house.verdict() is Verdict.ALLOW
    assert second.verdict is Verdict.ALLOW


async def test_an_approval_is_bound_to_the_call_and_good_for_once(house: House) -> None:
    await house.policy({"type": "require_approval", "actions": ["orders.refund"]})
    asked = await house.ask()
    again = await house.ask()
    assert (asked.verdict, again.approval_id) == (Verdict.ESCALATE, asked.approval_id)
    await house.approve(asked.approval_id)

    for other in (
        replace(REFUND, arguments={"amount": 6, "token": "t-1"}),
        replace(REFUND, arguments={"amount": 5, "token": "t-2"}),
        replace(REFUND, resources=("orders/2",)),
    ):
        assert await house.verdict(other) is Verdict.ESCALATE
    verdicts = await house.verdicts(20)

    assert verdicts[Verdict.ALLOW] == 1
    assert (await house.approvals().find(asked.approval_id)).status is ApprovalStatus.USED  # type: ignore[union-attr]


async def test_an_approval_shows_no_secret(house: House) -> None:
    await house.policy({"type": "require_approval", "actions": ["*"]})

    shown = await house.approvals().find((await house.ask()).approval_id)

    assert shown is not None
    assert shown.arguments == {"amount": 5, "token": "***"}


async def test_an_approval_expires(house: House) -> None:
    await house.policy({"type": "require_approval", "actions": ["*"], "ttl": 60})
    asked = await house.ask()
    await house.approve(asked.approval_id)

    house.clock.forward(61)

    assert await house.verdict() is Verdict.ESCALATE
    assert (await house.approvals().find(asked.approval_id)).status is ApprovalStatus.EXPIRED  # type: ignore[union-attr]
    with pytest.raises(Conflict):
        await house.approvals().deny(asked.approval_id)


async def test_an_agent_decides_about_no_approval(house: House) -> None:
    await house.policy({"type": "require_approval", "actions": ["*"]})
    asked = await house.ask()
    agent = replace(house.tenant.actor, agent_id=house.agent.id)

    for decide in (Approvals.approve, Approvals.deny):
        with pytest.raises(Forbidden):
            await decide(Approvals(house.tenant.work(), agent, Wakeups(), house.clock), asked.approval_id)


async def test_a_denial_comes_before_an_approval(house: House) -> None:
    await house.policy({"type": "require_approval", "actions": ["*"]})
    await house.ask()
    await house.policy({"type": "action_denylist", "actions": ["orders.*"]})

    assert await house.verdict() is Verdict.DENY


async def test_a_suspended_agent_and_a_switched_off_one_are_denied(house: House) -> None:
    async def change(verb: Any) -> Decision:
        work = house.tenant.work()
        done = verb(Agents(work, house.tenant.actor, house.clock))
        if asyncio.iscoroutine(done):
            await done
        await work.commit()
        return await house.ask()

    suspended = await change(lambda agents: agents.suspend(house.agent.id))
    resumed = await change(lambda agents: agents.resume(house.agent.id))
    off = await change(lambda agents: agents.set_enabled(False))
    on = await change(lambda agents: agents.set_enabled(True))

    assert [found.reasons[0]["code"] for found in (suspended, off)] == ["agent_suspended", "agents_disabled"]
    assert resumed.verdict is on.verdict is Verdict.ALLOW
    assert isinstance(suspended.error(), SoundstageError)


async def test_monitoring_records_and_lets_pass(house: House) -> None:
    await house.policy(
        {"type": "action_denylist", "actions": ["orders.*"]},
        {"type": "require_approval", "actions": ["orders.*"]},
        {"type": "budget", "metric": "calls", "limit": 0, "period": "day"},
        {"type": "rate_limit", "max_requests_per_minute": 0},
        mode=PolicyMode.MONITOR,
    )

    decision = await house.ask()

    assert decision.verdict is Verdict.ALLOW
    assert decision.mode is PolicyMode.MONITOR
    codes = [reason["code"] for reason in decision.reasons]
    assert codes == ["action_denied", "approval_required", "budget_exhausted", "rate_limited"]


async def test_an_explanation_tells_everything_and_changes_nothing(house: House) -> None:
    await house.policy(
        {"type": "budget", "metric": "calls", "limit": 1, "period": "day"},
        {"type": "rate_limit", "max_requests_per_minute": 1},
    )

    for _ in range(5):
        assert await house.verdict(consume=False) is Verdict.ALLOW
    assert await house.verdict() is Verdict.ALLOW
    explained, decided = await house.ask(consume=False), await house.ask()

    assert explained.verdict is decided.verdict is Verdict.DENY
    assert {reason["code"] for reason in explained.reasons} == {"budget_exhausted", "rate_limited"}


async def test_scopes_say_whom_a_policy_concerns(house: House) -> None:
    denial = {"type": "action_denylist", "actions": ["*"]}
    for scope, target in (
        (PolicyScope.AGENT, "agt_other"),
        (PolicyScope.GROUP, "other"),
        (PolicyScope.ENVIRONMENT, "staging"),
    ):
        await house.policy(denial, scope=scope, target=target)
    assert await house.verdict() is Verdict.ALLOW

    assert await house.verdict(replace(REFUND, attributes={"environment": "staging"})) is Verdict.DENY
    for scope, target in ((PolicyScope.GROUP, "commerce"), (PolicyScope.AGENT, house.agent.id)):
        made = await house.policy(denial, scope=scope, target=target)
        assert await house.verdict() is Verdict.DENY
        await _archive(house, made.id)
        assert await house.verdict() is Verdict.ALLOW


async def test_a_caller_cannot_pose_as_another_agent(house: House) -> None:
    rule = {"type": "attribute_match", "where": {"attribute": "agent.team", "equals": "admins"}}
    await house.policy(rule)

    posing = replace(REFUND, attributes={"agent": {"team": "admins"}})

    assert await house.verdict(posing) is Verdict.DENY


async def test_the_default_decision_can_be_to_deny(house: House) -> None:
    work = house.tenant.work()
    Policies(work, house.tenant.actor, house.clock).set_default(DefaultDecision.DENY)
    await work.commit()
    assert await house.verdict() is Verdict.DENY

    await house.policy({"type": "action_allowlist", "actions": ["orders.*"]})

    assert await house.verdict() is Verdict.ALLOW


async def test_what_nothing_needs_is_forgotten(house: House) -> None:
    made = await house.policy({"type": "budget", "metric": "calls", "limit": 5, "period": "hour"})
    decision = await house.ask()

    house.clock.forward(40 * 24 * 3_600)
    await forget_old(house.tenant.database, house.clock)

    work = house.tenant.work()
    assert await work.all(repository.COUNTERS, keys=[f"{made.id}/0/calls/2026-04-17T12"]) == []
    assert await work.one(repository.RESERVATION, id=decision.id) is None


async def _archive(house: House, policy_id: str) -> None:
    work = house.tenant.work()
    await Policies(work, house.tenant.actor, house.clock).archive(policy_id)
    await work.commit()
