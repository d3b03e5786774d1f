"""Billing without a provider: the buyer is sent on at once, and success is simulated."""

from __future__ import annotations

from app.billing.errors import NoWebhook
from app.billing.kinds import ProviderKind
from app.billing.providers import Notice, Order, Session


class DevelopmentBilling:
    """For trying things out. Takes no money."""

    kind = ProviderKind.DEVELOPMENT

    async def checkout(self, order: Order) -> Session:
        """The page after a success: there is nothing to pay."""
        return Session(order.checkout_id, order.success_url)

    def verify_webhook(self, body: bytes, signature: str) -> Notice:
        """Nobody sends us anything."""
        raise NoWebhook()
