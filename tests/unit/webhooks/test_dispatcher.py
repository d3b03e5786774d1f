"""Outgoing webhooks: from the change to the address, signed, retried, given up."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.core.errors import Conflict
from app.core.vault import Vault
from app.outbox.models import Announcement
from app.outbox.postman import Postman
from app.outbox.service import announce
from app.webhooks.dispatcher import AT_ONCE_TO_ONE, LEASE, MOST_BYTES_KEPT, MOST_DEAD, PRIVATE, RETRIES, Dispatcher
from app.webhooks.fanout import Fanout
from app.webhooks.models import Delivery, DeliveryStatus, Integration, IntegrationStatus
from app.webhooks.service import WebhookParts, Webhooks
from tests.support.clock import MockClock
from tests.support.receivers import Receiver, receiver
from tests.support.tenants import Tenant
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

DATA = {"id": "env_1", "name": "shop"}


class World:
    """An organization with webhooks, a clock of its own, and somebody who takes them."""

    def __init__(self, tenant: Tenant, clock: MockClock, taker: Receiver, *, allow_private: bool = True) -> None:
        self.tenant, self.clock, self.taker = tenant, clock, taker
        self.parts = WebhookParts(Vault(Fernet.generate_key()), "http://own.test", allow_private, clock)
        self.postman = Postman(tenant.database, [Fanout(clock).listen])

    def dispatcher(self, owner: str = "node") -> Dispatcher:
        return Dispatcher(self.tenant.database, self.parts, owner=owner)

    def webhooks(self) -> Webhooks:
        return Webhooks(self.tenant.work(), self.tenant.actor, self.parts)

    async def integration(self, events: list[str] | None = None) -> tuple[Integration, str]:
        verbs = self.webhooks()
        made = await verbs.create_outgoing(name="hook", url=self.taker.url, events=events or ["*"])
        await verbs.work.commit()
        return made.integration, made.secret

    async def announce(self, event_type: str = "environment.running") -> Announcement:
        work = self.tenant.work()
        made = announce(work, event_type, DATA)
        await work.commit()
        await self.postman.tell()
        return made

    async def deliver(self) -> list[Delivery]:
        """One attempt of everything that is due."""
        dispatcher = self.dispatcher()
        return [done for due in await dispatcher.due(100, []) if (done := await dispatcher.attempt(due))]

    async def read(self, integration_id: str) -> Integration:
        found = await self.webhooks().find(integration_id)
        assert found is not None
        return found


@pytest.fixture
async def taker() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


@pytest.fixture
def world(organization: Tenant, clock: MockClock, taker: Receiver) -> World:
    return World(organization, clock, taker)


async def test_an_event_arrives_signed_as_standard_webhooks_has_it(world: World) -> None:
    _, secret = await world.integration()
    announced = await world.announce()

    [done] = await world.deliver()

    [taken] = world.taker.taken
    assert done.status is DeliveryStatus.DELIVERED
    assert taken.headers["webhook-id"] == announced.id
    assert world.taker.bodies()[0] == {
        "type": "environment.running",
        "timestamp": announced.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": DATA,
    }
    again = Webhook(secret).sign(announced.id, world.clock(), taken.body.decode())
    assert taken.headers["webhook-signature"] == again
    assert await world.deliver() == []


async def test_the_library_of_a_receiver_takes_it_and_refuses_what_was_changed(world: World) -> None:
    from app.core.clock import now

    world.clock.present = now()  # the library looks at the real clock
    _, secret = await world.integration()
    await world.announce()
    await world.deliver()
    [taken] = world.taker.taken

    Webhook(secret).verify(taken.body, taken.headers)

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(taken.body + b" ", taken.headers)


async def test_only_what_an_integration_asks_for_is_sent(world: World) -> None:
    await world.integration(["agent.suspended", "approval.*"])

    for event_type in ("environment.running", "agent.suspended", "approval.requested", "incoming.github.push"):
        await world.announce(event_type)
    await world.deliver()

    assert [body["type"] for body in world.taker.bodies()] == ["agent.suspended", "approval.requested"]


async def test_what_was_not_committed_is_never_told(world: World) -> None:
    await world.integration()
    work = world.tenant.work()

    announce(work, "environment.running", DATA)
    work.discard()
    await world.postman.tell()

    assert await world.deliver() == []


async def test_an_unknown_type_is_a_defect(world: World) -> None:
    with pytest.raises(ValueError, match=r"kinds\.py"):
        announce(world.tenant.work(), "nothing.happened", {})


async def test_another_organization_is_told_nothing(world: World) -> None:
    from tests.support.tenants import found

    await world.integration()
    other = await found(world.tenant.database)
    work = other.work()
    announce(work, "environment.running", DATA)
    await work.commit()

    await world.postman.tell()

    assert await world.deliver() == []


async def test_two_postmen_tell_of_an_event_once(world: World) -> None:
    await world.integration()
    work = world.tenant.work()
    announce(work, "environment.running", DATA)
    await work.commit()
    other = Postman(world.tenant.database, [Fanout(world.clock).listen])

    await asyncio.gather(world.postman.tell(), other.tell())

    assert len(await world.dispatcher().due(100, [])) == 1


async def test_failures_are_retried_over_hours_and_then_it_is_dead(world: World) -> None:
    integration, _ = await world.integration()
    await world.announce()
    world.taker.status, world.taker.answer = 500, b"out of order"

    waits = []
    for _ in range(len(RETRIES)):
        [failed] = await world.deliver()
        assert failed.status is DeliveryStatus.PENDING
        assert failed.next_at is not None
        waits.append(failed.next_at - world.clock())
        assert await world.deliver() == []
        world.clock.present = failed.next_at
    [dead] = await world.deliver()

    assert waits == [timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18000, 36000)]
    assert (dead.status, dead.attempts, dead.response_status) == (DeliveryStatus.DEAD, 7, 500)
    assert dead.response_body == "out of order"
    assert {taken.headers["webhook-id"] for taken in world.taker.taken} == {dead.message_id}
    page = await world.webhooks().deliveries(integration.id, 10, None, DeliveryStatus.DEAD)
    assert [each.id for each in page.items] == [dead.id]


async def test_a_dead_delivery_is_made_again_by_hand_with_its_id(world: World) -> None:
    await world.integration()
    await world.announce()
    dead = await _kill(world)
    world.taker.status = 204

    verbs = world.webhooks()
    await verbs.redeliver(dead.id)
    await verbs.work.commit()
    [done] = await world.deliver()

    assert (done.status, done.attempts, done.message_id) == (DeliveryStatus.DELIVERED, 1, dead.message_id)


async def test_five_dead_in_a_row_break_an_integration_and_enabling_mends_it(world: World) -> None:
    integration, _ = await world.integration()
    for number in range(MOST_DEAD):
        assert (await world.read(integration.id)).status is IntegrationStatus.ENABLED, number
        await world.announce()
        await _kill(world)

    broken = await world.read(integration.id)
    assert (broken.status, broken.dead_in_row) == (IntegrationStatus.BROKEN, MOST_DEAD)
    assert "arrived nowhere" in broken.reason
    await world.announce()
    assert await world.deliver() == []

    verbs = world.webhooks()
    await verbs.update(integration.id, enabled=True)
    await verbs.work.commit()
    world.taker.status = 200
    await world.announce()
    assert [done.status for done in await world.deliver()] == [DeliveryStatus.DELIVERED]


async def test_what_arrives_sets_the_count_back(world: World) -> None:
    integration, _ = await world.integration()
    await world.announce()
    await _kill(world)
    world.taker.status = 200
    await world.announce()

    await world.deliver()

    assert (await world.read(integration.id)).dead_in_row == 0


async def test_an_address_that_is_gone_is_asked_no_more(world: World) -> None:
    integration, _ = await world.integration()
    await world.announce()
    world.taker.status = 410

    [dead] = await world.deliver()

    assert dead.status is DeliveryStatus.DEAD
    assert (await world.read(integration.id)).status is IntegrationStatus.BROKEN


async def test_what_is_disabled_waits(world: World) -> None:
    integration, _ = await world.integration()
    await world.announce()
    verbs = world.webhooks()
    await verbs.update(integration.id, enabled=False)
    await verbs.work.commit()

    assert await world.deliver() == []

    verbs = world.webhooks()
    await verbs.update(integration.id, enabled=True)
    await verbs.work.commit()
    assert len(await world.deliver()) == 1


async def test_two_nodes_do_not_deliver_the_same_at_once(world: World) -> None:
    await world.integration()
    await world.announce()
    world.taker.slow = 0.05
    one, other = world.dispatcher("a"), world.dispatcher("b")
    [due] = await one.due(10, [])

    done = await asyncio.gather(one.attempt(due), other.attempt(due))

    assert len(world.taker.taken) == 1
    assert [each is None for each in done].count(True) == 1


async def test_what_a_dead_node_was_delivering_is_delivered_when_its_lease_is_over(world: World) -> None:
    await world.integration()
    await world.announce()
    world.taker.slow = 5
    dying = world.dispatcher("dying")
    [due] = await dying.due(10, [])
    attempt = asyncio.create_task(dying.attempt(due))
    await until(lambda: _true(world.taker.taken))
    attempt.cancel()
    await asyncio.gather(attempt, return_exceptions=True)
    world.taker.slow = 0

    assert await world.deliver() == []
    world.clock.forward(LEASE.total_seconds() + 1)
    [done] = await world.deliver()

    assert done.status is DeliveryStatus.DELIVERED
    assert [taken.headers["webhook-id"] for taken in world.taker.taken] == [due.message_id] * 2


async def test_a_node_that_was_born_again_goes_on_at_once(world: World) -> None:
    await world.integration()
    await world.announce()
    world.taker.slow = 5
    dying = world.dispatcher("node")
    [due] = await dying.due(10, [])
    attempt = asyncio.create_task(dying.attempt(due))
    await until(lambda: _true(world.taker.taken))
    attempt.cancel()
    await asyncio.gather(attempt, return_exceptions=True)
    world.taker.slow = 0

    await world.dispatcher("node").free()

    assert [done.status for done in await world.deliver()] == [DeliveryStatus.DELIVERED]


async def test_an_organization_has_so_many_integrations_at_most(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.webhooks.service.MOST_INTEGRATIONS", 2)
    await world.integration()
    await world.integration()

    with pytest.raises(Conflict, match="at most 2"):
        await world.integration()


async def test_a_rotated_secret_signs_beside_the_new_one_until_its_overlap_is_over(world: World) -> None:
    integration, old = await world.integration()
    verbs = world.webhooks()
    new = (await verbs.rotate(integration.id, timedelta(hours=1))).secret
    await verbs.work.commit()

    await world.announce()
    await world.deliver()
    world.clock.forward(3601)
    await world.announce()
    await world.deliver()

    counts = [len(taken.headers["webhook-signature"].split(" ")) for taken in world.taker.taken]
    assert counts == [2, 1]
    [first, last] = world.taker.taken
    assert Webhook(old).sign(first.headers["webhook-id"], _sent_at(first.headers), first.body.decode()) in (
        first.headers["webhook-signature"].split(" ")
    )
    assert (
        Webhook(new).sign(last.headers["webhook-id"], world.clock(), last.body.decode())
        == (last.headers["webhook-signature"])
    )


async def test_a_long_answer_is_cut_off(world: World) -> None:
    await world.integration()
    await world.announce()
    world.taker.answer = b"x" * 100_000

    [done] = await world.deliver()

    assert (done.status, len(done.response_body)) == (DeliveryStatus.DELIVERED, MOST_BYTES_KEPT)


async def test_an_answer_that_cannot_be_stored_as_it_is_does_not_stop_anything(world: World) -> None:
    await world.integration()
    await world.announce()
    world.taker.answer = b"\x00\xff{}"

    [done] = await world.deliver()

    assert done.response_body == "\N{REPLACEMENT CHARACTER}" * 2 + "{}"


async def test_nothing_inside_is_reached_unless_the_installation_allows_it(
    organization: Tenant, clock: MockClock, taker: Receiver
) -> None:
    world = World(organization, clock, taker, allow_private=False)
    await world.integration()
    await world.announce()

    [failed] = await world.deliver()

    assert (failed.status, failed.error) == (DeliveryStatus.PENDING, PRIVATE)
    assert taker.taken == []


async def test_an_address_that_does_not_listen_is_told_in_the_delivery(world: World) -> None:
    await world.integration()
    await world.announce()
    world.taker.port = 1
    verbs = world.webhooks()
    [integration] = (await verbs.page(1, None)).items
    await verbs.update(integration.id, url=world.taker.url)
    await verbs.work.commit()

    [failed] = await world.deliver()

    assert failed.response_status is None
    assert "cannot be reached" in failed.error


@pytest.mark.parametrize(("after", "seconds"), [("90", 90), ("1", 5), ("99999999", 36_000), ("soon", 5), ("²", 5)])
async def test_an_address_that_wants_to_be_left_alone_is(world: World, after: str, seconds: int) -> None:
    await world.integration()
    await world.announce()
    world.taker.answering = lambda _: (429, {"Retry-After": after.encode().decode("latin-1")}, b"")

    [failed] = await world.deliver()

    assert failed.next_at == world.clock() + timedelta(seconds=seconds)


async def test_others_do_not_wait_behind_a_slow_address(world: World, taker: Receiver) -> None:
    async with receiver() as slow:
        slow.slow = 5
        verbs = world.webhooks()
        await verbs.create_outgoing(name="slow", url=slow.url, events=["environment.*"])
        await verbs.create_outgoing(name="quick", url=taker.url, events=["agent.*"])
        await verbs.work.commit()
        for _ in range(30):
            await world.announce()
        await world.announce("agent.suspended")
        dispatcher = world.dispatcher()

        dispatcher.start()
        await until(lambda: _true(taker.taken), 4.0)
        await dispatcher.close()

        assert slow.most_open <= AT_ONCE_TO_ONE


async def test_a_slow_address_takes_no_more_than_its_part(world: World) -> None:
    await world.integration()
    for _ in range(3 * AT_ONCE_TO_ONE):
        await world.announce()
    world.taker.slow = 0.05
    dispatcher = world.dispatcher()

    dispatcher.start()
    await until(lambda: _true(len(world.taker.taken) == 3 * AT_ONCE_TO_ONE))
    await dispatcher.close()

    assert world.taker.most_open <= AT_ONCE_TO_ONE


async def test_an_integration_that_was_changed_meanwhile_is_not_overwritten(world: World) -> None:
    integration, _ = await world.integration()
    one, other = world.webhooks(), world.webhooks()
    await one.update(integration.id, name="one")
    await other.update(integration.id, name="other")
    await one.work.commit()

    with pytest.raises(Conflict):
        await other.work.commit()


async def test_a_secret_is_long_and_not_readable_in_the_database(world: World) -> None:
    integration, secret = await world.integration()

    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 24
    assert secret not in (await world.read(integration.id)).secret


async def _kill(world: World) -> Delivery:
    world.taker.status = 500
    for _ in range(len(RETRIES) + 1):
        [last] = await world.deliver()
        world.clock.present = last.next_at or world.clock()
    assert last.status is DeliveryStatus.DEAD
    return last


def _sent_at(headers: dict[str, str]):  # type: ignore[no-untyped-def]
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)


async def _true(value: object) -> bool:
    return bool(value)
