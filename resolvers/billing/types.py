"""What usage, prices and purchases look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.billing import costs, models, rates
from app.usage import service as usage_service
from app.usage.periods import Period
from resolvers.identity.types import Plan

BilledMetric = rates.Metric
strawberry.enum(BilledMetric, name="BilledMetric", description="What is billed; PLAN is the plan's own price.")
CheckoutStatus = models.CheckoutStatus
strawberry.enum(CheckoutStatus, name="CheckoutStatus", description="Where a checkout stands.")


@strawberry.type(description="What an organization used in a month, as SURADAR documents it.")
class UsageSummary:
    period: str = strawberry.field(description="The month, in UTC: `2026-11`.")
    total_requests: int = strawberry.field(description="Requests.")
    agents_active: int = strawberry.field(description="Different agents that did something.")
    policy_evaluations: int = strawberry.field(description="Calls that policies judged.")
    actions_denied: int = strawberry.field(description="Calls of agents that were denied.")


@strawberry.type(description="What an organization used.")
class UsageFigures:
    requests: int = strawberry.field(description="Requests.")
    active_agents: int = strawberry.field(description="Different agents that did something.")
    policy_evaluations: int = strawberry.field(description="Calls that policies judged.")
    denials: int = strawberry.field(description="Calls of agents that were denied.")
    environment_hours: float = strawberry.field(description="Hours that environments were up.")
    model_tokens: float = strawberry.field(description="Tokens of language models, in and out.")


@strawberry.type(description="What the plan allows in a month before it costs extra.")
class UsageLimits:
    requests_per_minute: int | None = strawberry.field(description="Null: the organization's own.")
    included_requests: int = strawberry.field(description="Requests.")
    included_policy_evaluations: int = strawberry.field(description="Calls that policies judge.")
    included_environment_hours: int = strawberry.field(description="Hours that environments are up.")


@strawberry.type(description="A whole month, told from the part of it that has passed.")
class UsageForecast:
    method: str = strawberry.field(description="How it is computed.")
    passed: float = strawberry.field(description="Which part of the month has passed: 0 to 1.")
    requests: int = strawberry.field(description="Requests.")
    policy_evaluations: int = strawberry.field(description="Calls that policies judge.")
    environment_hours: float = strawberry.field(description="Hours that environments are up.")


@strawberry.type(description="What usage costs, in minor units of the currency.")
class CostSummary:
    currency: str = strawberry.field(description="ISO 4217.")
    so_far: int = strawberry.field(description="Until now; the plan's price for the whole month is in it.")
    predicted: int = strawberry.field(description="At the month's end, by the forecast.")


@strawberry.type(description="What stopping environments saved against letting them run all the time.")
class SavingsSummary:
    formula: str = strawberry.field(description="How it is computed.")
    stopped_hours: float = strawberry.field(description="Hours that environments were there without being up.")
    amount: int = strawberry.field(description="In minor units of the currency.")
    currency: str = strawberry.field(description="ISO 4217.")


@strawberry.type(description="Plan, usage, cost and savings of the present month.")
class OrganizationUsage:
    plan: Plan = strawberry.field(description="The organization's plan.")
    period: str = strawberry.field(description="The month, in UTC: `2026-11`.")
    usage: UsageFigures = strawberry.field(description="Until now.")
    limits: UsageLimits = strawberry.field(description="What the plan allows.")
    forecast: UsageForecast = strawberry.field(description="For the whole month.")
    cost: CostSummary = strawberry.field(description="What it costs.")
    savings: SavingsSummary = strawberry.field(description="What it did not cost.")


@strawberry.type(description="What one metric of one month costs.")
class CostRecord:
    period: str = strawberry.field(description="The month: `2026-11`.")
    metric: BilledMetric = strawberry.field(description="What is billed.")
    quantity: float = strawberry.field(description="How much was used.")
    included: int = strawberry.field(description="How much of it the plan includes.")
    cost: int = strawberry.field(description="In minor units of the currency.")
    currency: str = strawberry.field(description="ISO 4217.")


@strawberry.type(description="What a plan costs and includes.")
class PlanRate:
    plan: Plan = strawberry.field(description="The plan.")
    monthly: int = strawberry.field(description="A month, in minor units of the currency.")
    limits: UsageLimits = strawberry.field(description="What it allows.")


@strawberry.type(description="What a unit costs beyond what the plan includes.")
class UnitRate:
    metric: BilledMetric = strawberry.field(description="What is billed.")
    price: int = strawberry.field(description="For each `per`, in minor units of the currency.")
    per: int = strawberry.field(description="How many units the price is for.")


@strawberry.type(description="Every price from a moment on. A card is never changed: new prices are a new card.")
class RateCard:
    version: int = strawberry.field(description="Counts the cards.")
    currency: str = strawberry.field(description="ISO 4217.")
    valid_from: datetime = strawberry.field(description="From when on it holds, until the next one does.")
    plans: list[PlanRate] = strawberry.field(description="The plans.")
    units: list[UnitRate] = strawberry.field(description="What comes on top.")


@strawberry.type(description="A purchase of a plan.")
class Checkout:
    id: strawberry.ID = strawberry.field(description="The checkout's id.")
    url: str = strawberry.field(description="Where the buyer pays.")
    plan: Plan = strawberry.field(description="What is bought.")
    status: CheckoutStatus = strawberry.field(description="Where it stands.")
    created_at: datetime = strawberry.field(description="When it was begun.")
    completed_at: datetime | None = strawberry.field(description="When it was paid; null before.")


@strawberry.type(description="What an organization pays for at the billing provider.")
class PaidSubscription:
    provider: str = strawberry.field(description="The provider.")
    status: str = strawberry.field(description="As the provider says it.")
    updated_at: datetime = strawberry.field(description="When the provider last told of it.")


@strawberry.type(description="An organization's plan and what it costs.")
class BillingOverview:
    plan: Plan = strawberry.field(description="Its plan.")
    provider: str = strawberry.field(description="Who sells plans in this installation.")
    subscription: PaidSubscription | None = strawberry.field(description="Null where nothing is paid for.")
    period: str = strawberry.field(description="The month, in UTC: `2026-11`.")
    cost: CostSummary = strawberry.field(description="What the month costs.")


FORECAST = "usage until now / the part of the month that has passed, which is an hour at least"
SAVINGS = "(hours that environments existed - hours that they were up) x the price of an environment hour"


def usage_summary(usage: usage_service.Usage) -> UsageSummary:
    """In SURADAR's words."""
    return UsageSummary(
        period=str(usage.period),
        total_requests=usage.requests,
        agents_active=usage.active_agents,
        policy_evaluations=usage.policy_evaluations,
        actions_denied=usage.denials,
    )


