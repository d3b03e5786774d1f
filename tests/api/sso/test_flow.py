"""Single sign-on with a provider that misbehaves, with browsers that do, and with accounts that were there before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey

from app.core.actor import Role
from app.core.clock import now
from app.sso.repository import VERIFIED
from app.tokens.encoding import encode
from tests.support.oidc import CLIENT_ID, CLIENT_SECRET, FakeProvider
from tests.support.serving import Client, Served
from tests.support.tenants import PASSWORD

pytestmark = pytest.mark.anyio

CALLBACK = "/v1/auth/sso/callback"


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        started.claims = {"email": "ann@corp.example", "email_verified": True, "name": "Ann"}
        yield started


@pytest.fixture
async def client(serve: Callable[..., Awaitable[Served]], provider: FakeProvider) -> Served:
    served = await serve(issuer="http://soundstage.test", allow_private_providers=True)
    await _connect(served, provider, "corp.example", "example.com")
    return served


async def _connect(client: Client, provider: FakeProvider, *domains: str, **others: Any) -> dict[str, Any]:
    body = {"issuer": provider.issuer, "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "domains": domains}
    answer = await client.patch("/v1/organization/sso", json={**body, **others})
    assert answer.status_code == 200, answer.text
    assert CLIENT_SECRET not in answer.text
    work = client.tenant.work()
    for domain in answer.json()["data"]["domains"]:
        work.write(VERIFIED, id=domain["id"], moment=now())
    await work.commit()
    made: dict[str, Any] = answer.json()["data"]
    return made


async def _begin(client: Client, **query: str) -> tuple[str, str]:
    """Where the browser is sent, and its cookie."""
    begun = await client.http.get("/v1/auth/sso/login", params=query or {"email": "x@corp.example"})
    client.http.cookies.clear()
    assert begun.status_code == 302, begun.text
    return begun.headers["location"], begun.headers["set-cookie"].partition(";")[0]


async def _finish(client: Client, parameters: dict[str, str], cookie: str | None) -> httpx.Response:
    answer = await client.http.get(CALLBACK, params=parameters, headers={"Cookie": cookie} if cookie else {})
    client.http.cookies.clear()
    return answer


async def _sign_in(client: Client, provider: FakeProvider) -> httpx.Response:
    url, cookie = await _begin(client)
    return await _finish(client, provider.approve(url), cookie)


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, "" if answer.is_redirect else answer.json()["error"]["code"]


async def test_a_right_answer_opens_a_session(client: Served, provider: FakeProvider) -> None:
    url, cookie = await _begin(client)
    query = httpx.URL(url).params

    answer = await _finish(client, {**provider.approve(url), "session_state": "of the provider's own"}, cookie)

    assert (answer.status_code, answer.headers["location"], answer.content) == (302, "/", b""), answer.text
    assert query["code_challenge_method"] == "S256"
    assert query["redirect_uri"] == "http://soundstage.test" + CALLBACK
    assert cookie.startswith("__Host-soundstage-sso=")


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://other.example"},
        {"aud": "other"},
        {"aud": [CLIENT_ID, "other"]},
        {"azp": "other"},
        {"exp": 1},
        {"exp": None},
        {"iat": 1},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
    ],
)
async def test_a_token_with_wrong_claims_is_refused(
    client: Served, provider: FakeProvider, claims: dict[str, Any]
) -> None:
    provider.claims.update(claims)
    url, cookie = await _begin(client)
    parameters = provider.approve(url)

    assert _code(await _finish(client, parameters, cookie)) == (401, "sso_failed")


@pytest.mark.parametrize("forgery", ["another key", "none", "the client's secret", "unknown kid", "no token"])
async def test_a_forged_token_is_refused(client: Served, provider: FakeProvider, forgery: str) -> None:
    url, cookie = await _begin(client)
    parameters = provider.approve(url)
    if forgery == "another key":
        provider.signing = ECKey.generate_key("P-256", {"kid": "one"})
    elif forgery == "none":
        payload = provider.signed().split(".")[1]
        provider.id_token = encode(b'{"alg":"none"}') + f".{payload}."
    elif forgery == "the client's secret":
        provider.header, provider.signing = {"alg": "HS256"}, OctKey.import_key(CLIENT_SECRET.ljust(32, "x"))
    elif forgery == "unknown kid":
        provider.header, provider.signing = {"alg": "ES256", "kid": "two"}, ECKey.generate_key("P-256", {"kid": "two"})
    else:
        provider.id_token = "no token"

    assert _code(await _finish(client, parameters, cookie)) == (401, "sso_failed")


async def test_an_answer_to_another_browser_is_refused(client: Served, provider: FakeProvider) -> None:
    url, cookie = await _begin(client)
    _, other = await _begin(client)
    parameters = provider.approve(url)

    for sent, brought in (
        (parameters, None),
        (parameters, other),
        ({**parameters, "state": "x"}, cookie),
        ({"code": "code"}, cookie),
        (parameters, cookie[:60] + "AAAA" + cookie[64:]),
    ):
        assert _code(await _finish(client, sent, brought)) == (400, "sso_state_mismatch")
    assert "/token" not in provider.asked, "the code was given to nobody"


@pytest.mark.parametrize("named", ["https://attacker.example", None])
async def test_an_answer_of_another_provider_is_refused(
    client: Served, provider: FakeProvider, named: str | None
) -> None:
    url, cookie = await _begin(client)
    parameters = provider.approve(url)
    del parameters["iss"]

    answer = await _finish(client, {**parameters, **({"iss": named} if named else {})}, cookie)

    assert _code(answer) == (401, "sso_failed")
    assert "/token" not in provider.asked, "the code was given to nobody"


async def test_userinfo_counts_for_the_same_person_alone(client: Served, provider: FakeProvider) -> None:
    provider.claims = {}
    provider.userinfo = {"sub": "another", "email": "ann@corp.example", "email_verified": True}
    other = await _sign_in(client, provider)
    provider.userinfo["sub"] = "subject"
    same = await _sign_in(client, provider)

    assert _code(other) == (401, "sso_failed")
    assert same.status_code == 302


async def test_an_account_made_beforehand_is_emptied(client: Served, provider: FakeProvider) -> None:
    elsewhere = await client.newcomer()
    provider.claims["email"] = elsewhere.tenant.email
    before = await elsewhere.signed_in()

    answer = await _sign_in(client, provider)

    assert answer.status_code == 302, answer.text
    login = {"email": elsewhere.tenant.email, "password": PASSWORD}
    assert (await client.http.post("/v1/auth/login", json=login)).status_code == 401
    assert (await before.get("/v1/environments")).status_code == 401


async def test_a_members_account_keeps_its_password(client: Served, provider: FakeProvider) -> None:
    provider.claims["email"] = client.tenant.email

    assert (await _sign_in(client, provider)).status_code == 302
    login = {"email": client.tenant.email, "password": PASSWORD}
    assert (await client.http.post("/v1/auth/login", json=login)).status_code == 200


async def test_an_operator_is_not_vouched_for(client: Served, provider: FakeProvider) -> None:
    operator = await client.newcomer(operator=True)
    provider.claims["email"] = operator.tenant.email

    assert _code(await _sign_in(client, provider)) == (403, "sso_refused")


async def test_who_was_removed_does_not_come_back(client: Served, provider: FakeProvider) -> None:
    await _sign_in(client, provider)
    people = (await client.data("{ members { nodes { id email } } }"))["members"]["nodes"]
    ann = next(person["id"] for person in people if person["email"] == "ann@corp.example")
    await client.delete(f"/v1/users/{ann}")

    assert _code(await _sign_in(client, provider)) == (403, "sso_refused")


async def test_where_sso_is_required_only_owners_use_passwords(client: Served, provider: FakeProvider) -> None:
    user_id = await client.tenant.member(Role.ADMIN)
    people = (await client.data("{ members { nodes { id email } } }"))["members"]["nodes"]
    emails = [client.tenant.email, next(person["email"] for person in people if person["id"] == user_id)]

    changed = await client.patch("/v1/organization/sso", json={"requireSso": True})
    answers = [
        await client.http.post("/v1/auth/login", json={"email": email, "password": PASSWORD}) for email in emails
    ]

    assert changed.json()["data"]["requireSso"] is True
    assert answers[0].status_code == 200
    assert (answers[1].status_code, answers[1].json()["error"]["code"]) == (403, "SSO_REQUIRED")


async def test_sso_is_not_required_before_it_works(client: Served) -> None:
    answer = await client.patch("/v1/organization/sso", json={"requireSso": True, "enabled": False})

    assert _code(answer) == (409, "sso_not_ready")


async def test_a_disabled_connection_leads_nowhere(client: Served, provider: FakeProvider) -> None:
    url, cookie = await _begin(client)
    await client.patch("/v1/organization/sso", json={"enabled": False})

    begun = await client.http.get("/v1/auth/sso/login", params={"email": "x@corp.example"})
    finished = await _finish(client, provider.approve(url), cookie)

    assert _code(begun) == _code(finished) == (404, "sso_unavailable")


async def test_discovery_tells_domains_alone(client: Served) -> None:
    found = [
        (await client.http.get("/v1/auth/sso/discover", params=query)).json()["data"]
        for query in ({"email": client.tenant.email}, {"email": "nobody@example.com"}, {"domain": "other.example"})
    ]

    assert found[0] == found[1] == {"domain": "example.com", "available": True}
    assert found[2] == {"domain": "other.example", "available": False}


async def test_what_a_provider_publishes_is_kept(client: Served, provider: FakeProvider) -> None:
    for _ in range(3):
        assert (await _sign_in(client, provider)).status_code == 302

    assert provider.asked.count("/.well-known/openid-configuration") == 1
    assert provider.asked.count("/jwks") == 1


async def test_new_keys_are_noticed_but_not_asked_for_all_the_time(client: Served, provider: FakeProvider) -> None:
    providers = client.product.product.sso.providers
    await _sign_in(client, provider)
    provider.key = provider.signing = ECKey.generate_key("P-256", {"kid": "two"})
    provider.header = {"alg": "ES256", "kid": "two"}

    early = await _sign_in(client, provider)
    real = providers.monotonic
    providers.monotonic = lambda: real() + 61
    later = await _sign_in(client, provider)

    assert (early.status_code, later.status_code) == (401, 302)
    assert provider.asked.count("/jwks") == 2


async def test_a_provider_that_is_down_is_told(client: Served, provider: FakeProvider) -> None:
    provider.down = True

    begun = await client.http.get("/v1/auth/sso/login", params={"email": "x@corp.example"})

    assert _code(begun) == (503, "sso_provider_unavailable")


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "evil"])
async def test_a_sign_in_leads_back_to_this_server_alone(client: Served, path: str) -> None:
    answer = await client.http.get("/v1/auth/sso/login", params={"email": "x@corp.example", "returnTo": path})

    assert _code(answer) == (400, "invalid_request")


async def test_a_domain_is_verified_by_its_record_and_for_one_organization(client: Served) -> None:
    one, other = await client.newcomer(), await client.newcomer(operator=True)
    domains = []
    for each in (one, other):
        body = {"issuer": "https://login.example", "clientId": "x", "domains": ["Shared.Example"]}
        domains.append((await each.patch("/v1/organization/sso", json=body)).json()["data"]["domains"][0])
    published: list[str] = []

    async def lookup(domain: str) -> list[str]:
        return published if domain == "shared.example" else []

    object.__setattr__(client.product.product.sso, "lookup", lookup)
    missing = await one.post(f"/v1/sso/domains/{domains[0]['id']}/verify")
    published.append(domains[0]["record"])
    verified = await one.post(f"/v1/sso/domains/{domains[0]['id']}/verify")
    confirm = "mutation ($record: String!) { confirmSsoDomain(record: $record) { id } }"

    assert _code(missing) == (422, "DOMAIN_UNVERIFIED")
    assert verified.json()["data"]["verifiedAt"]
    assert await one.code(confirm, {"record": domains[1]["record"]}) == "FORBIDDEN"
    assert await other.code(confirm, {"record": domains[1]["record"]}) == "DOMAIN_TAKEN"


@pytest.mark.parametrize(
    "issuer", ["http://login.example", "http://10.0.0.1", "ftp://a.example", "https://a.example?x=1", "x"]
)
async def test_an_issuer_that_cannot_be_is_refused(client: Served, issuer: str) -> None:
    assert _code(await client.patch("/v1/organization/sso", json={"issuer": issuer})) == (422, "sso_issuer_refused")


async def test_an_admin_does_not_choose_who_vouches(client: Served) -> None:
    admin = await client.as_(Role.ADMIN)

    chosen = await admin.patch("/v1/organization/sso", json={"issuer": "https://other.example"})
    owners = await admin.patch("/v1/organization/sso", json={"defaultRole": "owner"})
    harmless = await admin.patch("/v1/organization/sso", json={"defaultRole": "viewer"})

    assert [each.status_code for each in (chosen, owners, harmless)] == [403, 403, 200]
