"""What can go wrong with billing."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unavailable


class PlanNotSold(InvalidRequest):
    """This plan cannot be bought. Choose pro or enterprise; to leave a plan, cancel the subscription."""

    code = "PLAN_NOT_SOLD"


class PlanHeld(Conflict):
    """The organization is on this plan already."""

    code = "PLAN_HELD"


class CheckoutNotOpen(Conflict):
    """There is no open checkout that could succeed. Start one first."""

    code = "CHECKOUT_NOT_OPEN"


class SimulationOff(Forbidden):
    """Payments are simulated only with SOUNDSTAGE_BILLING_PROVIDER=development, and never in production."""

    code = "SIMULATION_OFF"


class NoWebhook(NotFound):
    """The billing provider of this installation sends no webhooks. Set SOUNDSTAGE_BILLING_PROVIDER=stripe."""

    code = "NO_WEBHOOK"


class BillingNotConfigured(Unavailable):
    """The billing provider is not configured completely."""

    code = "BILLING_NOT_CONFIGURED"


class BillingProviderFailed(Unavailable):
    """The billing provider did not do it. Nothing was changed: try again."""

    code = "BILLING_PROVIDER_FAILED"


class SignatureInvalid(InvalidRequest):
    """The webhook's signature is not valid, or older than five minutes."""

    code = "WEBHOOK_SIGNATURE_INVALID"


class EventProcessed(Conflict):
    """This event was processed before."""

    code = "EVENT_PROCESSED"
