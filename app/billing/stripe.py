"""Stripe: checkout sessions by its HTTP API, and its webhooks.

https://docs.stripe.com/api/checkout/sessions/create, https://docs.stripe.com/webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from app.billing.errors import BillingNotConfigured, BillingProviderFailed
from app.billing.kinds import ProviderKind
from app.billing.providers import Notice, Order, Outcome, Session
from app.billing.signatures import verify
from app.core.clock import Clock, now
from app.core.errors import InvalidRequest
from app.identity.models import Plan

TIMEOUT_SECONDS = 10.0
_OUTCOMES = {
    "checkout.session.completed": Outcome.PAID,
    "checkout.session.async_payment_succeeded": Outcome.PAID,
    "customer.subscription.updated": Outcome.CHANGED,
    "customer.subscription.deleted": Outcome.ENDED,
}
#: A subscription in one of these gives nothing any more.
_OVER = frozenset({"canceled", "unpaid", "incomplete_expired"})


@dataclass(frozen=True)
class StripeBilling:
    """Talks to Stripe, or to what speaks like it."""

    secret_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    base_url: str
    #: Plan -> Stripe's id of its price.
    prices: Mapping[str, str]
    clock: Clock = now
    kind = ProviderKind.STRIPE

    async def checkout(self, order: Order) -> Session:
        """Makes a checkout session; twice for the same order gives the same one."""
        answer = await self._post("/v1/checkout/sessions", self._form(order), order.checkout_id)
        reference, url = answer.get("id"), answer.get("url")
        if not isinstance(reference, str) or not isinstance(url, str):
            raise BillingProviderFailed()
        return Session(reference, url)

    def _form(self, order: Order) -> dict[str, str]:
        price = self.prices.get(order.plan)
        if not price or not self.secret_key:
            missing = "SOUNDSTAGE_STRIPE_SECRET_KEY" if price else "SOUNDSTAGE_STRIPE_PRICES"
            raise BillingNotConfigured(f"The plan {order.plan} cannot be sold: {missing} does not tell how.")
        return {
            "mode": "subscription",
            "line_items[0][price]": price,
            "line_items[0][quantity]": "1",
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
            "client_reference_id": order.organization_id,
            "metadata[checkout_id]": order.checkout_id,
            "subscription_data[metadata][organization_id]": order.organization_id,
        }

    async def _post(self, path: str, form: dict[str, str], key: str) -> dict[str, Any]:
        import httpx  # late, as everywhere: a start does without it

        headers = {"Authorization": f"Bearer {self.secret_key}", "Idempotency-Key": key}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
                answer = await client.post(self.base_url.rstrip("/") + path, data=form, headers=headers)
            body = orjson.loads(answer.content)
        except (httpx.HTTPError, httpx.InvalidURL, orjson.JSONDecodeError) as error:
            raise BillingProviderFailed() from error
        if answer.status_code != 200 or not isinstance(body, dict):
            raise BillingProviderFailed(providerStatus=answer.status_code)
        return body

    def verify_webhook(self, body: bytes, signature: str) -> Notice:
        """The event, once its signature is verified."""
        if not self.webhook_secret:
            raise BillingNotConfigured("Set SOUNDSTAGE_STRIPE_WEBHOOK_SECRET to take webhooks.")
        verify(self.webhook_secret, body, signature, self.clock().timestamp())
        try:
            event = orjson.loads(body)
            return self._notice(event, event["data"]["object"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InvalidRequest("The webhook's body is no event.") from error

    def _notice(self, event: dict[str, Any], about: dict[str, Any]) -> Notice:
        outcome = _OUTCOMES.get(event["type"], Outcome.NOTHING)
        status, plan = str(about.get("status") or ""), None
        if outcome is Outcome.PAID and about.get("payment_status") not in ("paid", "no_payment_required"):
            outcome = Outcome.NOTHING
        if outcome is Outcome.CHANGED:
            plan = self._plan_of(about)
            outcome = Outcome.ENDED if status in _OVER else outcome
        paid = outcome is Outcome.PAID
        return Notice(
            id=_text(event["id"]),
            type=_text(event["type"]),
            at=datetime.fromtimestamp(event["created"], UTC),
            outcome=outcome,
            checkout=_text(about["id"]) if paid else "",
            subscription=_text(about.get("subscription") or "") if paid else _text(about.get("id") or ""),
            customer=_text(about.get("customer") or ""),
            status="active" if paid else status,
            plan=plan,
        )

    def _plan_of(self, subscription: dict[str, Any]) -> Plan | None:
        bought = {item["price"]["id"] for item in subscription["items"]["data"]}
        return next((Plan(plan) for plan, price in self.prices.items() if price in bought), None)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 255:
        raise ValueError("a text was expected")
    return value
