"""Signing in by a real OpenID provider (npm `oidc-provider`), as a browser does it: through its login form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from app.audit.repository import ALL_EVENTS
from app.core.clock import now
from app.database.unit_of_work import UnitOfWork
from app.sso.repository import VERIFIED
from tests.support.databases import Databases
from tests.support.oidc import CLIENT_ID, CLIENT_SECRET, real_provider
from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio

DOMAIN = "corp.example"
CALLBACK = "http://soundstage.test/v1/auth/sso/callback"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with real_provider(CALLBACK, DOMAIN) as started:
        yield started


@pytest.fixture
async def client(serve: object, issuer: str) -> Client:
    """An organization with this provider and the verified domain."""
    served: Served = await serve(issuer="http://soundstage.test", allow_private_providers=True)  # type: ignore[operator]
    answer = await served.patch(
        "/v1/organization/sso",
        json={"issuer": issuer, "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "domains": [DOMAIN]},
    )
    assert answer.status_code == 200, answer.text
    work = UnitOfWork(served.product.database, served.tenant.id)
    work.write(VERIFIED, id=answer.json()["data"]["domains"][0]["id"], moment=now())
    await work.commit()
    return served


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest, databases: Databases) -> str:
    """The flow is no matter of the database; test_flow runs on both."""
    name: str = request.param
    return name


async def sign_in(client: Client, login: str) -> tuple[httpx.Response, dict[str, str]]:
    """The answer of the callback to a browser that has gone all the way, and the transaction's cookie."""
    begun = await client.http.get("/v1/auth/sso/login", params={"email": f"x@{DOMAIN}", "returnTo": "/docs?x=1"})
    assert begun.status_code == 302, begun.text
    ours = begun.headers["set-cookie"].partition(";")[0]
    client.http.cookies.clear()
    async with httpx.AsyncClient(timeout=20) as browser:
        answer = await browser.get(begun.headers["location"])
        for _ in range(12):
            if answer.is_redirect:
                url = urljoin(str(answer.url), answer.headers["location"])
                if url.startswith(CALLBACK):
                    parts = urlsplit(url)
                    return await client.http.get(f"{parts.path}?{parts.query}", headers={"Cookie": ours}), {
                        "Cookie": ours,
                        "url": url,
                    }
                answer = await browser.get(url)
                continue
            action = unescape(re.findall(r'action="([^"]+)"', answer.text)[0])
            prompt = re.findall(r'name="prompt" value="(\w+)"', answer.text)[0]
            form = {"prompt": prompt, **({"login": login, "password": "x"} if prompt == "login" else {})}
            answer = await browser.post(urljoin(str(answer.url), action), data=form)
    raise AssertionError(answer.text)


async def test_who_signs_in_becomes_a_member_and_is_the_same_the_next_time(client: Client) -> None:
    first, _ = await sign_in(client, "ann")
    again, _ = await sign_in(client, "ann")

    assert (first.status_code, first.headers["location"]) == (302, "/docs?x=1"), first.text
    assert again.status_code == 302
    cookie = next(each for each in again.headers.get_list("set-cookie") if "soundstage-session=sos_" in each)
    signed_in = Client(client.http, client.tenant, None, cookie.partition(";")[0])
    client.http.cookies.clear()
    viewer = (await signed_in.data("{ viewer { email name role organization { id } } }"))["viewer"]
    assert (viewer["email"], viewer["role"]) == (f"ann@{DOMAIN}", "MEMBER")
    assert viewer["organization"]["id"] == client.tenant.id
    people = (await client.data("{ members { nodes { email } } }"))["members"]["nodes"]
    assert sorted(person["email"] for person in people) == sorted([client.tenant.email, f"ann@{DOMAIN}"])
    events = [event for event in await client.tenant.work().all(ALL_EVENTS) if event.action == "session.create"]
    assert len({event.user_id for event in events}) == 1
    assert all(event.details["means"] == "sso" and event.details["connection"] for event in events)


async def test_an_unverified_address_is_refused(client: Client) -> None:
    refused, _ = await sign_in(client, "unverified-bob")

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "sso_refused")


async def test_an_address_of_another_domain_is_refused(client: Client) -> None:
    refused, _ = await sign_in(client, "eve@elsewhere.example")

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "sso_refused")
    failed = [event for event in await client.tenant.work().all(ALL_EVENTS) if event.result == "denied"]
    assert [event.details["failed"] for event in failed] == ["domain_unverified"]


async def test_a_callback_works_once(client: Client) -> None:
    first, sent = await sign_in(client, "ann")
    client.http.cookies.clear()

    again = await client.http.get(sent["url"], headers={"Cookie": sent["Cookie"]})

    assert first.status_code == 302
    assert (again.status_code, again.json()["error"]["code"]) == (401, "sso_failed")
    assert any("soundstage-sso=;" in each for each in first.headers.get_list("set-cookie"))
