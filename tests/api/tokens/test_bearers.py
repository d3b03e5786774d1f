"""Our own tokens as bearers: what they open, and when they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.audit.repository import ALL_EVENTS
from app.core.actor import Role
from app.database.statements import change, removing, table
from app.database.unit_of_work import UnitOfWork
from app.identity.models import MembershipTable
from app.tokens.jwk import Family
from tests.support.preparations import PREPARATIONS
from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio


async def _token(served: Served, client: Client, **claims: Any) -> str:
    whole = {"sub": client.tenant.user_id, "org_id": client.tenant.id, "scope": "*", **claims}
    return await served.product.tokens.mint(whole, timedelta(minutes=5))


async def _holder(served: Served, client: Client, **claims: Any) -> Client:
    return client.with_key(await _token(served, client, **claims))


async def test_a_token_tells_what_of_it_was_verified(server: Served) -> None:
    client = await _holder(server, server)

    answer = (await client.get("/v1/identity/verify")).json()

    keys = {jwk["kid"]: jwk["alg"] for jwk in (await server.get("/federation/jwks")).json()["keys"]}
    data = answer["data"]
    assert answer["meta"]["signatureVerified"] is True
    assert (data["valid"], data["signatureVerified"], data["credentialKind"]) == (True, True, "jwt")
    assert (data["subject"], data["organizationId"]) == (server.tenant.user_id, server.tenant.id)
    assert (data["orgScope"], data["scopes"]) == ("organization", ["*"])
    assert data["issuer"] == server.product.tokens.issuer
    assert data["expiresAt"]
    for part, alg in (("classical", "ES256"), ("postQuantum", "ML-DSA-65")):
        assert data[part]["valid"] is True
        assert data[part]["alg"] == keys[data[part]["kid"]] == alg


async def test_an_api_key_has_no_signatures(server: Served) -> None:
    answer = (await server.get("/v1/identity/verify")).json()

    assert answer["meta"]["signatureVerified"] is False
    assert answer["data"]["signatureVerified"] is False
    assert answer["data"]["credentialKind"] == "api_key"
    for name in ("classical", "postQuantum", "expiresAt", "issuer"):
        assert answer["data"][name] is None


async def test_a_token_is_limited_to_its_scopes(server: Served) -> None:
    client = await _holder(server, server, scope="environments:read organization:read")

    assert (await client.get("/v1/environments")).status_code == 200
    assert (await client.get("/v1/identity/verify")).json()["data"]["orgScope"] == "restricted"
    assert (await client.delete("/v1/environments/env_" + "0" * 26)).status_code == 403
    assert (await (await _holder(server, server, scope="")).get("/v1/environments")).status_code == 403


async def test_the_role_is_that_of_today(server: Served) -> None:
    viewer = await server.as_(Role.VIEWER)
    user_id = (await viewer.data("{ viewer { userId } }"))["viewer"]["userId"]

    client = await _holder(server, server, sub=user_id)

    assert (await client.data("{ viewer { role } }"))["viewer"]["role"] == "VIEWER"
    assert (await client.post("/v1/environments", json={"blueprint": "x"})).status_code == 403


async def test_a_token_ends_with_the_membership(server: Served) -> None:
    client = await _holder(server, server)
    assert (await client.get("/v1/environments")).status_code == 200
    members = table(MembershipTable).c
    work = UnitOfWork(server.tenant.database, server.tenant.id)

    work.write(change(removing(MembershipTable).where(members.user_id == server.tenant.user_id)))
    await work.commit()

    assert (await client.get("/v1/environments")).status_code == 401


async def test_a_token_ends_with_its_session(server: Served) -> None:
    one, other = [(await PREPARATIONS["session"](server))["session"] for _ in range(2)]
    clients = [await _holder(server, server, sid=session) for session in (one, other, "sis_nobodys")]
    assert [(await client.get("/v1/environments")).status_code for client in clients] == [200, 200, 401]

    await server.data("mutation ($id: ID!) { endSignInSession(id: $id) { id } }", {"id": one})

    assert [(await client.get("/v1/environments")).status_code for client in clients] == [401, 200, 401]


async def test_a_token_of_another_organizations_member_opens_nothing_here(server: Served) -> None:
    other = await server.newcomer()

    crossed = await _holder(server, server, sub=other.tenant.user_id)

    assert (await crossed.get("/v1/environments")).status_code == 401
    theirs = await _holder(server, other)
    refused = await theirs.get("/v1/environments", headers={"X-Organization-ID": server.tenant.id})
    assert refused.status_code == 403


async def test_a_refusal_does_not_tell_why(server: Served) -> None:
    token = await _token(server, server)
    bad = [
        token[:-4] + "AAAA",
        await _token(server, server, sub="usr_nobody"),
        await _token(server, server, aud="https://elsewhere.example"),
        "eyJ",
        "eyJhbGciOiJub25lIn0.e30.",
    ]

    answers = [await server.with_key(text).get("/v1/environments") for text in bad]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["error"]["message"] for answer in answers} == {
        "This token is not valid here. Ask its issuer for a new one."
    }


async def test_a_revoked_signing_key_ends_its_tokens_at_once(server: Served) -> None:
    client, tokens = await _holder(server, server), server.product.tokens
    assert (await client.get("/v1/environments")).status_code == 200
    kid = (await client.data("{ verifyIdentity { postQuantum { kid } } }"))["verifyIdentity"]["postQuantum"]["kid"]

    work = UnitOfWork(tokens.database, None)
    tokens.rotation(work).revoke(await tokens.all(), kid, tokens.clock())
    await work.commit()
    await tokens.refresh()

    assert (await client.get("/v1/environments")).status_code == 401


async def test_an_operator_rotates_a_key_and_it_is_recorded(server: Served) -> None:
    operator = await server.newcomer(operator=True)

    rotated = await operator.data(
        "mutation { rotateSigningKey(family: POST_QUANTUM) { kid family state activatesAt } }"
    )
    listed = await operator.data("{ signingKeys { kid family state createdAt activatesAt } }")

    key = rotated["rotateSigningKey"]
    assert (key["family"], key["state"]) == ("POST_QUANTUM", "NEXT")
    found = next(other for other in listed["signingKeys"] if other["kid"] == key["kid"])
    event = (await operator.tenant.work().all(ALL_EVENTS))[-1]
    assert (event.action, event.resource) == ("signing_key.rotate", key["kid"])
    assert found["activatesAt"] == key["activatesAt"], "published first, then used"
    assert len(listed["signingKeys"]) == 4
    assert {Family(key["family"].lower()) for key in listed["signingKeys"]} == set(Family)


async def test_a_websocket_takes_a_token(server: Served) -> None:
    from tests.support.sockets import connected

    environment = await server.environment("terminated")
    client = await _holder(server, server)

    async with connected(server.product.app, f"/v1/environments/{environment}/progress", key=client.key) as socket:
        assert await socket.all()
