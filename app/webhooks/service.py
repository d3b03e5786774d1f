"""The organization's webhook integrations: addresses that events go to, and ways for others' events to come in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.core.actor import Actor
from app.core.addresses import is_web_address
from app.core.clock import Clock, now
from app.core.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.core.vault import Vault
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.outbox.kinds import TEST, checked_patterns
from app.webhooks import repository
from app.webhooks.errors import IntegrationDisabled, WebhookAddressRefused, WrongDirection
from app.webhooks.fanout import pending
from app.webhooks.models import (
    Delivery,
    DeliveryStatus,
    Direction,
    Incoming,
    Integration,
    IntegrationStatus,
    Scheme,
)
from app.webhooks.secrets import Revealed, checked_secret, new_secret, sealed

LONGEST_NAME = 100
MOST_INTEGRATIONS = 100
#: How long both secrets are valid at a rotation, at most.
LONGEST_OVERLAP = timedelta(days=7)
#: Deliveries, and what came in; what is older is forgotten, and could come in again.
KEPT = timedelta(days=30)
INCOMING_PATH = "/api/v1/webhooks/incoming"


@dataclass(frozen=True, slots=True)
class WebhookParts:
    """What webhooks work with."""

    vault: Vault
    #: The address that others reach this server at.
    own_address: str = ""
    allow_private: bool = False
    clock: Clock = now

    def incoming_url(self, integration_id: str) -> str:
        """Where others send an integration's events to."""
        return f"{self.own_address}{INCOMING_PATH}?integration={integration_id}"


