"""Changing policies, deciding approvals, and evaluating calls."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.errors import Forbidden
from app.policies.models import Verdict
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.node import Id, IfVersion
from resolvers.policies.inputs import (
    CreatePolicyInput,
    EvaluatePolicyInput,
    UpdatePolicyInput,
    UsageInput,
    question,
    usage,
)
from resolvers.policies.types import (
    Approval,
    Default,
    Policy,
    PolicyDecision,
    PolicyMode,
    PolicySettings,
    SettledUsage,
    approval,
    decision,
    policy,
)

READ = Access(scope=Scope.POLICIES, kind=Kind.READ)
ADMIN = Access(scope=Scope.POLICIES, kind=Kind.ADMIN)


@strawberry.type
class PolicyMutations:
    @mutation("Makes a policy. It is in force at once.", ADMIN, audited="policy.create")
    async def create_policy(
        self,
        info: Info[Context, None],
        input: Annotated[CreatePolicyInput, strawberry.argument(description="The policy.")],
    ) -> Policy:
        if input.org_id not in (None, info.context.require_actor().organization_id):
            raise Forbidden("The credential does not belong to the organization in `org_id`.")
        made = info.context.policies.create(
            input.name,
            input.rules,
            description=input.description or "",
            scope=input.scope,
            target=input.target or "",
            mode=input.mode,
        )
        return policy(made)

    @mutation("Makes the next version of a policy.", ADMIN, audited="policy.update")
    async def update_policy(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[UpdatePolicyInput, strawberry.argument(description="What to change.")],
        if_version: IfVersion = None,
    ) -> Policy:
        changed = await info.context.policies.update(
            id,
            name=input.name,
            description=input.description,
            rules=input.rules,
            scope=input.scope,
            target=input.target,
            expected_version=if_version,
        )
        return policy(changed)

    @mutation("Enforces a policy, only records what it says, or switches it off.", ADMIN, audited="policy.set_mode")
    async def set_policy_mode(
        self,
        info: Info[Context, None],
        id: Id,
        mode: Annotated[PolicyMode, strawberry.argument(description="The mode.")],
    ) -> Policy:
        return policy(await info.context.policies.set_mode(id, mode))

    @mutation("Takes a policy out of use, for good.", ADMIN, audited="policy.archive")
    async def archive_policy(self, info: Info[Context, None], id: Id) -> Policy:
        return policy(await info.context.policies.archive(id))

    @mutation("What is decided for agents where no policy says anything.", ADMIN, audited="policy.set_default")
    async def set_default_decision(
        self,
        info: Info[Context, None],
        decision: Annotated[Default, strawberry.argument(description="`ALLOW`, or `DENY` what no policy allows.")],
    ) -> PolicySettings:
        info.context.policies.set_default(decision)
        organization_id = info.context.require_actor().organization_id
        return PolicySettings(id=strawberry.ID(organization_id), default_decision=decision)

    @mutation(
        "Lets an agent make the call that it asked for: once, unchanged, before the approval expires.",
        ADMIN,
        audited="approval.approve",
    )
    async def approve_request(self, info: Info[Context, None], id: Id) -> Approval:
        return approval(await info.context.approvals.approve(id))

    @mutation("Refuses a call that an agent asked for.", ADMIN, audited="approval.deny")
    async def deny_request(self, info: Info[Context, None], id: Id) -> Approval:
        return approval(await info.context.approvals.deny(id))

    @mutation(
        "Decides a call that is made elsewhere; the decision is counted, reserved and audited under the call's own "
        "action. For another agent than the one that asks, this takes `policies:write`.",
        READ,
        audited="*",
        judged=False,
    )
    async def evaluate_policy(
        self,
        info: Info[Context, None],
        input: Annotated[EvaluatePolicyInput, strawberry.argument(description="The call.")],
    ) -> PolicyDecision:
        context = info.context
        actor = context.require_actor()
        agent_id, asked = input.agent_id or actor.agent_id, question(input)
        if agent_id != actor.agent_id or not (actor.agent_id or input.dry_run):
            actor.require(Scope.POLICIES, Kind.WRITE)
        governance = context.governance(context.work)
        made = await governance.decide(agent_id, asked, consume=not input.dry_run)
        if not input.dry_run:
            context.decision = made
            if made.verdict is Verdict.ALLOW:
                governance.reserve(made)
        return decision(made)

    @mutation(
        "Tells what an evaluated call really used: takes the place of what was reserved, once. Takes "
        "`policies:write`, unless the agent itself tells it.",
        READ,
        audited="policy.settle",
        judged=False,
    )
    async def settle_usage(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, strawberry.argument(description="The decision's id.")],
        usage_: Annotated[UsageInput, strawberry.argument(name="usage", description="What was used.")],
    ) -> SettledUsage:
        found = await info.context.governance(info.context.work).settle(id, usage(usage_))
        assert found.settled_at is not None
        agent_id = strawberry.ID(found.agent_id) if found.agent_id else None
        return SettledUsage(id=strawberry.ID(found.id), agent_id=agent_id, settled_at=found.settled_at)
