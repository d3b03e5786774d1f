"""Reading webhooks. Owners and admins only: an address can be a secret in itself."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from app.outbox.kinds import KINDS
from app.webhooks import models
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.node import After, Connection, First, Id, connection
from resolvers.webhooks.types import (
    IncomingWebhook,
    WebhookDelivery,
    WebhookDeliveryStatus,
    WebhookEventType,
    WebhookIntegration,
    incoming_webhook,
    webhook_delivery,
    webhook_integration,
)

READ = Access(scope=Scope.INTEGRATIONS, kind=Kind.READ)
ADMIN = Access(scope=Scope.INTEGRATIONS, kind=Kind.ADMIN)


@strawberry.type
class WebhookQueries:
    @query("One webhook integration; null where none with this id is visible to you.", ADMIN)
    async def webhook_integration(self, info: Info[Context, None], id: Id) -> WebhookIntegration | None:
        found = await info.context.webhooks.find(id)
        return webhook_integration(found, info.context.product.webhooks) if found else None

    @query("The organization's webhook integrations, newest first.", ADMIN)
    async def webhook_integrations(
        self, info: Info[Context, None], first: First = None, after: After = None
    ) -> Connection[WebhookIntegration]:
        context = info.context
        page = await context.webhooks.page(page_size(first, context.largest_page), decode_cursor(after))
        return connection(page, _id, lambda record: webhook_integration(record, context.product.webhooks), after)

    @query("What was sent by a webhook integration, newest first. The dead list: those of status `DEAD`.", ADMIN)
    async def webhook_deliveries(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, strawberry.argument(description="The integration's id.")],
        status: Annotated[
            WebhookDeliveryStatus | None, strawberry.argument(description="Only those that are in this status.")
        ] = None,
        first: First = None,
        after: After = None,
    ) -> Connection[WebhookDelivery]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.webhooks.deliveries(id, limit, decode_cursor(after), status)
        return connection(page, _id, webhook_delivery, after)

    @query("What came in by a webhook integration, newest first.", ADMIN)
    async def incoming_webhooks(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, strawberry.argument(description="The integration's id.")],
        first: First = None,
        after: After = None,
    ) -> Connection[IncomingWebhook]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.webhooks.incoming(id, limit, decode_cursor(after))
        return connection(page, _id, incoming_webhook, after)

    @query("The types of events that webhooks send and automations wait for.", READ)
    async def webhook_event_types(self, info: Info[Context, None]) -> list[WebhookEventType]:
        return [WebhookEventType(name=name, description=text) for name, text in KINDS.items()]


def _id(record: models.Integration | models.Delivery | models.Incoming) -> str:
    return record.id
