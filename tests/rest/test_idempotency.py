"""`Idempotency-Key`: the same request again has one effect and one answer."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam

from app.audit.repository import ALL_EVENTS
from app.core.clock import now
from app.database.statements import change, changing
from app.idempotency.models import IdempotencyKeyTable
from app.idempotency.service import IN_FLIGHT, Idempotency
from tests.support.databases import KINDS
from tests.support.routes import facts_for, path_of, payload, request
from tests.support.samples import ROUTE_SAMPLES, ROUTES
from tests.support.serving import BLUEPRINT, Client, Served

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Both databases."""
    name: str = request.param
    return name


CHANGING = [
    name
    for name, route in ROUTES.items()
    if route.is_mutation and route.method in ("POST", "PUT", "PATCH") and not ROUTE_SAMPLES[name].session
]
#: What changes nothing, or counts for itself, is asked again; a second settlement is refused.
ASKED_AGAIN = {
    "ValidateBlueprint": 200,
    "EvaluatePolicy": 200,
    "SettleUsage": 409,
    "CompleteCode": 200,
    "SuggestPrompts": 200,
}
KEY = {"Idempotency-Key": "once-and-only-once"}
BODY = {"blueprint": BLUEPRINT, "name": "once"}
AGE = change(changing(IdempotencyKeyTable).values(created_at=bindparam("created_at")))


async def _count(client: Client) -> int:
    return len((await client.get("/v1/environments")).json()["data"])


@pytest.mark.parametrize("name", CHANGING)
async def test_the_same_request_again_gets_the_same_answer_and_does_nothing(shared: Served, name: str) -> None:
    client = await shared.newcomer()
    known = await facts_for(client, name)

    first = await request(client, name, known, headers=KEY)
    events = await client.tenant.work().all(ALL_EVENTS)
    second = await request(client, name, known, headers=KEY)

    assert first.status_code == ROUTES[name].status
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert await client.tenant.work().all(ALL_EVENTS) == events
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    for header in ("location", "etag", "content-type"):
        assert second.headers.get(header) == first.headers.get(header)
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


async def test_another_body_under_the_same_key_is_422(shared: Served) -> None:
    client = await shared.newcomer()
    await client.post("/v1/environments", json=BODY, headers=KEY)

    answer = await client.post("/v1/environments", json={**BODY, "name": "twice"}, headers=KEY)

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert await _count(client) == 1


async def test_another_route_under_the_same_key_is_422(shared: Served) -> None:
    client = await shared.newcomer()
    known = await client.running()
    await client.post(f"/v1/environments/{known}/stop", headers=KEY)

    answer = await client.post(f"/v1/environments/{known}/resume", headers=KEY)

    assert answer.status_code == 422


async def test_of_fifty_at_once_exactly_one_has_an_effect(shared: Served) -> None:
    client = await shared.newcomer()

    answers = await asyncio.gather(*(client.post("/v1/environments", json=BODY, headers=KEY) for _ in range(50)))

    made = {answer.content for answer in answers if answer.status_code == 202}
    others = {answer.json()["error"]["code"] for answer in answers if answer.status_code != 202}
    assert len(made) == 1, "the one that was made, and its replays"
    assert others <= {"idempotency_in_flight"}
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert await _count(client) == 1


async def test_a_request_that_failed_does_not_use_up_its_key(shared: Served) -> None:
    client = await shared.newcomer()
    refused = await client.post("/v1/environments", json={"blueprint": {"services": {}}}, headers=KEY)

    answer = await client.post("/v1/environments", json=BODY, headers=KEY)

    assert (refused.status_code, answer.status_code) == (422, 202)


@pytest.mark.parametrize("name", CHANGING)
async def test_an_answer_that_was_lost_after_the_effect_is_made_again(
    shared: Served, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    client = await shared.newcomer()
    known = await facts_for(client, name)
    with monkeypatch.context() as patched:
        patched.setattr(Idempotency, "finish", _crash)
        lost = await request(client, name, known, headers=KEY)
    before = await _effects(client)

    in_flight = await request(client, name, known, headers=KEY)
    await _age(client)
    again = await request(client, name, known, headers=KEY)
    replayed = await request(client, name, known, headers=KEY)

    assert (lost.status_code, in_flight.status_code) == (500, 409)
    assert in_flight.json()["error"]["code"].lower() == "idempotency_in_flight"
    assert await _effects(client) == before, "it was done twice"
    if name in ASKED_AGAIN:
        assert again.status_code == ASKED_AGAIN[name], again.text
        return
    if not ROUTES[name].answers_a_node:
        assert (again.status_code, again.json()["error"]["code"].lower()) == (409, "answer_lost")
        return
    assert again.status_code == ROUTES[name].status, again.text
    assert replayed.content == again.content
    if ROUTES[name].answers_a_node and "{id}" in ROUTES[name].path:
        assert f"/{payload(name, again.json())['id']}" in path_of(name, known)


async def _crash(*_: object) -> None:
    raise ConnectionResetError("the machine lost power")


async def _age(client: Client) -> None:
    """Lets the time pass in which a first request may still be under way."""
    work = client.tenant.work()
    work.write(AGE, created_at=now() - IN_FLIGHT - timedelta(seconds=1))
    await work.commit()


async def _effects(client: Client) -> Any:
    governed = "agents { nodes { id version } } policies { nodes { id version } } approvals { nodes { id status } }"
    people = "members { nodes { id role } } invitations { nodes { id status } } roles { id version }"
    environments = "environments { nodes { id name generation desiredStatus } } apiKeys { nodes { id } }"
    query = f"{{ {environments} {people} {governed} }}"
    return await client.data(query)


async def test_a_key_is_forgotten_after_a_day(shared: Served) -> None:
    from app.idempotency.service import forget_old

    client = await shared.newcomer()
    await client.post("/v1/environments", json=BODY, headers=KEY)
    work = client.tenant.work()
    work.write(AGE, created_at=now() - timedelta(hours=24, seconds=1))
    await work.commit()

    await forget_old(client.tenant.database)
    answer = await client.post("/v1/environments", json={**BODY, "name": "anew"}, headers=KEY)

    assert answer.status_code == 202
    assert await _count(client) == 2


@pytest.mark.parametrize(("key", "status"), [("k" * 255, 202), ("k" * 256, 400), ("", 400)])
async def test_a_key_has_up_to_255_characters(shared: Served, key: str, status: int) -> None:
    client = await shared.newcomer()

    answer = await client.post("/v1/environments", json=BODY, headers={"Idempotency-Key": key})

    assert answer.status_code == status


async def test_reading_and_deleting_take_no_key(shared: Served) -> None:
    client = await shared.newcomer()
    known = await facts_for(client, "DeleteEnvironment")

    for name in ("GetEnvironment", "DeleteEnvironment"):
        first = await request(client, name, known, headers=KEY)
        assert first.status_code == 200
        assert "idempotency-replayed" not in (await request(client, name, known, headers=KEY)).headers


async def test_the_same_key_with_an_alias_of_the_path_is_the_same_or_refused(shared: Served) -> None:
    """Never a second effect."""
    client = await shared.newcomer()
    await client.post("/v1/environments", json=BODY, headers=KEY)

    answer = await client.post("/environments", json=BODY, headers=KEY)

    assert answer.status_code in (202, 422)
    assert await _count(client) == 1


def test_every_changing_route_is_tried() -> None:
    assert set(CHANGING) <= set(ROUTE_SAMPLES)
    assert path_of
