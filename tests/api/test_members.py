"""Roles of members: built-in and custom ones, and what nobody can give away or take."""

from __future__ import annotations

import asyncio

import pytest

from app.core.actor import Role
from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio

SET = "mutation ($id: ID!, $role: String!) { updateMember(id: $id, input: {role: $role}) { id roleName role } }"
CREATE = 'mutation ($permissions: [String!]!) { createRole(input: {name: "r", permissions: $permissions}) { id } }'
REMOVE = "mutation ($id: ID!) { removeMember(id: $id) { id } }"


async def _user_id(client: Client) -> str:
    found = (await client.data("{ viewer { userId } }"))["viewer"]["userId"]
    assert isinstance(found, str)
    return found


async def test_a_custom_role_permits_what_it_names_and_no_more(shared: Served) -> None:
    owner = await shared.newcomer()
    member = await owner.as_(Role.MEMBER)
    role = (await owner.data(CREATE, {"permissions": ["environments:read", "organization:read"]}))["createRole"]["id"]

    changed = await owner.data(SET, {"id": await _user_id(member), "role": role})

    assert changed["updateMember"] == {"id": await _user_id(member), "roleName": "r", "role": None}
    assert await member.code("{ environments { nodes { id } } }") == ""
    assert await member.code("{ members { nodes { id } } }") == "FORBIDDEN"
    refused = await member.post("/v1/environments", json={"blueprint": {"services": {"web": {"run": "serve"}}}})
    assert refused.status_code == 403


async def test_a_change_of_a_role_holds_at_the_next_request(shared: Served) -> None:
    owner = await shared.newcomer()
    member = await owner.as_(Role.MEMBER)
    role = (await owner.data(CREATE, {"permissions": ["organization:read"]}))["createRole"]["id"]
    await owner.data(SET, {"id": await _user_id(member), "role": role})
    assert await member.code("{ environments { nodes { id } } }") == "FORBIDDEN"

    await owner.request("PUT", f"/v1/roles/{role}", json={"permissions": ["environments:read"]})

    assert await member.code("{ environments { nodes { id } } }") == ""


async def test_nobody_gives_away_more_than_they_have(shared: Served) -> None:
    owner = await shared.newcomer()
    admin = await owner.as_(Role.ADMIN)
    viewer = await owner.as_(Role.VIEWER)
    viewer_id, owner_id = await _user_id(viewer), owner.tenant.user_id

    assert await admin.code(SET, {"id": viewer_id, "role": "owner"}) == "FORBIDDEN"
    assert await admin.code(SET, {"id": owner_id, "role": "viewer"}) == "FORBIDDEN"
    assert await admin.code(REMOVE, {"id": owner_id}) == "FORBIDDEN"
    assert await owner.code(CREATE, {"permissions": ["administration:read"]}) == "INVALID_REQUEST"
    assert await admin.code(SET, {"id": viewer_id, "role": "member"}) == ""


async def test_an_organization_keeps_an_owner(shared: Served) -> None:
    owner = await shared.newcomer()

    assert await owner.code(SET, {"id": owner.tenant.user_id, "role": "admin"}) == "LAST_OWNER"
    assert await owner.code(REMOVE, {"id": owner.tenant.user_id}) == "LAST_OWNER"


async def test_two_owners_cannot_remove_one_another_at_once(shared: Served) -> None:
    one = await shared.newcomer()
    other = await one.as_(Role.OWNER, "members:admin", "organization:read")

    codes = await asyncio.gather(
        one.code(REMOVE, {"id": await _user_id(other)}), other.code(REMOVE, {"id": one.tenant.user_id})
    )

    assert "" in codes
    left = [client for client in (one, other) if await client.code("{ viewer { userId } }") == ""]
    assert len(left) == 1


async def test_a_role_that_somebody_has_stays(shared: Served) -> None:
    owner = await shared.newcomer()
    role = (await owner.data(CREATE, {"permissions": ["organization:read"]}))["createRole"]["id"]
    invited = await owner.post("/v1/users/invitations", json={"email": "guest@example.com", "role": role})

    held = await owner.delete(f"/v1/roles/{role}")
    await owner.delete(f"/v1/users/invitations/{invited.json()['data']['id']}")
    free = await owner.delete(f"/v1/roles/{role}")

    assert held.json()["error"]["code"] == "ROLE_IN_USE"
    assert (held.status_code, free.status_code) == (409, 200)