def limits(price: rates.PlanPrice) -> UsageLimits:
    """What a plan allows."""
    return UsageLimits(
        requests_per_minute=price.requests_per_minute,
        included_requests=price.included[BilledMetric.REQUESTS],
        included_policy_evaluations=price.included[BilledMetric.POLICY_EVALUATIONS],
        included_environment_hours=price.included[BilledMetric.ENVIRONMENT_HOURS],
    )


def cost_summary(usage: usage_service.Usage, plan: Plan, moment: datetime) -> CostSummary:
    """What a month costs so far, and will."""
    factor = costs.forecast_factor(usage.period, moment)
    return CostSummary(
        currency=rates.card_at(usage.period.start).currency,
        so_far=costs.total(costs.costs(usage, plan)),
        predicted=costs.total(costs.costs(usage, plan, factor=factor)),
    )


def organization_usage(usage: usage_service.Usage, plan: Plan, moment: datetime) -> OrganizationUsage:
    """All about the present month."""
    card, factor = rates.card_at(usage.period.start), costs.forecast_factor(usage.period, moment)
    saved = costs.savings(usage, card)
    return OrganizationUsage(
        plan=plan,
        period=str(usage.period),
        usage=UsageFigures(
            requests=usage.requests,
            active_agents=usage.active_agents,
            policy_evaluations=usage.policy_evaluations,
            denials=usage.denials,
            environment_hours=usage.environment_hours,
            model_tokens=float(usage.model_tokens),
        ),
        limits=limits(card.plan(plan)),
        forecast=UsageForecast(
            method=FORECAST,
            passed=round(usage.period.passed(moment), 4),
            requests=round(usage.requests * factor),
            policy_evaluations=round(usage.policy_evaluations * factor),
            environment_hours=round(usage.ran.running / 3_600 * factor, 2),
        ),
        cost=cost_summary(usage, plan, moment),
        savings=SavingsSummary(
            formula=SAVINGS, stopped_hours=saved.stopped_hours, amount=saved.amount, currency=card.currency
        ),
    )


def cost_record(record: costs.CostRecord) -> CostRecord:
    """The record as GraphQL shows it."""
    return CostRecord(
        period=str(record.period),
        metric=record.metric,
        quantity=record.quantity,
        included=record.included,
        cost=record.cost,
        currency=record.currency,
    )


def rate_card(card: rates.RateCard) -> RateCard:
    """The card as GraphQL shows it."""
    return RateCard(
        version=card.version,
        currency=card.currency,
        valid_from=card.valid_from,
        plans=[PlanRate(plan=each.plan, monthly=each.monthly, limits=limits(each)) for each in card.plans],
        units=[UnitRate(metric=each.metric, price=each.price, per=each.per) for each in card.units],
    )


def checkout(record: models.Checkout) -> Checkout:
    """The record as GraphQL shows it."""
    return Checkout(
        id=strawberry.ID(record.id),
        url=record.url,
        plan=record.plan,
        status=record.status,
        created_at=record.created_at,
        completed_at=record.completed_at,
    )


def billing_overview(
    subscription: models.Subscription | None, provider: str, usage: usage_service.Usage, plan: Plan, moment: datetime
) -> BillingOverview:
    """Plan and cost at a glance."""
    paid = None
    if subscription is not None:
        paid = PaidSubscription(
            provider=subscription.provider, status=subscription.status, updated_at=subscription.updated_at
        )
    cost = cost_summary(usage, plan, moment)
    return BillingOverview(plan=plan, provider=provider, subscription=paid, period=str(usage.period), cost=cost)


def period_or_present(text: str | None, moment: datetime) -> Period:
    """The month that is asked for; the present one by default. Raises `InvalidRequest`."""
    return Period.of(moment) if text is None else Period.parse(text)
