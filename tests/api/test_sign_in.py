"""Signing in, with a cookie or with tokens; what it takes, what ends it, and what it does not tell."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pyotp
import pytest
import time_machine

from app.audit.repository import ALL_EVENTS
from app.core.actor import Role
from app.core.clock import now
from app.sign_in.sessions import IDLE, LONGEST
from tests.support.preparations import PREPARATIONS
from tests.support.routes import path_of
from tests.support.samples import Facts
from tests.support.serving import Client, Served
from tests.support.sockets import Refused, connected
from tests.support.tenants import PASSWORD

pytestmark = pytest.mark.anyio

VIEWER = "{ viewer { email organization { id } } }"


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """The accounting tests ask the same operations on both databases."""
    name: str = request.param
    return name


async def _login(client: Client, **fields: Any) -> httpx.Response:
    body = {"email": client.tenant.email, "password": PASSWORD, **fields}
    return await client.http.post("/v1/auth/login", json=body)


async def _tokens(client: Client) -> dict[str, Any]:
    answer = await _login(client)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


async def test_an_access_token_opens_graphql_and_rest(shared: Served) -> None:
    client = await shared.newcomer()

    made = await _tokens(client)
    signed_in = client.with_key(made["accessToken"])

    assert made["tokenType"] == "Bearer"
    assert made["expiresIn"] == 900
    assert (await signed_in.data(VIEWER))["viewer"]["email"] == client.tenant.email
    answer = await signed_in.get("/v1/environments")
    assert answer.status_code == 200
    assert answer.json()["meta"]["signatureVerified"] is True


async def test_a_cookie_is_for_this_host_only_and_hidden_from_scripts(shared: Served) -> None:
    client = await shared.newcomer()

    answer = await _login(client, means="cookie")
    client.http.cookies.clear()

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-soundstage-session=sos_")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["data"]["accessToken"] is None


async def test_a_cookie_opens_what_its_person_may(shared: Served) -> None:
    client = await (await shared.newcomer()).signed_in()

    assert (await client.data(VIEWER))["viewer"]["organization"]["id"] == client.tenant.id
    assert (await client.get("/v1/environments")).json()["meta"]["signatureVerified"] is False


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://soundstage.test", "Content-Type": "application/json"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}, 200),
        ({"Content-Type": "application/json"}, 200),
        ({"Origin": "https://evil.example", "Content-Type": "application/json"}, 403),
        ({"Origin": "null", "Content-Type": "application/json"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Content-Type": "application/json"}, 403),
        ({"Origin": "http://soundstage.test", "Content-Type": "text/plain"}, 403),
        ({"Origin": "http://soundstage.test", "Content-Type": "text/plain", "X-Requested-With": "x"}, 415),
    ],
)
async def test_another_site_cannot_use_a_cookie(shared: Served, headers: dict[str, str], status: int) -> None:
    client = await (await shared.newcomer()).signed_in()
    assert client.cookie is not None

    answer = await client.http.post(
        "/v1/api-keys", content=b'{"name": "forged"}', headers={"Cookie": client.cookie, **headers}
    )

    made = (await client.data("{ apiKeys { nodes { name } } }"))["apiKeys"]["nodes"]
    assert answer.status_code in (status, 201 if status == 200 else status)
    assert ({"name": "forged"} in made) == (status == 200)


async def test_another_site_cannot_open_a_socket_with_a_cookie(shared: Served) -> None:
    client = await (await shared.newcomer()).signed_in()
    path = path_of("EnvironmentProgress", Facts({"environment": await client.environment("running")}))
    headers = {"Cookie": str(client.cookie), "Origin": "https://evil.example", "Host": "soundstage.test"}

    with pytest.raises(Refused) as refused:
        async with connected(shared.product.app, path, headers=headers):
            pass

    assert refused.value.status == 403


async def test_signing_in_again_ends_the_older_session_of_the_browser(shared: Served) -> None:
    client = await (await shared.newcomer()).signed_in()
    asked = {"email": client.tenant.email, "password": PASSWORD, "means": "cookie"}
    headers = {"Cookie": str(client.cookie), "Content-Type": "application/json"}

    again = await client.http.post("/v1/auth/login", json=asked, headers=headers)
    client.http.cookies.clear()

    assert again.status_code == 200
    assert await client.code(VIEWER) == "SESSION_ENDED"


async def test_signing_out_ends_the_session_and_takes_the_cookie_back(shared: Served) -> None:
    client = await (await shared.newcomer()).signed_in()

    answer = await client.post("/v1/auth/logout")

    assert answer.status_code == 200
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert await client.code(VIEWER) == "SESSION_ENDED"


@pytest.mark.parametrize("later", [IDLE, LONGEST])
async def test_a_session_ends_when_it_is_not_used_or_is_old(shared: Served, later: timedelta) -> None:
    client = await (await shared.newcomer()).signed_in()

    with time_machine.travel(now() + later + timedelta(minutes=1), tick=True):
        assert await client.code(VIEWER) == "SESSION_ENDED"


async def test_a_session_that_is_used_goes_on_until_it_is_old(shared: Served) -> None:
    client, began = await (await shared.newcomer()).signed_in(), now()

    moment = began
    while moment + timedelta(days=1) < began + LONGEST:
        moment += timedelta(days=1)
        with time_machine.travel(moment, tick=True):
            assert await client.code(VIEWER) == ""
    with time_machine.travel(began + LONGEST, tick=True):
        assert await client.code(VIEWER) == "SESSION_ENDED"


async def test_sessions_are_listed_and_ended_one_by_one(shared: Served) -> None:
    client = await shared.newcomer()
    one, other = await client.signed_in(), await client.signed_in()
    listed = (await one.data("{ signInSessions { nodes { id means } } }"))["signInSessions"]["nodes"]

    await one.data("mutation ($id: ID!) { endSignInSession(id: $id) { revokedAt } }", {"id": listed[0]["id"]})

    assert [each["means"] for each in listed] == ["COOKIE", "COOKIE"]
    assert sorted([await one.code(VIEWER), await other.code(VIEWER)]) == ["", "SESSION_ENDED"]


async def test_refresh_tokens_rotate_and_a_stolen_one_ends_the_session(shared: Served) -> None:
    client = await shared.newcomer()
    first = await _tokens(client)

    second = (await client.http.post("/v1/auth/refresh", json={"refreshToken": first["refreshToken"]})).json()["data"]
    assert await client.with_key(second["accessToken"]).code(VIEWER) == ""
    stolen = await client.http.post("/v1/auth/refresh", json={"refreshToken": first["refreshToken"]})

    assert stolen.status_code == 401
    assert await client.with_key(second["accessToken"]).code(VIEWER) != ""
    after = await client.http.post("/v1/auth/refresh", json={"refreshToken": second["refreshToken"]})
    assert after.status_code == 401


async def test_of_many_refreshes_at_once_one_succeeds(shared: Served) -> None:
    client = await shared.newcomer()
    body = {"refreshToken": (await _tokens(client))["refreshToken"]}

    answers = await asyncio.gather(*(client.http.post("/v1/auth/refresh", json=body) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


async def test_an_answer_does_not_tell_whether_an_account_exists(shared: Served) -> None:
    client = await shared.newcomer()

    wrong = await _login(client, password="not the password")
    nobody = await _login(client, email="nobody@nowhere.example", password="not the password")

    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json()["error"] == nobody.json()["error"]


@pytest.mark.parametrize("exists", [True, False])
async def test_guessing_is_throttled_whether_the_account_exists_or_not(shared: Served, exists: bool) -> None:
    client = await shared.newcomer()
    email = client.tenant.email if exists else f"no-{client.tenant.email}"

    answers = [await _login(client, email=email, password=f"guess number {guess}") for guess in range(8)]
    then = await _login(client, email=email)

    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert answers[-1].json()["error"]["code"] == "TOO_MANY_ATTEMPTS"
    assert int(answers[-1].headers["retry-after"]) > 0
    assert then.status_code == 429


async def test_a_failed_sign_in_is_in_the_audit_log(shared: Served) -> None:
    client = await shared.newcomer()

    await _login(client, password="not the password")
    await _login(client)

    events = await client.tenant.work().all(ALL_EVENTS)
    told = [(event.action, event.result, event.user_id) for event in events]
    assert told == [("session.create", result, client.tenant.user_id) for result in ("denied", "allowed")]


async def test_a_second_factor_is_asked_for_and_a_code_works_once(shared: Served) -> None:
    client = await shared.newcomer()
    known = await PREPARATIONS["second_factor"](client)
    await client.data(
        "mutation ($code: String!) { confirmSecondFactor(code: $code) { codes } }", {"code": known["code"]}
    )

    without = await _login(client)
    used = await _login(client, code=known["code"])
    with time_machine.travel(now() + timedelta(seconds=60), tick=True):
        fresh = pyotp.TOTP(known["totp_secret"]).now()
        right = await _login(client, code=fresh)
        again = await _login(client, code=fresh)

    assert without.json()["error"]["code"] == "SECOND_FACTOR_REQUIRED"
    assert used.status_code == 401, "the code that confirmed the factor was used"
    assert (right.status_code, again.status_code) == (200, 401)


async def test_a_recovery_code_works_once(shared: Served) -> None:
    client = await shared.newcomer()
    known = await PREPARATIONS["confirmed_factor"](client)

    first = await _login(client, code=known["recovery_code"])
    second = await _login(client, code=known["recovery_code"])

    assert (first.status_code, second.status_code) == (200, 401)
    assert (await client.data("{ account { recoveryCodesLeft } }"))["account"]["recoveryCodesLeft"] == 9


async def test_guessing_codes_is_throttled(shared: Served) -> None:
    client = await shared.newcomer()
    await PREPARATIONS["confirmed_factor"](client)

    answers = [await _login(client, code=f"{guess:06}") for guess in range(8)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3


async def test_changing_the_password_ends_other_sessions(shared: Served) -> None:
    client = await shared.newcomer()
    here, elsewhere = await client.signed_in(), await client.signed_in()
    body = {"currentPassword": PASSWORD, "newPassword": "a whole new sentence"}

    changed = await here.request("PUT", "/v1/auth/password", json=body)

    assert changed.status_code == 200
    assert (await here.code(VIEWER), await elsewhere.code(VIEWER)) == ("", "SESSION_ENDED")
    assert (await _login(client)).status_code == 401
    assert (await _login(client, password="a whole new sentence")).status_code == 200


@pytest.mark.parametrize("weak", ["short", "aaaaaaaaaaaaaaa", "x" * 257])
async def test_weak_passwords_are_refused(shared: Served, weak: str) -> None:
    client = await shared.newcomer()

    answer = await client.request("PUT", "/v1/auth/password", json={"currentPassword": PASSWORD, "newPassword": weak})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "WEAK_PASSWORD"


async def test_an_invited_person_gets_an_account_and_the_role(shared: Served) -> None:
    owner = await shared.newcomer()
    invited = (await PREPARATIONS["invitation"](owner))["invitation_token"]
    body = {"token": invited, "password": "my very own sentence", "name": "Guest"}

    first = await owner.http.post("/v1/auth/register", json=body)
    second = await owner.http.post("/v1/auth/register", json=body)

    assert (first.status_code, second.status_code) == (201, 422)
    guest = owner.with_key(first.json()["data"]["accessToken"])
    seen = (await guest.data("{ viewer { name role organization { id } } }"))["viewer"]
    assert seen == {"name": "Guest", "role": "VIEWER", "organization": {"id": owner.tenant.id}}
    assert second.json()["error"]["code"] == "INVITATION_INVALID"


async def test_an_existing_account_joins_only_with_its_password(shared: Served) -> None:
    owner, person = await shared.newcomer(), await shared.newcomer()
    asked = "mutation ($input: InviteMemberInput!) { inviteMember(input: $input) { token } }"
    made = await owner.data(asked, {"input": {"email": person.tenant.email.upper(), "role": "admin"}})
    token = made["inviteMember"]["token"]

    refused = await owner.http.post("/v1/auth/register", json={"token": token, "password": "the inviter's guess"})
    joined = await owner.http.post("/v1/auth/register", json={"token": token, "password": PASSWORD})

    assert (refused.status_code, joined.status_code) == (401, 201)
    assert joined.json()["data"]["userId"] == person.tenant.user_id
    both = await owner.with_key(joined.json()["data"]["accessToken"]).data("{ organizations { id } }")
    assert [each["id"] for each in both["organizations"]] == sorted([owner.tenant.id, person.tenant.id])


async def test_an_invitation_ends_after_a_week_and_when_it_is_revoked(shared: Served) -> None:
    owner = await shared.newcomer()
    late, revoked = await PREPARATIONS["invitation"](owner), await PREPARATIONS["invitation"](owner)

    await owner.delete(f"/v1/users/invitations/{revoked['invitation']}")
    body = {"password": "my very own sentence"}
    after = await owner.http.post("/v1/auth/register", json={**body, "token": revoked["invitation_token"]})
    with time_machine.travel(now() + timedelta(days=7, seconds=1), tick=True):
        expired = await owner.http.post("/v1/auth/register", json={**body, "token": late["invitation_token"]})

    assert (after.status_code, expired.status_code) == (422, 422)


async def test_a_member_who_is_removed_is_out_at_once(shared: Served) -> None:
    owner = await shared.newcomer()
    key = await owner.tenant.key(Role.ADMIN)
    removed = owner.with_key(key)
    members = (await owner.data("{ members { nodes { id role } } }"))["members"]["nodes"]
    user_id = next(each["id"] for each in members if each["role"] == "ADMIN")

    await owner.delete(f"/v1/users/{user_id}")

    assert await removed.code(VIEWER) == "UNAUTHORIZED"


async def test_a_password_reset_signs_in_once_and_ends_all_sessions(shared: Served) -> None:
    owner = await shared.newcomer()
    token = (await PREPARATIONS["reset"](owner))["reset_token"]
    body = {"token": token, "password": "my very own sentence"}

    first = await owner.http.post("/v1/auth/password/reset", json=body)
    second = await owner.http.post("/v1/auth/password/reset", json=body)

    assert (first.status_code, second.status_code) == (200, 422)


async def test_nobody_resets_the_password_of_a_person_of_other_organizations(shared: Served) -> None:
    owner, person = await shared.newcomer(), await shared.newcomer()
    asked = "mutation ($input: InviteMemberInput!) { inviteMember(input: $input) { token } }"
    made = await owner.data(asked, {"input": {"email": person.tenant.email, "role": "viewer"}})
    body = {"token": made["inviteMember"]["token"], "password": PASSWORD}
    await owner.http.post("/v1/auth/register", json=body)

    answer = await owner.post(f"/v1/users/{person.tenant.user_id}/password-reset")

    assert answer.status_code == 403
