"""Stripe, spoken to over a real connection, and its events applied once and in order."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from app.audit.repository import ALL_EVENTS
from app.billing.errors import BillingNotConfigured, BillingProviderFailed, SignatureInvalid
from app.billing.models import CheckoutStatus
from app.billing.providers import BillingParts
from app.billing.service import Billing, organization_of
from app.billing.signatures import sign
from app.billing.stripe import StripeBilling
from app.billing.webhooks import PLAN_CHANGED, Webhooks
from app.core.clock import now
from app.database.changes import Database
from app.identity.models import Plan
from tests.support.tenants import Tenant, found

pytestmark = pytest.mark.anyio
SECRET, KEY = "whsec_of_tests", "sk_test_of_tests"


class Stripe:
    """What speaks like Stripe's API, on a port of this machine."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.asked.append({"path": self.path, "headers": dict(self.headers), "form": parse_qs(body)})
                answer = json.dumps({"id": f"cs_{len(outer.asked)}", "url": "https://pay.example/1"}).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    def parts(self, **changes: Any) -> BillingParts:
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        given = {"secret_key": KEY, "webhook_secret": SECRET, "base_url": url, "prices": {"pro": "price_pro"}}
        return BillingParts(StripeBilling(**{**given, **changes}), simulated=False)


@pytest.fixture
def stripe() -> Iterator[Stripe]:
    made = Stripe()
    made.thread.start()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


async def _buy(tenant: Tenant, parts: BillingParts) -> Any:
    work = tenant.work()
    made = await Billing(work, tenant.actor, parts).start_checkout(
        Plan.PRO, "https://shop.example/done", "https://shop.example/"
    )
    await work.commit()
    return made


def _event(number: int, type_: str, at: int, **about: Any) -> tuple[bytes, str]:
    event = {"id": f"evt_{number}", "type": type_, "created": at, "data": {"object": about}}
    body, moment = json.dumps(event).encode(), int(now().timestamp())
    return body, f"t={moment},v1={sign(SECRET, body, moment)}"


async def test_a_checkout_is_asked_for_as_stripe_documents_it(database: Database, stripe: Stripe) -> None:
    tenant = await found(database, Plan.FREE)

    made = await _buy(tenant, stripe.parts())

    [asked] = stripe.asked
    assert asked["path"] == "/v1/checkout/sessions"
    assert asked["headers"]["Authorization"] == f"Bearer {KEY}"
    assert asked["headers"]["Idempotency-Key"] == made.id
    assert asked["form"]["line_items[0][price]"] == ["price_pro"]
    assert asked["form"]["client_reference_id"] == [tenant.id]
    assert (made.reference, made.url, made.status) == ("cs_1", "https://pay.example/1", CheckoutStatus.OPEN)


async def test_a_refusal_tells_no_secret_and_changes_nothing(database: Database, stripe: Stripe) -> None:
    tenant = await found(database, Plan.FREE)
    stripe.status = 402

    with pytest.raises(BillingProviderFailed) as failed:
        await _buy(tenant, stripe.parts())
    with pytest.raises(BillingNotConfigured):
        await _buy(tenant, stripe.parts(prices={}))

    assert KEY not in repr(failed.value) + repr(failed.value.details) + repr(stripe.parts())


async def test_events_change_the_plan_once_and_in_order(database: Database, stripe: Stripe) -> None:
    tenant, parts = await found(database, Plan.FREE), stripe.parts()
    made, hooks = await _buy(tenant, parts), Webhooks(database, parts)
    paid = _event(
        1,
        "checkout.session.completed",
        100,
        id=made.reference,
        payment_status="paid",
        subscription="sub_1",
        customer="c",
    )
    ended = _event(2, "customer.subscription.deleted", 200, id="sub_1", status="canceled")
    items = {"data": [{"price": {"id": "price_pro"}}]}
    late = _event(3, "customer.subscription.updated", 150, id="sub_1", status="active", items=items)

    plans = []
    for body, signature in (paid, paid, ended, late):
        new = await hooks.take(body, signature, "req_00000000")
        plans.append((new, (await organization_of(tenant.work())).plan))

    assert plans == [(True, Plan.PRO), (False, Plan.PRO), (True, Plan.FREE), (True, Plan.FREE)]
    told = [event.details for event in await tenant.work().all(ALL_EVENTS) if event.action == PLAN_CHANGED]
    assert [(each["from"], each["to"]) for each in told] == [("free", "pro"), ("pro", "free")]


async def test_an_unpaid_or_forged_event_changes_nothing(database: Database, stripe: Stripe) -> None:
    tenant, parts = await found(database, Plan.FREE), stripe.parts()
    made, hooks = await _buy(tenant, parts), Webhooks(database, parts)
    body, signature = _event(1, "checkout.session.completed", 100, id=made.reference, payment_status="unpaid")

    with pytest.raises(SignatureInvalid):
        await hooks.take(body + b" ", signature, "req_00000000")
    await hooks.take(body, signature, "req_00000000")

    assert (await organization_of(tenant.work())).plan == Plan.FREE
