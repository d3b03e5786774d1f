"""Approvals: bound to agent, action, resource and arguments; given by people; good for one call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.core.actor import Actor
from app.core.clock import Clock, now, rfc3339
from app.core.errors import Forbidden, NotFound
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.core.streams import Wakeups
from app.database.unit_of_work import UnitOfWork
from app.outbox.service import announce as announce_to_others
from app.policies import document, repository
from app.policies.arguments import kept
from app.policies.call import Call
from app.policies.decisions import announce
from app.policies.errors import ApprovalDecided, ApprovalUsed
from app.policies.models import Approval, ApprovalStatus, DecisionKind
from app.policies.plans import Place


async def approval_of(work: UnitOfWork, call: Call, arguments_hash: str) -> Approval | None:
    """The approval of exactly this call: an approved one first, else one that is still asked for."""
    return await work.one(
        repository.APPROVALS_OF_CALL,
        agent_id=call.agent_id,
        action=call.action,
        resource=call.resource,
        arguments_hash=arguments_hash,
        moment=call.at,
    )


def use(work: UnitOfWork, approval: Approval, moment: datetime) -> None:
    """Uses an approval up in the transaction of the call; there `ApprovalUsed` where another call was faster."""
    work.write(
        repository.DECIDE_APPROVAL,
        expect=1,
        otherwise=ApprovalUsed(approvalId=approval.id),
        id=approval.id,
        seen=ApprovalStatus.APPROVED,
        moment=moment,
        status=ApprovalStatus.USED,
        decided_by=approval.decided_by,
        decided_at=approval.decided_at,
    )


def ask(work: UnitOfWork, call: Call, arguments_hash: str, asking: Sequence[Place], organization_id: str) -> Approval:
    """Asks people to approve a call."""
    first = asking[0]
    seconds = min(place.rule.ttl for place in asking if isinstance(place.rule, document.RequireApproval))
    approval = Approval(
        id=new_id("apr"),
        organization_id=organization_id,
        agent_id=call.agent_id,
        action=call.action,
        resource=call.resource,
        arguments_hash=arguments_hash,
        arguments=kept(call.arguments),
        policy_id=first.policy_id,
        policy_version=first.version,
        status=ApprovalStatus.PENDING,
        created_at=call.at,
        expires_at=call.at + timedelta(seconds=seconds),
    )
    work.write(repository.ADD_APPROVAL, **approval.__dict__)
    _tell(work, approval)
    return approval


def _tell(work: UnitOfWork, approval: Approval) -> None:
    data = {
        "id": approval.id,
        "agentId": approval.agent_id,
        "action": approval.action,
        "resource": approval.resource,
        "expiresAt": rfc3339(approval.expires_at),
    }
    announce_to_others(work, "approval.requested", data, organization_id=approval.organization_id)


class Approvals:
    """What people see and decide of their organization's approvals."""

    def __init__(self, work: UnitOfWork, actor: Actor, wakeups: Wakeups, clock: Clock = now) -> None:
        self.work, self.actor, self.wakeups, self.clock = work, actor, wakeups, clock

    async def find(self, approval_id: str) -> Approval | None:
        """One approval."""
        found = await self.work.one(repository.APPROVAL, id=approval_id)
        return None if found is None else self._present(found)

    async def page(self, limit: int, before: str | None) -> Page[Approval]:
        """Approvals from the newest on, in every status."""
        found = await self.work.all(repository.APPROVALS_BEFORE, before=before or NEWEST, limit=limit + 1)
        return Page([self._present(approval) for approval in found[:limit]], len(found) > limit)

    async def approve(self, approval_id: str) -> Approval:
        """Lets the agent make the call, once, before the approval expires."""
        return await self._decide(approval_id, ApprovalStatus.APPROVED, DecisionKind.APPROVED)

    async def deny(self, approval_id: str) -> Approval:
        """Refuses the call."""
        return await self._decide(approval_id, ApprovalStatus.DENIED, DecisionKind.REFUSED)

    async def _decide(self, approval_id: str, status: ApprovalStatus, kind: DecisionKind) -> Approval:
        if self.actor.agent_id:
            raise Forbidden("An agent cannot decide about approvals. Ask an owner or admin.")
        found = await self.find(approval_id)
        if found is None:
            raise NotFound()
        if found.status is status:
            return found
        if found.status is not ApprovalStatus.PENDING:
            raise ApprovalDecided(f"This approval is {found.status} already. Let the agent ask again.")
        moment = self.clock()
        decided = found.changed(status=status, decided_by=self.actor.user_id, decided_at=moment)
        self.work.write(
            repository.DECIDE_APPROVAL,
            expect=1,
            otherwise=ApprovalDecided(),
            id=found.id,
            seen=ApprovalStatus.PENDING,
            moment=moment,
            status=status,
            decided_by=decided.decided_by,
            decided_at=moment,
        )
        announce(
            self.work,
            self.wakeups,
            kind=kind,
            event_id=found.id,
            agent_id=found.agent_id,
            action=found.action,
            resource=found.resource,
            reasons=[],
            approval_id=found.id,
            at=moment,
        )
        return decided

    def _present(self, found: Approval) -> Approval:
        """The approval as it is now: what nobody used in time has expired."""
        waiting = found.status in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED)
        return found.changed(status=ApprovalStatus.EXPIRED) if waiting and found.expires_at <= self.clock() else found
