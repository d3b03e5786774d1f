"""What samples can ask to be there, by name. Each gives ids and one-time secrets of the client's organization."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp

from app.audit.repository import ALL_EVENTS, LOG
from app.core.actor import Role
from app.core.clock import now
from app.sso.repository import VERIFIED
from tests.support.serving import Client
from tests.support.tenants import PASSWORD
from tests.support.waiting import until

Known = dict[str, str]
#: What the policy of `governed` wants approved.
APPROVED_ACTION = "private.refund"
_numbers = itertools.count(1)


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


async def _checkout(client: Client) -> Known:
    asked = "mutation ($input: StartCheckoutInput!) { startCheckout(input: $input) { id } }"
    given = {"plan": "PRO", "successUrl": "https://private.example/done", "cancelUrl": "https://private.example/"}
    return {"checkout": (await client.data(asked, {"input": given}))["startCheckout"]["id"]}


async def _governed(client: Client) -> Known:
    """An agent, a policy, an approval that the agent asked for, and an evaluation to settle."""
    rules, number = [{"type": "require_approval", "actions": [APPROVED_ACTION]}], next(_numbers)
    made = await client.data(
        "mutation ($agent: String!, $policy: String!, $rules: [PolicyRule!]!) {"
        " enrollAgent(input: {name: $agent}) { id credential }"
        " createPolicy(input: {name: $policy, rules: $rules}) { id } }",
        {"agent": f"private-agent-{number}", "policy": f"private-policy-{number}", "rules": rules},
    )
    agent = made["enrollAgent"]
    asked = await client.with_key(agent["credential"]).data(
        "mutation ($action: String!) {"
        ' asked: evaluatePolicy(input: {action: $action, resource: "private-order"}) { approvalId }'
        ' allowed: evaluatePolicy(input: {action: "private.read"}) { id } }',
        {"action": APPROVED_ACTION},
    )
    return {
        "agent": agent["id"],
        "credential": agent["credential"],
        "policy": made["createPolicy"]["id"],
        "approval": asked["asked"]["approvalId"],
        "decision": asked["allowed"]["id"],
    }


async def _sealed(client: Client) -> Known:
    return {"event": await sealed(client)}


async def sealed(client: Client) -> str:
    """The id of the organization's first audit event, once the server has sealed and signed all that is there now."""
    work = client.tenant.work()
    events = await work.all(ALL_EVENTS)

    async def signed() -> bool:
        log = await work.one(LOG)
        return log is not None and log.signed >= len(events)

    await until(signed)
    return events[0].id


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
    "sealed": _sealed,
    "governed": _governed,
    "connection": _connection,
    "checkout": _checkout,
    "second_factor": _second_factor,
    "confirmed_factor": _confirmed_factor,
}
