"""What follows from the provider's events, each processed once."""

from __future__ import annotations

from datetime import timedelta

from app.audit import service as audit
from app.billing import repository
from app.billing.errors import EventProcessed
from app.billing.models import BillingEvent, CheckoutStatus, Subscription
from app.billing.providers import BillingParts, Notice, Outcome
from app.billing.service import organization_of
from app.core.clock import now
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.identity.models import Plan

#: Providers send an event again for three days; Stripe lets it be sent by hand for thirty.
KEPT = timedelta(days=60)
PLAN_CHANGED = "billing.plan_change"


class Webhooks:
    """Takes events; belongs to no request's organization."""

    def __init__(self, database: Database, parts: BillingParts) -> None:
        self.database, self.parts = database, parts

    async def take(self, body: bytes, signature: str, request_id: str) -> bool:
        """Whether the event is new. Raises what `verify_webhook` raises."""
        notice = self.parts.provider.verify_webhook(body, signature)
        work = UnitOfWork(self.database, None)
        if await work.one(repository.EVENT, id=notice.id) is not None:
            return False
        organization_id = await self._apply(work, notice, request_id)
        event = BillingEvent(
            id=notice.id, organization_id=organization_id, type=notice.type, received_at=self.parts.clock()
        )
        work.write(repository.ADD_EVENT, otherwise=EventProcessed(), **event.__dict__)
        try:
            await work.commit()
        except EventProcessed:
            return False
        return True

    async def _apply(self, work: UnitOfWork, notice: Notice, request_id: str) -> str:
        """Whom it concerned; empty for nobody of ours."""
        if notice.outcome is Outcome.PAID:
            return await self._paid(work, notice, request_id)
        if notice.outcome in (Outcome.CHANGED, Outcome.ENDED):
            return await self._changed(work, notice, request_id)
        return ""

    async def _paid(self, work: UnitOfWork, notice: Notice, request_id: str) -> str:
        provider = self.parts.provider.kind
        checkout = await work.one(repository.CHECKOUT_BY_REFERENCE, provider=provider, reference=notice.checkout)
        if checkout is None or checkout.status is not CheckoutStatus.OPEN:
            return ""
        own = checkout.organization_id
        work.write(
            repository.COMPLETE_CHECKOUT,
            expect=1,
            organization_id=own,
            id=checkout.id,
            completed_at=self.parts.clock(),
        )
        if notice.subscription:
            made = Subscription(
                organization_id=own,
                provider=provider,
                customer=notice.customer,
                reference=notice.subscription,
                status=notice.status,
                updated_at=notice.at,
            )
            work.write(repository.PUT_SUBSCRIPTION, **made.__dict__)
        await self._set_plan(work, own, checkout.plan, notice, request_id)
        return own

    async def _changed(self, work: UnitOfWork, notice: Notice, request_id: str) -> str:
        found = await work.one(
            repository.SUBSCRIPTION_BY_REFERENCE,
            provider=self.parts.provider.kind,
            reference=notice.subscription,
        )
        if found is None or notice.at < found.updated_at:
            return ""
        changed = found.changed(status=notice.status, updated_at=notice.at)
        work.write(repository.PUT_SUBSCRIPTION, **changed.__dict__)
        plan = Plan.FREE if notice.outcome is Outcome.ENDED else notice.plan
        if plan is not None:
            await self._set_plan(work, found.organization_id, plan, notice, request_id)
        return found.organization_id

    async def _set_plan(
        self, work: UnitOfWork, organization_id: str, plan: Plan, notice: Notice, request_id: str
    ) -> None:
        before = (await organization_of(UnitOfWork(self.database, organization_id))).plan
        if before == plan:
            return
        work.write(repository.SET_PLAN, expect=1, organization_id=organization_id, new_plan=plan)
        audit.record_for(
            work,
            organization_id=organization_id,
            action=PLAN_CHANGED,
            resource=organization_id,
            request_id=request_id,
            details={"from": str(before), "to": str(plan), "event": notice.id},
        )


async def forget_old(database: Database) -> None:
    """Forgets events that no provider sends again."""
    work = UnitOfWork(database, None)
    work.write(repository.FORGET_EVENTS, before=now() - KEPT)
    await work.commit()
