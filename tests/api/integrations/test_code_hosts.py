"""Connections to code hosts through the API: connected once, listed by pages, never shown a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.integrations.repository import ALL
from tests.support.code_hosts import COUNT, DOWN, GOOD, SPENT, code_hosts
from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio

HOSTS = ("github", "gitlab", "bitbucket")


def _given(host: str, token: str = GOOD) -> dict[str, Any]:
    return {"token": token, "baseUrl": getattr(code_hosts(), host)}


async def _connected(client: Client, host: str) -> dict[str, Any]:
    response = await client.post(f"/api/v1/{host}", json=_given(host))
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


@pytest.mark.parametrize("host", HOSTS)
async def test_a_connection_shows_its_repositories_by_pages(shared: Served, host: str) -> None:
    owner = await shared.newcomer()
    made = await _connected(owner, host)

    names: list[str] = []
    after: dict[str, str] = {}
    while True:
        told = (await owner.get(f"/api/v1/{host}", params={"first": 2, **after})).json()
        names += [each["fullName"] for each in told["repositories"]["nodes"]]
        if not told["repositories"]["hasNextPage"]:
            break
        after = {"after": told["repositories"]["endCursor"]}

    assert (told["id"], told["host"], told["account"]) == (made["id"], host, made["account"])
    assert len(set(names)) == len(names) == COUNT


@pytest.mark.parametrize("host", HOSTS)
async def test_a_host_that_is_not_connected_is_not_there(shared: Served, host: str) -> None:
    response = await (await shared.newcomer()).get(f"/api/v1/{host}")

    assert response.status_code == 404


async def test_without_an_address_the_installations_own_is_asked(shared: Served) -> None:
    owner = await shared.newcomer()

    made = (await owner.post("/api/v1/gitlab", json={"token": GOOD})).json()

    assert (made["baseUrl"], made["account"]) == (code_hosts().gitlab, "john_smith")


async def test_a_host_is_connected_once(shared: Served) -> None:
    owner = await shared.newcomer()
    await _connected(owner, "github")

    again = await owner.post("/api/v1/github", json=_given("github"))

    assert (again.status_code, again.json()["error"]["code"]) == (409, "host_connected")


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"token": "wrong"}, 422, "host_token_refused"),
        ({"token": SPENT}, 429, "host_rate_limited"),
        ({"token": DOWN}, 422, "host_not_verified"),
        ({"token": ""}, 400, "invalid_request"),
        ({"token": "two words"}, 400, "invalid_request"),
        ({"token": "line\nInjected: header"}, 400, "invalid_request"),
        ({"baseUrl": "ftp://example.com"}, 422, "host_address_refused"),
        ({"baseUrl": "https://user@example.com"}, 422, "host_address_refused"),
        ({"baseUrl": "https://example.com/?x=1"}, 422, "host_address_refused"),
    ],
)
async def test_what_is_not_accepted_is_not_kept(shared: Served, given: dict[str, str], status: int, code: str) -> None:
    owner = await shared.newcomer()

    refused = await owner.post("/api/v1/github", json={**_given("github"), **given})

    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    assert ("Retry-After" in refused.headers) == (status == 429)
    assert await owner.tenant.work().all(ALL) == []


async def test_http_and_private_addresses_are_refused_unless_the_installation_allows_them(
    serve: Callable[..., Awaitable[Served]],
) -> None:
    server = await serve(allow_private_code_hosts=False)
    plain = _given("github")
    hidden = {**plain, "baseUrl": plain["baseUrl"].replace("http:", "https:")}

    answers = [await server.post("/api/v1/github", json=given) for given in (plain, hidden)]

    assert [answer.json()["error"]["code"] for answer in answers] == ["host_address_refused", "host_not_verified"]


async def test_a_token_is_kept_encrypted_and_in_no_answer(shared: Served) -> None:
    owner = await shared.newcomer()
    response = await owner.post("/api/v1/gitlab", json=_given("gitlab"))

    [kept] = await owner.tenant.work().all(ALL)
    shown = (await owner.get("/api/v1/gitlab")).text

    assert GOOD not in kept.token
    assert GOOD not in response.text + shown


async def test_another_token_takes_the_place_of_the_first_once_it_is_accepted(shared: Served) -> None:
    owner = await shared.newcomer()
    made = await _connected(owner, "github")
    asked = "mutation ($id: ID!, $token: String!) { rotateCodeHostToken(id: $id, token: $token) { version } }"

    refused = await owner.code(asked, {"id": made["id"], "token": "wrong"})
    done = await owner.data(asked, {"id": made["id"], "token": GOOD})

    assert refused == "HOST_TOKEN_REFUSED"
    assert done["rotateCodeHostToken"]["version"] == 2


async def test_a_disconnected_host_can_be_connected_again(shared: Served) -> None:
    owner = await shared.newcomer()
    made = await _connected(owner, "bitbucket")

    await owner.data("mutation ($id: ID!) { disconnectCodeHost(id: $id) { id } }", {"id": made["id"]})

    assert (await owner.get("/api/v1/bitbucket")).status_code == 404
    await _connected(owner, "bitbucket")


async def test_images_of_docker_hub_are_told(shared: Served) -> None:
    asked = (
        '{ dockerImages(words: "postgres") { name official } dockerImageTags(image: "postgres") { name platforms } }'
    )

    told = await shared.data(asked)

    assert told["dockerImages"] == [{"name": "postgres", "official": True}]
    assert told["dockerImageTags"] == [{"name": "18", "platforms": ["linux/amd64", "linux/arm64"]}]
