"""Buying plans, and what usage costs."""

from __future__ import annotations

from collections.abc import Sequence

from app.billing import repository
from app.billing.costs import CostRecord, costs
from app.billing.errors import CheckoutNotOpen, PlanHeld, PlanNotSold, SimulationOff
from app.billing.models import Checkout, CheckoutStatus, Subscription
from app.billing.providers import BillingParts, Order
from app.core.actor import Actor
from app.core.addresses import is_web_address
from app.core.errors import InvalidRequest, NotFound
from app.core.ids import new_id
from app.core.paging import Page
from app.database.unit_of_work import UnitOfWork
from app.identity.models import Organization, Plan
from app.identity.repository import OWN_ORGANIZATION
from app.usage.periods import Period
from app.usage.service import Usages


class Billing:
    """The actor's organization and its plan."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: BillingParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    async def start_checkout(self, plan: Plan, success_url: str, cancel_url: str) -> Checkout:
        """An open checkout at the provider. Raises `PlanNotSold`, `PlanHeld`, and what the provider raises."""
        if plan is Plan.FREE:
            raise PlanNotSold()
        if not (is_web_address(success_url) and is_web_address(cancel_url)):
            raise InvalidRequest("'successUrl' and 'cancelUrl' have to be http or https addresses.")
        if plan == (await organization_of(self.work)).plan:
            raise PlanHeld()
        order = Order(new_id("chk"), self.actor.organization_id, plan, success_url, cancel_url)
        session = await self.parts.provider.checkout(order)
        made = Checkout(
            id=order.checkout_id,
            organization_id=order.organization_id,
            plan=plan,
            provider=self.parts.provider.kind,
            reference=session.reference,
            url=session.url,
            status=CheckoutStatus.OPEN,
            created_by=self.actor.user_id,
            created_at=self.parts.clock(),
        )
        self.work.write(repository.ADD_CHECKOUT, **made.__dict__)
        return made

    async def simulate_success(self, checkout_id: str | None) -> Checkout:
        """Completes a checkout, the newest open one by default. Raises `SimulationOff` and `CheckoutNotOpen`."""
        if not self.parts.simulated:
            raise SimulationOff()
        if checkout_id is None:
            found = await self.work.one(repository.NEWEST_OPEN)
        else:
            found = await self.work.one(repository.CHECKOUT, id=checkout_id)
            if found is None:
                raise NotFound()
        if found is None or found.status is not CheckoutStatus.OPEN:
            raise CheckoutNotOpen()
        moment = self.parts.clock()
        self.work.write(
            repository.COMPLETE_CHECKOUT, expect=1, otherwise=CheckoutNotOpen(), id=found.id, completed_at=moment
        )
        self.work.write(repository.SET_PLAN, expect=1, new_plan=found.plan)
        return found.changed(status=CheckoutStatus.COMPLETED, completed_at=moment)

    async def subscription(self) -> Subscription | None:
        """What the organization pays for; None where it pays for nothing."""
        return await self.work.one(repository.SUBSCRIPTION)


async def organization_of(work: UnitOfWork) -> Organization:
    """The organization that the unit of work is bound to; raises `NotFound`."""
    found = await work.one(OWN_ORGANIZATION)
    if found is None:
        raise NotFound()
    return found


async def cost_page(usages: Usages, limit: int, after: str | None) -> Page[CostRecord]:
    """Cost records by month and metric, newest month first, back to the organization's first month.

    `after` is a record's `cost_key`. Past months are told at the prices of the plan that the organization is on now.
    """
    organization = await organization_of(usages.work)
    first, period = Period.of(organization.created_at), Period.of(usages.clock())
    if after is not None:
        period = min(period, Period.parse(after.partition("/")[0]))
    found: list[CostRecord] = []
    while period >= first and len(found) <= limit:
        records: Sequence[CostRecord] = costs(await usages.of(period), organization.plan)
        keys = [cost_key(record) for record in records]
        found += records[keys.index(after) + 1 :] if after in keys else records
        period = period.before
    return Page(found[:limit], len(found) > limit)


def cost_key(record: CostRecord) -> str:
    """What a cursor names of a record: `2026-11/requests`."""
    return f"{record.period}/{record.metric}"
