"""The names of billing providers."""

from __future__ import annotations

import enum


class ProviderKind(enum.StrEnum):
    """Which provider an installation uses."""

    #: Nobody pays: success is simulated.
    DEVELOPMENT = "development"
    STRIPE = "stripe"
