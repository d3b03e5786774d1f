"""Webhooks in GraphQL."""

from __future__ import annotations

from datetime import datetime

import orjson
import strawberry
from strawberry.scalars import JSON

from app.webhooks import models
from app.webhooks.secrets import Revealed
from app.webhooks.service import WebhookParts
from resolvers.node import Node

WebhookDirection = models.Direction
strawberry.enum(WebhookDirection, name="WebhookDirection", description="Whether an integration sends or takes events.")
WebhookScheme = models.Scheme
strawberry.enum(
    WebhookScheme,
    name="WebhookScheme",
    description="How bodies are signed: by Standard Webhooks, or as GitHub (`X-Hub-Signature-256`), GitLab "
    "(`X-Gitlab-Token`) and Bitbucket (`X-Hub-Signature`) do it.",
)
WebhookStatus = models.IntegrationStatus
strawberry.enum(
    WebhookStatus,
    name="WebhookStatus",
    description="Whether an integration works. `BROKEN`: disabled by itself, after five deliveries in a row arrived "
    "nowhere, each after all its attempts.",
)
WebhookDeliveryStatus = models.DeliveryStatus
strawberry.enum(
    WebhookDeliveryStatus,
    name="WebhookDeliveryStatus",
    description="What became of a delivery. `DEAD`: no attempt succeeded, and none is made any more.",
)


@strawberry.type(description="An address that events are sent to, or a way for others' events to come in.")
class WebhookIntegration(Node):
    name: str = strawberry.field(description="What people call it.")
    direction: WebhookDirection = strawberry.field(description="Whether it sends or takes events.")
    scheme: WebhookScheme = strawberry.field(description="How bodies are signed; what we send, by Standard Webhooks.")
    url: str = strawberry.field(
        description="Where events are sent to; of an incoming one, where the others have to send theirs to."
    )
    events: list[str] = strawberry.field(
        description="Types of events that are sent, `environment.*` for all of a part, `*` for all; empty for incoming."
    )
    status: WebhookStatus = strawberry.field(description="Whether it works.")
    reason: str = strawberry.field(description="Why it is broken; empty while it is not.")
    dead_in_row: int = strawberry.field(description="Deliveries in a row that arrived nowhere; five break it.")
    previous_secret_expires_at: datetime | None = strawberry.field(
        description="Until when the secret before the last rotation is valid, too; null where there is none."
    )
    created_by: strawberry.ID = strawberry.field(description="The member who made it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    version: int = strawberry.field(description="Grows with each change.")


@strawberry.type(description="An integration with its secret, which is not shown again.")
class RevealedWebhookIntegration:
    id: strawberry.ID = strawberry.field(description="The integration's id.")
    secret: str = strawberry.field(description="What bodies are signed with: keep it now, it is not shown again.")
    integration: WebhookIntegration = strawberry.field(description="The integration.")


@strawberry.type(
    description="One event on its way to one address. At least once: the header `webhook-id` tells the receiver what "
    "it has already. Kept for thirty days."
)
class WebhookDelivery(Node):
    integration_id: strawberry.ID = strawberry.field(description="By which integration.")
    message_id: str = strawberry.field(
        description="The event's id, the header `webhook-id`: the same in every attempt and to every address."
    )
    type: str = strawberry.field(description="The type of the event.")
    data: JSON = strawberry.field(description="What the event tells.")
    happened_at: datetime = strawberry.field(description="When it happened.")
    status: WebhookDeliveryStatus = strawberry.field(description="What became of it.")
    attempts: int = strawberry.field(description="How often it was tried since it was last asked for.")
    next_at: datetime | None = strawberry.field(
        description="When it is tried next: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h after a failure; null when it is done."
    )
    response_status: int | None = strawberry.field(description="The last answer's status; null where there was none.")
    response_body: str = strawberry.field(description="The beginning of the last answer: at most 4 KiB.")
    error: str = strawberry.field(description="What went wrong at the last attempt; empty where nothing did.")
    attempted_at: datetime | None = strawberry.field(description="When it was last tried.")
    delivered_at: datetime | None = strawberry.field(description="When it arrived.")
    created_at: datetime = strawberry.field(description="When it was asked for.")


@strawberry.type(description="An event that came in by a webhook. Kept for thirty days.")
class IncomingWebhook:
    id: strawberry.ID = strawberry.field(description="Its id.")
    integration_id: strawberry.ID = strawberry.field(description="By which integration.")
    delivery_id: str = strawberry.field(description="The sender's id of the delivery; empty where it has none.")
    type: str = strawberry.field(description="`incoming.`, the scheme, and what the sender calls it.")
    body: JSON = strawberry.field(description="What was sent.")
    received_at: datetime = strawberry.field(description="When it came in.")


@strawberry.type(description="A type of events that webhooks send and automations wait for.")
class WebhookEventType:
    name: str = strawberry.field(description="As integrations and automations name it.")
    description: str = strawberry.field(description="When it happens.")


def webhook_integration(record: models.Integration, parts: WebhookParts) -> WebhookIntegration:
    """The record as GraphQL shows it; no secret."""
    incoming = record.direction is models.Direction.INCOMING
    return WebhookIntegration(
        id=strawberry.ID(record.id),
        name=record.name,
        direction=record.direction,
        scheme=record.scheme,
        url=parts.incoming_url(record.id) if incoming else record.url,
        events=record.events,
        status=record.status,
        reason=record.reason,
        dead_in_row=record.dead_in_row,
        previous_secret_expires_at=record.previous_expires_at,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
    )


def revealed_webhook(found: Revealed, parts: WebhookParts) -> RevealedWebhookIntegration:
    """The integration with its secret."""
    shown = webhook_integration(found.integration, parts)
    return RevealedWebhookIntegration(id=shown.id, secret=found.secret, integration=shown)


def webhook_delivery(record: models.Delivery) -> WebhookDelivery:
    """The record as GraphQL shows it."""
    return WebhookDelivery(
        id=strawberry.ID(record.id),
        integration_id=strawberry.ID(record.integration_id),
        message_id=record.message_id,
        type=record.type,
        data=record.data,  # type: ignore[arg-type]
        happened_at=record.happened_at,
        status=record.status,
        attempts=record.attempts,
        next_at=record.next_at,
        response_status=record.response_status,
        response_body=record.response_body,
        error=record.error,
        attempted_at=record.attempted_at,
        delivered_at=record.delivered_at,
        created_at=record.created_at,
    )


def incoming_webhook(record: models.Incoming) -> IncomingWebhook:
    """The record as GraphQL shows it."""
    return IncomingWebhook(
        id=strawberry.ID(record.id),
        integration_id=strawberry.ID(record.integration_id),
        delivery_id=record.delivery_id,
        type=record.type,
        body=orjson.loads(record.body),
        received_at=record.received_at,
    )
