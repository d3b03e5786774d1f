"""The audit log as SURADAR and SureStage document it, to the letter."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.audit.service import record_for
from tests.support.audit_logs import grow
from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio

AGENT = "agt_" + "0" * 26


async def _agent_event(client: Client, **fields: Any) -> None:
    given = {"action": "write", "resource": "orders/12345", "agent_id": AGENT, "request_id": "req_1", **fields}
    work = client.tenant.work()
    record_for(work, organization_id=client.tenant.id, **given)
    await work.commit()


async def test_suradars_answer_is_the_documented_one(shared: Served) -> None:
    client = await shared.newcomer()
    await _agent_event(client, action="read")
    await _agent_event(client)

    answer = await client.get("/v1/audit", params={"agent_id": AGENT, "limit": 1})

    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["events", "has_more", "cursor"]
    [event] = body["events"]
    assert list(event) == ["id", "agent_id", "action", "resource", "result", "timestamp"]
    assert re.fullmatch(r"evt_[0-9a-z]{26}", event["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["timestamp"])
    assert {name: event[name] for name in ("agent_id", "action", "resource", "result")} == {
        "agent_id": AGENT,
        "action": "write",
        "resource": "orders/12345",
        "result": "allowed",
    }
    assert body["has_more"] is True
    assert re.fullmatch(r"cur_[0-9A-Za-z_=-]+", body["cursor"])


async def test_suradars_cursor_leads_through_the_whole_log(shared: Served) -> None:
    client = await shared.newcomer()
    for number in range(5):
        await _agent_event(client, resource=f"orders/{number}")

    seen, query = [], {"limit": "2"}
    while True:
        body = (await client.get("/v1/audit", params=query)).json()
        seen += [event["resource"] for event in body["events"]]
        if not body["has_more"]:
            break
        query["cursor"] = body["cursor"]

    assert seen == [f"orders/{number}" for number in (4, 3, 2, 1, 0)]
    assert body["cursor"] is None


async def test_suradars_filters(shared: Served) -> None:
    client = await shared.newcomer()
    await _agent_event(client, action="read")
    await _agent_event(client, agent_id="agt_other")

    async def resources(**query: str) -> list[tuple[str, str]]:
        answer = await client.get("/v1/audit", params=query)
        assert answer.status_code == 200, answer.text
        return [(event["agent_id"], event["action"]) for event in answer.json()["events"]]

    assert await resources(agent_id=AGENT) == [(AGENT, "read")]
    assert await resources(action="write") == [("agt_other", "write")]
    assert await resources(to="2026-01-01T00:00:00Z") == []
    assert len(await resources(**{"from": "2026-01-01T00:00:00Z", "to": "2999-01-01T00:00:00+02:00"})) == 2
    assert len(await resources(**{"from": "2026-01-01"})) == 2


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "many"},
        {"cursor": "cur_tampered"},
        {"cursor": "Mw"},
        {"from": "yesterday"},
        {"to": "2026-13-01T00:00:00Z"},
        {"from": "0001-01-01T00:00:00+14:00"},
        {"agent": AGENT},
    ],
)
async def test_suradars_error_for_what_is_malformed(shared: Served, query: dict[str, str]) -> None:
    client = await shared.newcomer()

    answer = await client.get("/v1/audit", params=query)

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert list(error) == ["code", "message", "status"]
    assert (error["code"], error["status"]) == ("invalid_request", 400)


async def test_a_thousand_events_at_once(shared: Served) -> None:
    client = await shared.newcomer()
    await grow(client.tenant, 1_001)

    body = (await client.get("/v1/audit", params={"limit": 1_000})).json()

    assert len(body["events"]) == 1_000
    assert body["has_more"] is True


async def test_surestages_list_has_all_that_is_known(shared: Served) -> None:
    client = await shared.newcomer()
    await grow(client.tenant, 3)

    body = (await client.get("/v1/audit-logs", params={"limit": 2, "result": "allowed"})).json()

    assert (body["success"], body["meta"]["hasMore"]) == (True, True)
    assert [event["sequence"] for event in body["data"]] == [3, 2]
    assert body["data"][0]["result"] == "allowed"
    assert {"userId", "credentialId", "reasons", "requestId", "details", "personal", "leaf"} <= set(body["data"][0])
    rest = (await client.get("/v1/audit-logs", params={"cursor": body["meta"]["nextCursor"]})).json()
    assert [event["sequence"] for event in rest["data"]] == [1]
    assert rest["data"][0]["personal"] == {"ip": "203.0.113.0"}
