"""The billing provider that an installation's settings name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import SecretStr

from app.billing.development import DevelopmentBilling
from app.billing.kinds import ProviderKind
from app.billing.providers import BillingParts
from app.billing.stripe import StripeBilling


class BillingSettings(Protocol):
    """The settings that matter here."""

    @property
    def production(self) -> bool: ...
    @property
    def billing_provider(self) -> ProviderKind: ...
    @property
    def stripe_secret_key(self) -> SecretStr: ...
    @property
    def stripe_webhook_secret(self) -> SecretStr: ...
    @property
    def stripe_base_url(self) -> str: ...
    @property
    def stripe_prices(self) -> Mapping[str, str]: ...


def billing_parts(settings: BillingSettings) -> BillingParts:
    """The provider, and whether success can be simulated: in development, never in production."""
    if settings.billing_provider is ProviderKind.DEVELOPMENT:
        return BillingParts(DevelopmentBilling(), simulated=not settings.production)
    stripe = StripeBilling(
        secret_key=settings.stripe_secret_key.get_secret_value(),
        webhook_secret=settings.stripe_webhook_secret.get_secret_value(),
        base_url=settings.stripe_base_url,
        prices=settings.stripe_prices,
    )
    return BillingParts(stripe, simulated=False)
