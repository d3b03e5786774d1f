"""The audit log over GraphQL: pages, filters, proofs that the client verifies, erasure, following."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import orjson
import pytest

from app.audit import repository
from app.audit.canonical import FIELDS, document_leaf
from app.audit.cursors import Cursors
from app.audit.merkle import verify_consistency, verify_inclusion
from app.audit.models import AuditResult
from app.audit.notes import PublicKey, parse_note, unsigned
from app.audit.offline import verify_export
from app.audit.service import Audit, Parts, record, record_for
from app.core.actor import Role
from app.core.clock import now
from tests.support.audit_logs import grow, seal, sealed_log
from tests.support.serving import Client, Served
from tests.support.signing import SIGNER
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

PAGE = """query ($filter: AuditEventFilter, $first: Int, $after: String) {
  auditEvents(filter: $filter, first: $first, after: $after) {
    nodes { id sequence action resource result userId agentId personal details createdAt }
    edges { cursor }
    pageInfo { hasNextPage hasPreviousPage endCursor }
  }
}"""
INCLUSION = """query ($id: ID!, $size: Int) {
  auditInclusionProof(eventId: $id, size: $size) { leaf leafIndex hashes checkpoint { size root note } }
}"""
CONSISTENCY = """query ($from: Int!, $to: Int!) {
  auditConsistencyProof(from: $from, to: $to) { fromSize fromRoot toSize toRoot hashes }
}"""
VERIFY = "{ verifyAuditLog { valid events signedSize findings { kind eventId } warnings } }"
ERASE = "mutation ($id: ID!) { eraseAuditPersonalData(userId: $id) { id events } }"


async def _page(client: Client, **variables: Any) -> dict[str, Any]:
    page: dict[str, Any] = (await client.data(PAGE, variables))["auditEvents"]
    return page


async def _sequences(client: Client, **wanted: Any) -> list[int]:
    return [node["sequence"] for node in (await _page(client, filter=wanted))["nodes"]]


async def _sealed_now(client: Client, size: int) -> None:
    """Waits until the newest checkpoint covers this size."""

    async def covered() -> bool:
        found = (await client.data("{ auditCheckpoint { size } }"))["auditCheckpoint"]
        return bool(found and found["size"] >= size)

    await until(covered)


async def test_pages_go_from_the_newest_to_the_oldest_and_meet(shared: Served) -> None:
    client = await shared.newcomer()
    await grow(client.tenant, 25)

    seen, after = [], None
    while True:
        page = await _page(client, first=10, after=after)
        seen += [node["sequence"] for node in page["nodes"]]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
        await grow(client.tenant, 1)  # what is new does not shift what was seen

    assert seen == list(range(25, 0, -1))


async def test_every_filter_lets_through_what_it_says(shared: Served) -> None:
    client = await shared.newcomer()
    work, actor = client.tenant.work(), client.tenant.actor
    record(work, actor, action="a.one", resource="env_1", request_id="req_1")
    record(work, actor, action="a.two", resource="env_2", request_id="req_2", result=AuditResult.DENIED)
    record_for(
        work, organization_id=actor.organization_id, agent_id="agt_1", action="a.two", resource="env_1", request_id="r"
    )
    await work.commit()
    [third, *_] = (await _page(client))["nodes"]
    later = (now() + timedelta(hours=1)).isoformat()

    assert await _sequences(client, action="a.two") == [3, 2]
    assert await _sequences(client, agentId="agt_1") == [3]
    assert await _sequences(client, userId=actor.user_id) == [2, 1]
    assert await _sequences(client, resource="env_1") == [3, 1]
    assert await _sequences(client, result="DENIED") == [2]
    assert await _sequences(client, action="a.two", resource="env_1", result="ALLOWED") == [3]
    assert await _sequences(client, **{"from": third["createdAt"]}) == [3]
    assert await _sequences(client, to=third["createdAt"]) == [2, 1]
    assert await _sequences(client, **{"from": later}) == []
    assert await _sequences(client, action="nothing") == []


async def test_a_changed_cursor_and_one_of_another_organization_are_refused(shared: Served) -> None:
    client, stranger = await shared.newcomer(), await shared.newcomer()
    await grow(client.tenant, 3)
    await grow(stranger.tenant, 3)
    cursor = (await _page(client, first=1))["pageInfo"]["endCursor"]
    raw = bytearray(base64.urlsafe_b64decode(cursor.removeprefix("cur_")))

    changed = []
    for place in range(len(raw)):
        bent = bytes([*raw[:place], raw[place] ^ 1, *raw[place + 1 :]])
        changed.append("cur_" + base64.urlsafe_b64encode(bent).decode())
    wrong = [
        *changed,
        cursor[:-4],
        cursor + "AAAA",
        cursor.removeprefix("cur_"),
        "cur_",
        "cur_???",
        "Mw",
        "2",
        "x" * 9999,
    ]

    assert {await client.code(PAGE, {"after": bad}) for bad in wrong} == {"INVALID_REQUEST"}
    assert await stranger.code(PAGE, {"after": cursor}) == "INVALID_REQUEST"
    assert await client.code(PAGE, {"after": cursor}) == ""


async def test_a_mutation_is_in_the_log_with_its_request(shared: Served) -> None:
    client = await shared.newcomer()

    made = await client.create(name="shop")

    [node] = (await _page(client))["nodes"]
    assert (node["action"], node["resource"], node["result"]) == ("environment.create", made["id"], "ALLOWED")
    assert (node["userId"], node["agentId"], node["sequence"]) == (client.tenant.user_id, None, 1)


async def test_a_client_verifies_that_an_event_is_in_the_log(shared: Served) -> None:
    client = await shared.newcomer()
    await grow(client.tenant, 300)
    await _sealed_now(client, 300)
    [node] = (await _page(client, first=1, filter={"action": "agent.call"}))["nodes"]

    proof = (await client.data(INCLUSION, {"id": node["id"]}))["auditInclusionProof"]

    leaf, *hashes = (base64.b64decode(text) for text in [proof["leaf"], *proof["hashes"]])
    signed = parse_note(proof["checkpoint"]["note"])
    assert unsigned(signed, [PublicKey(jwk) for jwk in SIGNER.jwks]) == []
    assert proof["leafIndex"] == node["sequence"] - 1
    assert verify_inclusion(leaf, proof["leafIndex"], signed.checkpoint.size, hashes, signed.checkpoint.root)


async def test_a_client_verifies_that_the_log_only_grew(shared: Served) -> None:
    client = await shared.newcomer()
    await grow(client.tenant, 7)
    await _sealed_now(client, 7)
    kept = (await client.data("{ auditCheckpoint { size root } }"))["auditCheckpoint"]
    await grow(client.tenant, 400)
    await _sealed_now(client, 407)

    proof = (await client.data(CONSISTENCY, {"from": kept["size"], "to": 407}))["auditConsistencyProof"]

    old, new, *hashes = (base64.b64decode(text) for text in [proof["fromRoot"], proof["toRoot"], *proof["hashes"]])
    assert proof["fromRoot"] == kept["root"]
    assert verify_consistency(7, 407, hashes, old, new)
    newest = (await client.data("{ auditCheckpoint(size: 407) { root } }"))["auditCheckpoint"]
    assert newest["root"] == proof["toRoot"]


async def test_proofs_say_what_they_cannot_prove(shared: Served) -> None:
    client = await shared.newcomer()
    await sealed_log(client.tenant, 5)
    events = await client.tenant.work().all(repository.ALL_EVENTS)
    missing = "evt_" + "0" * 26

    assert await client.code(INCLUSION, {"id": missing}) == "NOT_FOUND"
    assert await client.code(INCLUSION, {"id": events[0].id, "size": 4}) == "NOT_FOUND"
    assert await client.code(INCLUSION, {"id": events[0].id, "size": 0}) == "INVALID_REQUEST"
    assert await client.code(CONSISTENCY, {"from": 0, "to": 3}) == "INVALID_REQUEST"
    assert await client.code(CONSISTENCY, {"from": 3, "to": 2}) == "INVALID_REQUEST"
    assert await client.code(CONSISTENCY, {"from": 1, "to": 99}) == "INVALID_REQUEST"
    await grow(client.tenant, 1)
    newest = (await client.tenant.work().all(repository.ALL_EVENTS))[-1]
    assert await client.code(INCLUSION, {"id": newest.id, "size": 5}) == "AUDIT_NOT_SEALED"
    assert (await client.data("{ auditCheckpoint(size: 4) { size } }"))["auditCheckpoint"] is None


async def test_an_empty_log_is_valid_and_has_no_checkpoint(shared: Served) -> None:
    client = await shared.newcomer()

    assert (await client.data("{ auditCheckpoint { size } }"))["auditCheckpoint"] is None
    report = (await client.data(VERIFY))["verifyAuditLog"]
    assert (report["valid"], report["events"], report["signedSize"]) == (True, 0, 0)


async def test_erasing_leaves_every_proof_as_it_was(shared: Served) -> None:
    client = await shared.newcomer()
    about, other = client.tenant.user_id, "usr_" + "0" * 26
    await grow(client.tenant, 20)
    await grow(client.tenant, 4, about=other)
    await _sealed_now(client, 24)
    before = {node["id"]: node["personal"] for node in (await _page(client))["nodes"]}
    [first] = [node for node in (await _page(client))["nodes"] if node["sequence"] == 1]
    proof = (await client.data(INCLUSION, {"id": first["id"], "size": 24}))["auditInclusionProof"]

    erased = (await client.data(ERASE, {"id": about}))["eraseAuditPersonalData"]

    assert sum(personal is not None for personal in before.values()) == 6
    assert erased == {"id": about, "events": 5}
    after = (await _page(client))["nodes"]
    assert sum(node["personal"] is not None for node in after) == 1, "what is about others stays"
    assert (after[0]["action"], after[0]["resource"]) == ("audit.erase", about)
    assert (await client.data(INCLUSION, {"id": first["id"], "size": 24}))["auditInclusionProof"] == proof
    await _sealed_now(client, 25)
    assert (await client.data(VERIFY))["verifyAuditLog"]["valid"] is True
    again = (await client.data(ERASE, {"id": about}))["eraseAuditPersonalData"]
    assert again["events"] == 0


async def test_personal_data_of_another_organization_is_not_erased(shared: Served) -> None:
    client, stranger = await shared.newcomer(), await shared.newcomer()
    await grow(client.tenant, 8)

    erased = (await stranger.data(ERASE, {"id": client.tenant.user_id}))["eraseAuditPersonalData"]

    assert erased["events"] == 0
    assert sum(node["personal"] is not None for node in (await _page(client))["nodes"]) == 2


async def test_the_export_is_verified_without_the_server(shared: Served) -> None:
    client = await shared.newcomer()
    await grow(client.tenant, 600)
    await seal(client.tenant)
    await _sealed_now(client, 600)

    answer = await client.get("/v1/audit/export")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert {"x-request-id", "x-ratelimit-limit", "content-disposition"} <= set(answer.headers)
    lines = answer.content.splitlines()
    header, event = orjson.loads(lines[0])["header"], orjson.loads(lines[1])["event"]
    assert (header["origin"], header["size"]) == (f"soundstage/{client.tenant.id}", 600)
    assert header["keys"] == SIGNER.jwks
    assert set(event) == {*FIELDS, "sequence", "leaf"}, "no personal data, unless it is asked for"
    assert document_leaf(event).hex() == event["leaf"]
    report = verify_export(lines, keys=SIGNER.jwks)
    assert (report.findings, report.warnings, report.events, report.signed_size) == ([], [], 600, 600)


async def test_an_export_tells_personal_data_only_when_asked(shared: Served) -> None:
    client = await shared.newcomer()
    await grow(client.tenant, 1)

    without = (await client.get("/v1/audit/export")).text
    with_it = (await client.get("/v1/audit/export", params={"personal": "true"})).text

    assert "203.0.113." not in without
    assert "203.0.113." in with_it
    assert (await client.get("/v1/audit/export", params={"personal": "maybe"})).status_code == 400


async def test_an_export_takes_a_key_that_may_read_the_log(shared: Served) -> None:
    client = await shared.newcomer()

    nobody = await client.with_key(None).get("/v1/audit/export")
    member = await (await client.as_(Role.MEMBER)).get("/v1/audit/export")
    other = await (await client.as_(Role.OWNER, "environments:read")).get("/v1/audit/export")
    auditor = await (await client.as_(Role.ADMIN, "audit:read")).get("/api/v1/audit/export")

    assert [answer.status_code for answer in (nobody, member, other, auditor)] == [401, 403, 403, 200]
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert member.json()["error"]["code"] == "forbidden"


async def test_following_gives_what_was_missed_and_what_comes(shared: Served) -> None:
    client = await shared.newcomer()
    await grow(client.tenant, 250)
    query = """subscription ($after: String) {
      auditLog(after: $after, follow: false) { cursor event { sequence } gap { start end } end { reason } }
    }"""

    items = [item["data"]["auditLog"] for item in await client.stream(query, {"after": "10"})]

    assert [item["event"]["sequence"] for item in items[:-1]] == list(range(11, 251))
    assert [item["cursor"] for item in items[:-1]] == [str(number) for number in range(11, 251)]
    assert items[-1]["end"] == {"reason": "newest"}


async def test_a_follower_is_woken_by_a_commit(shared: Served) -> None:
    client = await shared.newcomer()
    audit = Audit(client.tenant.work(), client.tenant.actor, Parts(Cursors(b"key")))
    following = audit.follow(0)
    await grow(client.tenant, 1)
    assert (await anext(following))[0] == 1  # type: ignore[index]
    waiting = anext(following)

    await grow(client.tenant, 1)

    assert (await waiting)[0] == 2  # type: ignore[index]
    await following.aclose()  # type: ignore[attr-defined]
