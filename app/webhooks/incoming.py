"""Takes others' events: the signature first, then the body; each once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from app.core.ids import is_id, new_id
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.outbox.kinds import INCOMING, LONGEST_TYPE
from app.outbox.service import announce
from app.webhooks import repository
from app.webhooks.errors import AlreadyReceived, IntegrationUnknown, WebhookNotJson
from app.webhooks.models import Direction, Incoming, Integration, IntegrationStatus
from app.webhooks.secrets import opened
from app.webhooks.service import WebhookParts
from app.webhooks.signing import Received, verify

_OTHER = re.compile(r"[^a-z0-9_.]+")


class Receiver:
    """Belongs to no request's organization: the signature is the credential."""

    def __init__(self, database: Database, parts: WebhookParts) -> None:
        self.database, self.parts = database, parts

    async def take(self, integration_id: str, sent: Mapping[str, str], body: bytes) -> bool:
        """Whether the event is new. Raises `IntegrationUnknown`, `WebhookSignatureInvalid`, `WebhookNotJson`.

        `sent` are the headers, their names in lower case.
        """
        work = UnitOfWork(self.database, None)
        integration = await self._integration(work, integration_id)
        moment = self.parts.clock()
        received = verify(integration.scheme, opened(self.parts.vault, integration, moment), sent, body)
        given = {"integration_id": integration.id, "fingerprint": received.fingerprint}
        if await work.one(repository.INCOMING_ONCE, **given) is not None:
            return False
        parsed = _parsed(body)
        made = Incoming(
            id=new_id("whi"),
            organization_id=integration.organization_id,
            delivery_id=received.delivery_id,
            type=_type(integration, received, parsed),
            body=body.decode(),
            received_at=moment,
            **given,
        )
        work.write(repository.ADD_INCOMING, otherwise=AlreadyReceived(), **made.__dict__)
        data = {"id": made.id, "integrationId": integration.id, "deliveryId": made.delivery_id, "body": parsed}
        announce(work, made.type, data, organization_id=integration.organization_id)
        try:
            await work.commit()
        except AlreadyReceived:
            return False
        return True

    async def _integration(self, work: UnitOfWork, integration_id: str) -> Integration:
        found = None
        if is_id(integration_id, "whk"):
            found = await work.one(repository.SYSTEM_INTEGRATION, id=integration_id)
        if found is None or found.direction is not Direction.INCOMING or found.status is not IntegrationStatus.ENABLED:
            raise IntegrationUnknown()
        return found


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise WebhookNotJson() from error


def _type(integration: Integration, received: Received, parsed: Any) -> str:
    """`incoming.github.push`, `incoming.gitlab.push_hook`, `incoming.bitbucket.repo.push`, `incoming.standard.…`."""
    event = received.event
    if not event and isinstance(parsed, dict) and isinstance(parsed.get("type"), str):
        event = parsed["type"]
    named = _OTHER.sub("_", event.lower().replace(":", ".")).strip("._") or "event"
    return f"{INCOMING}{integration.scheme}.{named}"[:LONGEST_TYPE]