class Webhooks:
    """What an actor does about its organization's webhooks."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: WebhookParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    # Reading.

    async def find(self, integration_id: str) -> Integration | None:
        """One integration."""
        return await self.work.one(repository.INTEGRATION, id=integration_id)

    async def get(self, integration_id: str) -> Integration:
        """The same; raises `NotFound`."""
        found = await self.find(integration_id)
        if found is None:
            raise NotFound()
        return found

    async def page(self, limit: int, before: str | None) -> Page[Integration]:
        """Integrations from the newest on."""
        found = await self.work.all(repository.INTEGRATIONS_BEFORE, before=before or NEWEST, limit=limit + 1)
        return Page(found[:limit], len(found) > limit)

    async def delivery(self, delivery_id: str) -> Delivery | None:
        """One delivery."""
        return await self.work.one(repository.DELIVERY, id=delivery_id)

    async def deliveries(
        self, integration_id: str, limit: int, before: str | None, status: DeliveryStatus | None = None
    ) -> Page[Delivery]:
        """What went out by an integration, from the newest on: the dead list is those of status `dead`."""
        await self.get(integration_id)
        asked: dict[str, Any] = {"integration_id": integration_id, "before": before or NEWEST, "limit": limit + 1}
        if status is None:
            found = await self.work.all(repository.DELIVERIES_BEFORE, **asked)
        else:
            found = await self.work.all(repository.DELIVERIES_OF_STATUS_BEFORE, status=status, **asked)
        return Page(found[:limit], len(found) > limit)

    async def incoming(self, integration_id: str, limit: int, before: str | None) -> Page[Incoming]:
        """What came in by an integration, from the newest on."""
        await self.get(integration_id)
        found = await self.work.all(
            repository.INCOMING_BEFORE, integration_id=integration_id, before=before or NEWEST, limit=limit + 1
        )
        return Page(found[:limit], len(found) > limit)

    # Changing.

    async def create_outgoing(self, *, name: str, url: str, events: list[str]) -> Revealed:
        """An address that events go to, signed by Standard Webhooks."""
        return await self._add(
            name, Direction.OUTGOING, Scheme.STANDARD, new_secret(Scheme.STANDARD), _url(url), checked_patterns(events)
        )

    async def create_incoming(self, *, name: str, scheme: Scheme, secret: str | None = None) -> Revealed:
        """A way for others' events to come in. The secret is a new one unless it is given."""
        chosen = new_secret(scheme) if secret is None else checked_secret(secret, scheme)
        return await self._add(name, Direction.INCOMING, scheme, chosen, "", [])

    async def update(
        self,
        integration_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        events: list[str] | None = None,
        enabled: bool | None = None,
        expected_version: int | None = None,
    ) -> Integration:
        """Changes what is given; enabling a broken one begins to count anew. Raises `PreconditionFailed`."""
        found = await self.get(integration_id)
        if expected_version is not None and found.version != expected_version:
            raise PreconditionFailed()
        if found.direction is Direction.INCOMING and (url is not None or events is not None):
            raise WrongDirection("What comes in has neither an address to go to nor events to choose.")
        changes: dict[str, Any] = {
            "name": None if name is None else _name(name),
            "url": None if url is None else _url(url),
            "events": None if events is None else checked_patterns(events),
        }
        given = {key: value for key, value in changes.items() if value is not None}
        return self._change(found, **given, **_switched(enabled))

    async def rotate(self, integration_id: str, overlap: timedelta) -> Revealed:
        """A new secret. The present one stays valid for `overlap`; until then what is sent has both signatures."""
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise InvalidRequest(f"The overlap is from 0 s to {LONGEST_OVERLAP.days} days.")
        found = await self.get(integration_id)
        secret = new_secret(found.scheme)
        changed = self._change(
            found,
            secret=sealed(self.parts.vault, secret),
            previous_secret=found.secret if overlap else "",
            previous_expires_at=self.parts.clock() + overlap if overlap else None,
        )
        return Revealed(changed, secret)

    async def remove(self, integration_id: str) -> Integration:
        """Ends an integration, and forgets what went by it."""
        found = await self.get(integration_id)
        self.work.write(repository.REMOVE_DELIVERIES, integration_id=integration_id)
        self.work.write(repository.REMOVE_INCOMING, integration_id=integration_id)
        self.work.write(repository.REMOVE, expect=1, otherwise=NotFound(), id=integration_id)
        return found

    async def test(self, integration_id: str) -> Delivery:
        """Sends an event of the type `webhook.test`; raises `IntegrationDisabled`."""
        found = await self.get(integration_id)
        if found.direction is Direction.INCOMING:
            raise WrongDirection("Nothing is sent by an integration that takes events.")
        if found.status is not IntegrationStatus.ENABLED:
            raise IntegrationDisabled()
        moment = self.parts.clock()
        made = pending(found, new_id("msg"), TEST, {"integrationId": found.id}, moment, moment)
        self.work.write(repository.ADD_DELIVERY, **made.__dict__)
        return made

    async def redeliver(self, delivery_id: str) -> Delivery:
        """Sends an event again, with its id, and with all attempts."""
        found = await self.delivery(delivery_id)
        if found is None:
            raise NotFound()
        if found.status is DeliveryStatus.PENDING:
            return found
        moment = self.parts.clock()
        self.work.write(
            repository.AGAIN,
            id=found.id,
            now=moment,
            expect=1,
            otherwise=Conflict("It is being delivered again already."),
        )
        return found.changed(status=DeliveryStatus.PENDING, attempts=0, next_at=moment, delivered_at=None, error="")

    # Within.

    async def _add(
        self, name: str, direction: Direction, scheme: Scheme, secret: str, url: str, events: list[str]
    ) -> Revealed:
        count = await self.work.one(repository.COUNT)
        if count is not None and count.count >= MOST_INTEGRATIONS:
            raise Conflict(f"An organization has at most {MOST_INTEGRATIONS} webhook integrations. Delete one first.")
        moment = self.parts.clock()
        made = Integration(
            id=new_id("whk"),
            organization_id=self.actor.organization_id,
            name=_name(name),
            direction=direction,
            scheme=scheme,
            url=url,
            events=events,
            status=IntegrationStatus.ENABLED,
            secret=sealed(self.parts.vault, secret),
            created_by=self.actor.user_id or self.actor.agent_id,
            created_at=moment,
            updated_at=moment,
        )
        self.work.write(repository.ADD, **made.__dict__)
        return Revealed(made, secret)

    def _change(self, found: Integration, **changes: Any) -> Integration:
        changed = found.changed(**changes, version=found.version + 1, updated_at=self.parts.clock())
        self.work.write(repository.CHANGE, expect=1, otherwise=Conflict(), seen=found.version, **changed.__dict__)
        return changed


async def forget_old(database: Database, clock: Clock = now) -> None:
    """Forgets deliveries, and what came in, after thirty days."""
    work = UnitOfWork(database, None)
    work.write(repository.FORGET_DELIVERIES, before=clock() - KEPT)
    work.write(repository.FORGET_INCOMING, before=clock() - KEPT)
    await work.commit()


def _switched(enabled: bool | None) -> Mapping[str, Any]:
    if enabled is None:
        return {}
    status = IntegrationStatus.ENABLED if enabled else IntegrationStatus.DISABLED
    return {"status": status, "reason": "", "dead_in_row": 0}


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidRequest(f"A name has 1 to {LONGEST_NAME} characters.")
    return name


def _url(url: str) -> str:
    if not is_web_address(url) or "#" in url:
        raise WebhookAddressRefused()
    return url
