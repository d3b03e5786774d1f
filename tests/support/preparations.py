"""What samples can ask to be there, by name. Each gives ids and one-time secrets of the client's organization."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp

from app.core.actor import Role
from app.core.clock import now
from app.sso.repository import VERIFIED
from tests.support.serving import Client
from tests.support.tenants import PASSWORD

Known = dict[str, str]


async def _email(client: Client) -> Known:
    return {"email": client.tenant.email}


async def _member(client: Client) -> Known:
    return {"member": await client.tenant.member(Role.VIEWER)}


async def _invitation(client: Client) -> Known:
    asked = 'mutation { inviteMember(input: {email: "private-guest@example.com", role: "viewer"}) { id token } }'
    made = (await client.data(asked))["inviteMember"]
    return {"invitation": made["id"], "invitation_token": made["token"]}


async def _role(client: Client) -> Known:
    asked = 'mutation { createRole(input: {name: "private-role", permissions: ["agents:read"]}) { id } }'
    return {"role": (await client.data(asked))["createRole"]["id"]}


async def _session(client: Client) -> Known:
    made = await _signed_in(client)
    return {"session": made["id"], "refresh_token": made["refreshToken"]}


async def _reset(client: Client) -> Known:
    user_id = (await _member(client))["member"]
    asked = "mutation ($id: ID!) { createPasswordReset(userId: $id) { token } }"
    return {"reset_token": (await client.data(asked, {"id": user_id}))["createPasswordReset"]["token"]}


async def _second_factor(client: Client) -> Known:
    asked = "mutation ($password: String!) { beginSecondFactor(password: $password) { uri } }"
    uri = (await client.data(asked, {"password": PASSWORD}))["beginSecondFactor"]["uri"]
    secret = parse_qs(urlsplit(uri).query)["secret"][0]
    return {"code": pyotp.TOTP(secret).now(), "totp_secret": secret}


async def _confirmed_factor(client: Client) -> Known:
    begun = await _second_factor(client)
    asked = "mutation ($code: String!) { confirmSecondFactor(code: $code) { codes } }"
    codes = (await client.data(asked, {"code": begun["code"]}))["confirmSecondFactor"]["codes"]
    return {"recovery_code": codes[0], "totp_secret": begun["totp_secret"]}


async def _provider(client: Client) -> Known:
    issuer = f"https://private-issuer.example/{client.tenant.id}"
    asked = "mutation ($input: RegisterFederationProviderInput!) { registerFederationProvider(input: $input) { id } }"
    described = {"name": "private-provider", "issuer": issuer, "scopes": ["agents:read"]}
    return {"provider": (await client.data(asked, {"input": described}))["registerFederationProvider"]["id"]}


async def _connection(client: Client) -> Known:
    domain = f"private-{client.tenant.id.removeprefix('org_')}.example"
    given = {"issuer": "https://private-issuer.example", "clientId": "private-client", "domains": [domain]}
    asked = "mutation ($input: UpdateSsoInput!) { updateSso(input: $input) { id domains { id record } } }"
    made = (await client.data(asked, {"input": given}))["updateSso"]
    [claimed] = made["domains"]
    # No name server knows it.
    work = client.tenant.work()
    work.write(VERIFIED, id=claimed["id"], moment=now())
    await work.commit()
    return {"connection": made["id"], "domain": claimed["id"], "record": claimed["record"]}


async def _signed_in(client: Client) -> dict[str, Any]:
    asked = "mutation ($input: SignInInput!) { signIn(input: $input) { id refreshToken } }"
    answer = await client.data(asked, {"input": {"email": client.tenant.email, "password": PASSWORD}})
    made: dict[str, Any] = answer["signIn"]
    return made


PREPARATIONS: dict[str, Callable[[Client], Awaitable[Known]]] = {
    "email": _email,
    "member": _member,
    "invitation": _invitation,
    "role": _role,
    "session": _session,
    "reset": _reset,
    "provider": _provider,
    "connection": _connection,
    "second_factor": _second_factor,
    "confirmed_factor": _confirmed_factor,
}
