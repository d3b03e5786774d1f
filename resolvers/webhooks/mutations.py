"""Making, changing and testing webhook integrations."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.errors import InvalidRequest
from app.webhooks.errors import WrongDirection
from app.webhooks.models import Direction, Scheme
from app.webhooks.secrets import Revealed
from app.webhooks.service import Webhooks
from resolvers.access import mutation
from resolvers.context import Context
from resolvers.node import Id, IfVersion
from resolvers.scalars import Duration
from resolvers.webhooks.queries import ADMIN
from resolvers.webhooks.types import (
    RevealedWebhookIntegration,
    WebhookDelivery,
    WebhookDirection,
    WebhookIntegration,
    WebhookScheme,
    revealed_webhook,
    webhook_delivery,
    webhook_integration,
)

OVERLAP = timedelta(days=1)


@strawberry.input(description="A webhook integration to make: `url` and `events` to send, `scheme` to take events.")
class CreateWebhookIntegrationInput:
    name: str = strawberry.field(description="1 to 100 characters.")
    direction: WebhookDirection | None = strawberry.field(
        default=None, description="Whether it sends or takes events; `OUTGOING` by default."
    )
    url: str | None = strawberry.field(
        default=None, description="Where events are sent to: http or https. Private addresses are refused at delivery."
    )
    events: list[str] | None = strawberry.field(
        default=None, description="Types of events to send, `environment.*` for all of a part; `*`, all, by default."
    )
    scheme: WebhookScheme | None = strawberry.field(
        default=None, description="How the bodies that come in are signed; `STANDARD` by default."
    )
    secret: str | None = strawberry.field(
        default=None, description="The secret of what comes in, where its sender has chosen it; else a new one is made."
    )


@strawberry.input(description="What of a webhook integration can change. What is left out stays as it is.")
class UpdateWebhookIntegrationInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters.")
    url: str | None = strawberry.field(default=None, description="Where events are sent to.")
    events: list[str] | None = strawberry.field(default=None, description="Types of events to send.")
    enabled: bool | None = strawberry.field(
        default=None,
        description="While it is disabled nothing new is sent or taken, and what is under way waits. Enabling a "
        "broken one begins to count anew.",
    )


Overlap = Annotated[
    Duration | None,
    strawberry.argument(
        description="How long the present secret stays valid beside the new one: 1 day by default, at most 7 days; 0 "
        "ends it at once."
    ),
]


@strawberry.type
class WebhookMutations:
    @mutation("Makes a webhook integration. The secret is shown once.", ADMIN, audited="webhook.create")
    async def create_webhook_integration(
        self,
        info: Info[Context, None],
        input: Annotated[CreateWebhookIntegrationInput, strawberry.argument(description="The integration to make.")],
    ) -> RevealedWebhookIntegration:
        return revealed_webhook(await _made(info.context.webhooks, input), info.context.product.webhooks)

    @mutation("Changes, enables or disables a webhook integration.", ADMIN, audited="webhook.update")
    async def update_webhook_integration(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[UpdateWebhookIntegrationInput, strawberry.argument(description="What to change.")],
        if_version: IfVersion = None,
    ) -> WebhookIntegration:
        found = await info.context.webhooks.update(
            id,
            name=input.name,
            url=input.url,
            events=input.events,
            enabled=input.enabled,
            expected_version=if_version,
        )
        return webhook_integration(found, info.context.product.webhooks)

    @mutation("Gives a webhook integration a new secret. It is shown once.", ADMIN, audited="webhook.rotate")
    async def rotate_webhook_secret(
        self, info: Info[Context, None], id: Id, overlap: Overlap = None
    ) -> RevealedWebhookIntegration:
        chosen = OVERLAP if overlap is None else timedelta(seconds=overlap)
        return revealed_webhook(await info.context.webhooks.rotate(id, chosen), info.context.product.webhooks)

    @mutation("Ends a webhook integration, and forgets what went by it.", ADMIN, audited="webhook.delete")
    async def delete_webhook_integration(self, info: Info[Context, None], id: Id) -> WebhookIntegration:
        return webhook_integration(await info.context.webhooks.remove(id), info.context.product.webhooks)

    @mutation("Sends an event of the type `webhook.test` to an address.", ADMIN, audited="webhook.test")
    async def test_webhook_integration(self, info: Info[Context, None], id: Id) -> WebhookDelivery:
        return webhook_delivery(await info.context.webhooks.test(id))

    @mutation(
        "Sends an event again, with the same id and anew with all attempts. One that is under way goes on.",
        ADMIN,
        audited="webhook.redeliver",
    )
    async def redeliver_webhook(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, strawberry.argument(description="The delivery's id.")],
    ) -> WebhookDelivery:
        return webhook_delivery(await info.context.webhooks.redeliver(id))


async def _made(webhooks: Webhooks, given: CreateWebhookIntegrationInput) -> Revealed:
    if given.direction is Direction.INCOMING:
        if given.url is not None or given.events is not None:
            raise WrongDirection("What comes in has neither an address to go to nor events to choose.")
        return await webhooks.create_incoming(
            name=given.name, scheme=given.scheme or Scheme.STANDARD, secret=given.secret or None
        )
    if given.secret is not None or given.scheme not in (None, Scheme.STANDARD):
        raise WrongDirection("What is sent is signed by Standard Webhooks, with a secret that we make.")
    if given.url is None:
        raise InvalidRequest("Say where events are to be sent to: `url`.")
    return await webhooks.create_outgoing(
        name=given.name, url=given.url, events=["*"] if given.events is None else given.events
    )
