"""What can be wrong with webhooks."""

from __future__ import annotations

from app.core.errors import Conflict, InvalidRequest, NotFound, Unauthorized, Unprocessable


class WebhookAddressRefused(Unprocessable):
    """A webhook goes to an address that begins with https:// or http:// and holds no user and no fragment."""

    code = "WEBHOOK_ADDRESS_REFUSED"


class WrongDirection(Unprocessable):
    """This is not what such an integration has or does."""

    code = "WRONG_DIRECTION"


class IntegrationDisabled(Conflict):
    """The integration is disabled. Enable it first (`updateWebhookIntegration`)."""

    code = "INTEGRATION_DISABLED"


class IntegrationUnknown(NotFound):
    """No enabled integration takes webhooks under this id."""


class WebhookSignatureInvalid(Unauthorized):
    """The signature is missing, not valid, or too old. Sign the body, byte by byte, with the integration's secret."""

    code = "SIGNATURE_INVALID"


class WebhookNotJson(InvalidRequest):
    """The body is not JSON."""


class AlreadyReceived(Conflict):
    """This delivery was received before."""

    code = "ALREADY_RECEIVED"


class LeaseTaken(Conflict):
    """Another server delivers this at present."""

    code = "LEASE_TAKEN"
