"""Delivers what is due: leases, attempts, and when to make the next one.

At least once: a delivery whose server died in the middle is made again when its lease is over, with the same id.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta

import orjson
import structlog

from app.core.clock import rfc3339
from app.core.errors import SoundstageError
from app.core.worker import Worker
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.outbound.asking import Answer, Question, ask
from app.outbound.errors import PrivateAddress, Unreachable
from app.webhooks import repository
from app.webhooks.errors import LeaseTaken
from app.webhooks.fanout import NEWS
from app.webhooks.models import Delivery, DeliveryStatus, Integration
from app.webhooks.secrets import opened
from app.webhooks.service import WebhookParts
from app.webhooks.signing import headers

log = structlog.get_logger(__name__)

#: After each failed attempt; after the last one the delivery is dead.
RETRIES = tuple(timedelta(seconds=seconds) for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600))
#: Dead deliveries in a row that break an integration.
MOST_DEAD = 5
ATTEMPT_SECONDS = 15.0
#: Longer than an attempt takes.
LEASE = timedelta(seconds=60)
MOST_BYTES_KEPT = 4 * 1024
AT_ONCE, AT_ONCE_TO_ONE = 16, 4
USER_AGENT = "Soundstage-Webhooks/1"
GONE = 410
PRIVATE = "Its address is private, which SOUNDSTAGE_ALLOW_PRIVATE_WEBHOOKS does not allow."


class Dispatcher:
    """`start`, then it runs until `close`; `owner` names the node."""

    def __init__(self, database: Database, parts: WebhookParts, *, owner: str) -> None:
        self.database, self.parts, self.owner = database, parts, owner
        self._worker = Worker("webhook dispatcher", database.news, NEWS, self._begin_all, first=self.free)

    def start(self) -> None:
        """Begins to look for what is due."""
        self._worker.start()

    async def close(self) -> None:
        """Ends; attempts that were under way are made again when their leases are over."""
        await self._worker.close()

    async def free(self) -> None:
        """Lets go of what the last life of this node held."""
        work = UnitOfWork(self.database, None)
        work.write(repository.FREE_LEASES, owner=self.owner)
        await work.commit()

    async def _begin_all(self) -> None:
        while await self._begin_due():
            pass

    async def _begin_due(self) -> bool:
        """Begins attempts; whether it left some to others that wait behind an address that has enough to do."""
        free = AT_ONCE - len(self._worker.running)
        if free <= 0:
            return False
        under_way = Counter(self._worker.running.values())
        busy = [integration_id for integration_id, count in under_way.items() if count >= AT_ONCE_TO_ONE]
        found = await self.due(free, busy)
        begun = 0
        for delivery in found:
            if under_way[delivery.integration_id] < AT_ONCE_TO_ONE:
                under_way[delivery.integration_id] += 1
                self._worker.begin(self._attempt(delivery), delivery.integration_id, f"deliver {delivery.id}")
                begun += 1
        return 0 < begun < len(found)

    async def due(self, limit: int, busy: list[str]) -> list[Delivery]:
        """What is to be delivered now, to others than those that have enough to do."""
        work = UnitOfWork(self.database, None)
        return await work.all(repository.DUE, now=self.parts.clock(), limit=limit, busy=busy)

    async def _attempt(self, delivery: Delivery) -> None:
        try:
            await self.attempt(delivery)
        except SoundstageError as error:
            log.warning("webhooks.attempt_lost", delivery_id=delivery.id, error=error.message)
        except Exception:  # a defect must not end every other delivery
            log.exception("webhooks.defect", delivery_id=delivery.id)

    async def attempt(self, delivery: Delivery) -> Delivery | None:
        """One attempt; None where another server has it."""
        work = UnitOfWork(self.database, None)
        until = self.parts.clock() + LEASE
        work.write(
            repository.TAKE_LEASE,
            id=delivery.id,
            epoch=delivery.lease_epoch,
            owner=self.owner,
            until=until,
            expect=1,
            otherwise=LeaseTaken(),
        )
        try:
            await work.commit()
        except LeaseTaken:
            return None
        integration = await work.one(repository.SYSTEM_INTEGRATION, id=delivery.integration_id)
        if integration is None:
            return None
        leased = delivery.changed(lease_epoch=delivery.lease_epoch + 1)
        return await self._store(await self._send(integration, leased))

    async def _send(self, integration: Integration, delivery: Delivery) -> Delivery:
        moment = self.parts.clock()
        attempted = delivery.changed(attempts=delivery.attempts + 1, attempted_at=moment, error="", response_body="")
        try:
            secrets = opened(self.parts.vault, integration, moment)
            answer = await ask(
                _question(integration, delivery, secrets, moment), allow_private=self.parts.allow_private
            )
        except PrivateAddress:
            return self._failed(attempted.changed(response_status=None, error=PRIVATE))
        except Unreachable as failure:
            return self._failed(attempted.changed(response_status=None, error=str(failure)))
        except SoundstageError as error:
            return self._failed(attempted.changed(response_status=None, error=error.message))
        answered = attempted.changed(response_status=answer.status, response_body=_shown(answer))
        if 200 <= answer.status < 300:
            moment = self.parts.clock()
            return answered.changed(status=DeliveryStatus.DELIVERED, next_at=None, delivered_at=moment)
        return self._failed(answered.changed(error=f"It answered with status {answer.status}."), _wait(answer))

    def _failed(self, delivery: Delivery, wait: timedelta = timedelta(0)) -> Delivery:
        if delivery.attempts > len(RETRIES) or delivery.response_status == GONE:
            return delivery.changed(status=DeliveryStatus.DEAD, next_at=None)
        return delivery.changed(next_at=self.parts.clock() + max(wait, RETRIES[delivery.attempts - 1]))

    async def _store(self, delivery: Delivery) -> Delivery | None:
        work = UnitOfWork(self.database, None)
        work.write(
            repository.ATTEMPTED,
            epoch=delivery.lease_epoch,
            expect=1,
            otherwise=LeaseTaken(),
            **{name: value for name, value in delivery.__dict__.items() if name in _KEPT},
        )
        if delivery.status is DeliveryStatus.DELIVERED:
            work.write(repository.ARRIVED, id=delivery.integration_id)
        elif delivery.status is DeliveryStatus.DEAD:
            gone = delivery.response_status == GONE
            reason = "It answered that it is gone." if gone else f"{MOST_DEAD} deliveries in a row arrived nowhere."
            work.write(repository.DIED, id=delivery.integration_id)
            most, moment = 1 if gone else MOST_DEAD, self.parts.clock()
            work.write(repository.BREAK, id=delivery.integration_id, most=most, reason=reason, now=moment)
        with suppress(LeaseTaken):
            await work.commit()
            return delivery
        return None


_KEPT = (
    "id",
    "status",
    "attempts",
    "next_at",
    "response_status",
    "response_body",
    "error",
    "attempted_at",
    "delivered_at",
)


def payload(delivery: Delivery) -> bytes:
    """The body of a delivery, the same in each attempt."""
    return orjson.dumps({"type": delivery.type, "timestamp": rfc3339(delivery.happened_at), "data": delivery.data})


def _question(integration: Integration, delivery: Delivery, secrets: list[str], moment: datetime) -> Question:
    body = payload(delivery)
    sent = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        **headers(secrets, delivery.message_id, moment, body),
    }
    return Question(integration.url, "POST", sent, body, ATTEMPT_SECONDS, MOST_BYTES_KEPT, cut=True)


def _wait(answer: Answer) -> timedelta:
    """How long the address wants to be left alone, where it says so in seconds; as long as we wait at most."""
    after = answer.headers.get("retry-after", "")
    seconds = int(after) if after.isascii() and after.isdecimal() and len(after) < 10 else 0
    return min(RETRIES[-1], timedelta(seconds=seconds))


def _shown(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
