"""Incoming webhooks: the real schemes over the raw body, and nothing taken twice."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from cryptography.fernet import Fernet
from standardwebhooks.webhooks import Webhook

from app.core.errors import SoundstageError
from app.core.vault import Vault
from app.database.unit_of_work import UnitOfWork
from app.outbox.models import Announcement
from app.outbox.repository import OLDEST
from app.webhooks.errors import IntegrationUnknown, WebhookNotJson, WebhookSignatureInvalid
from app.webhooks.incoming import Receiver
from app.webhooks.models import Scheme
from app.webhooks.service import WebhookParts, Webhooks
from tests.support.clock import MockClock
from tests.support.tenants import Tenant

pytestmark = pytest.mark.anyio

BODY = json.dumps({"ref": "refs/heads/main", "type": "order.paid"}).encode()
Signing = Callable[[str, bytes], dict[str, str]]


def _hex(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def _github(secret: str, body: bytes) -> dict[str, str]:
    return {
        "x-hub-signature-256": _hex(secret, body),
        "x-github-event": "push",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    }


def _gitlab(secret: str, body: bytes) -> dict[str, str]:
    return {"x-gitlab-token": secret, "x-gitlab-event": "Push Hook", "idempotency-key": "f5e5f430-f57b-4e6e-9fac"}


def _bitbucket(secret: str, body: bytes) -> dict[str, str]:
    return {"x-hub-signature": _hex(secret, body), "x-event-key": "repo:push", "x-request-uuid": "{uuid}"}


def _standard(secret: str, body: bytes) -> dict[str, str]:
    moment = datetime.now(UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", moment, body.decode()),
    }


SIGNING: dict[Scheme, Signing] = {
    Scheme.GITHUB: _github,
    Scheme.GITLAB: _gitlab,
    Scheme.BITBUCKET: _bitbucket,
    Scheme.STANDARD: _standard,
}
TYPES = {
    Scheme.GITHUB: "incoming.github.push",
    Scheme.GITLAB: "incoming.gitlab.push_hook",
    Scheme.BITBUCKET: "incoming.bitbucket.repo.push",
    Scheme.STANDARD: "incoming.standard.order.paid",
}


class World:
    """An organization that takes events."""

    def __init__(self, tenant: Tenant, clock: MockClock) -> None:
        self.tenant, self.clock = tenant, clock
        self.parts = WebhookParts(Vault(Fernet.generate_key()), "http://own.test", False, clock)
        self.receiver = Receiver(tenant.database, self.parts)

    def webhooks(self) -> Webhooks:
        return Webhooks(self.tenant.work(), self.tenant.actor, self.parts)

    async def integration(self, scheme: Scheme, secret: str | None = None) -> tuple[str, str]:
        verbs = self.webhooks()
        made = await verbs.create_incoming(name="in", scheme=scheme, secret=secret)
        await verbs.work.commit()
        return made.integration.id, made.secret

    async def announced(self) -> list[Announcement]:
        return await UnitOfWork(self.tenant.database, None).all(OLDEST, limit=100)

    async def refused(self, integration_id: str, headers: dict[str, str], body: bytes) -> type[SoundstageError]:
        with pytest.raises(SoundstageError) as raised:
            await self.receiver.take(integration_id, headers, body)
        assert await self.announced() == []
        return raised.type


@pytest.fixture
def world(organization: Tenant, clock: MockClock) -> World:
    return World(organization, clock)


@pytest.mark.parametrize("scheme", Scheme)
async def test_a_genuine_event_is_stored_and_announced_once(world: World, scheme: Scheme) -> None:
    integration_id, secret = await world.integration(scheme)
    headers = SIGNING[scheme](secret, BODY)

    taken = [await world.receiver.take(integration_id, headers, BODY) for _ in range(3)]

    [announced] = await world.announced()
    page = await world.webhooks().incoming(integration_id, 10, None)
    assert taken == [True, False, False]
    assert (announced.type, announced.data["body"]) == (TYPES[scheme], json.loads(BODY))
    assert [(each.type, each.body) for each in page.items] == [(TYPES[scheme], BODY.decode())]


@pytest.mark.parametrize("scheme", Scheme)
async def test_a_wrong_secret_is_refused_before_the_body_is_read(world: World, scheme: Scheme) -> None:
    integration_id, _ = await world.integration(scheme)
    wrong = "whsec_" + "A" * 32
    headers = SIGNING[scheme](wrong, b"not json")

    assert await world.refused(integration_id, headers, b"not json") is WebhookSignatureInvalid


@pytest.mark.parametrize("scheme", [Scheme.GITHUB, Scheme.BITBUCKET, Scheme.STANDARD])
async def test_a_body_that_was_changed_by_a_byte_is_refused(world: World, scheme: Scheme) -> None:
    integration_id, secret = await world.integration(scheme)
    headers = SIGNING[scheme](secret, BODY)

    assert await world.refused(integration_id, headers, BODY + b" ") is WebhookSignatureInvalid


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("name", sorted({name for sign in SIGNING.values() for name in sign("A" * 32, b"")}))
async def test_a_header_of_nonsense_is_refused_and_breaks_nothing(world: World, scheme: Scheme, name: str) -> None:
    integration_id, _ = await world.integration(scheme)

    for nonsense in ("", "sha256=", "v1", "v1,", "v1,%%%", "é", "a,b,c d", "9" * 400, "v1,AA== " * 50):
        headers = {**SIGNING[scheme]("B" * 32, BODY), name: nonsense}
        assert await world.refused(integration_id, headers, BODY) is WebhookSignatureInvalid


@pytest.mark.parametrize("scheme", [Scheme.GITHUB, Scheme.BITBUCKET])
async def test_a_replay_under_another_delivery_id_is_known_by_its_body(world: World, scheme: Scheme) -> None:
    integration_id, secret = await world.integration(scheme)
    headers = SIGNING[scheme](secret, BODY)

    first = await world.receiver.take(integration_id, headers, BODY)
    second = await world.receiver.take(
        integration_id, {**headers, "x-github-delivery": "another", "x-request-uuid": "another"}, BODY
    )

    assert (first, second) == (True, False)


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_signature_of_another_time_is_refused(world: World, minutes: int) -> None:
    integration_id, secret = await world.integration(Scheme.STANDARD)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes), tick=False):
        headers = _standard(secret, BODY)

    assert await world.refused(integration_id, headers, BODY) is WebhookSignatureInvalid


async def test_a_signed_body_that_is_no_json_is_refused(world: World) -> None:
    integration_id, secret = await world.integration(Scheme.GITHUB)

    for body in (b"payload=%7B%7D", b"", b"\xff\xfe", b"{"):
        assert await world.refused(integration_id, _github(secret, body), body) is WebhookNotJson


async def test_an_id_that_takes_nothing_is_unknown(world: World) -> None:
    verbs = world.webhooks()
    outgoing = (await verbs.create_outgoing(name="out", url="https://example.com/", events=["*"])).integration.id
    await verbs.work.commit()
    integration_id, secret = await world.integration(Scheme.GITHUB)
    verbs = world.webhooks()
    await verbs.update(integration_id, enabled=False)
    await verbs.work.commit()

    for wrong in ("", "whk_" + "0" * 26, outgoing, integration_id, "whk_\0"):
        assert await world.refused(wrong, _github(secret, BODY), BODY) is IntegrationUnknown


async def test_the_secret_before_a_rotation_is_taken_until_its_overlap_is_over(world: World) -> None:
    integration_id, old = await world.integration(Scheme.GITHUB, "a secret of the sender's")
    verbs = world.webhooks()
    new = (await verbs.rotate(integration_id, timedelta(hours=1))).secret
    await verbs.work.commit()

    assert await world.receiver.take(integration_id, _github(old, b"[1]"), b"[1]")
    assert await world.receiver.take(integration_id, _github(new, b"[2]"), b"[2]")
    world.clock.forward(3601)
    with pytest.raises(WebhookSignatureInvalid):
        await world.receiver.take(integration_id, _github(old, b"[3]"), b"[3]")


async def test_githubs_own_example_of_a_signature() -> None:
    """https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries"""
    from app.webhooks.signing import verify

    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    received = verify(
        Scheme.GITHUB, ["It's a Secret to Everybody"], {"x-hub-signature-256": expected}, b"Hello, World!"
    )

    assert received.event == ""
