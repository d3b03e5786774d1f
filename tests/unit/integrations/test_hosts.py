"""Code hosts: what is asked of them, how their pages go on, and what is made of their errors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.errors import SoundstageError
from app.integrations.api import PRIVATE, HostApi, basic
from app.integrations.bitbucket import Bitbucket
from app.integrations.dockerhub import DockerHub
from app.integrations.errors import (
    HostAnswerUnknown,
    HostHasNone,
    HostRateLimited,
    HostTokenRefused,
    HostUnreachable,
)
from app.integrations.github import GitHub
from app.integrations.gitlab import GitLab
from app.integrations.hosts import Host, RepositoryPage
from app.integrations.models import CodeHost
from tests.support.code_hosts import COUNT, DOWN, GOOD, NARROW, SPENT, code_hosts
from tests.support.receivers import receiver

pytestmark = pytest.mark.anyio

NAMES = {
    CodeHost.GITHUB: "octocat/repo-1",
    CodeHost.GITLAB: "diaspora/deep/project-1",
    CodeHost.BITBUCKET: "tools/repo-1",
}
ACCOUNTS = {CodeHost.GITHUB: "octocat", CodeHost.GITLAB: "john_smith", CodeHost.BITBUCKET: "evzijst"}
WAITS = {CodeHost.GITHUB: range(110, 121), CodeHost.GITLAB: range(30, 31), CodeHost.BITBUCKET: range(60, 61)}


def _host(kind: CodeHost, token: str = GOOD, username: str = "", *, allow_private: bool = True) -> Host:
    hosts = code_hosts()
    base = {CodeHost.GITHUB: hosts.github, CodeHost.GITLAB: hosts.gitlab, CodeHost.BITBUCKET: hosts.bitbucket}[kind]
    api = HostApi(base, {}, allow_private)
    made: Host = {CodeHost.GITHUB: GitHub, CodeHost.GITLAB: GitLab, CodeHost.BITBUCKET: Bitbucket}[kind].at(
        api, token, username
    )
    return made


@pytest.mark.parametrize("kind", CodeHost)
async def test_a_token_tells_whose_it_is(kind: CodeHost) -> None:
    assert await _host(kind).account() == ACCOUNTS[kind]


@pytest.mark.parametrize("kind", CodeHost)
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_all_pages_together_are_everything_once(kind: CodeHost, limit: int) -> None:
    host, after, found = _host(kind), None, []

    for _ in range(20):
        page: RepositoryPage = await host.repositories(limit, after)
        assert len(page.items) <= limit
        found += [each.full_name for each in page.items]
        after = page.next
        if after is None:
            break

    assert len(found) == len(set(found)) == COUNT


@pytest.mark.parametrize("kind", CodeHost)
async def test_a_repository_is_told_with_what_an_import_needs(kind: CodeHost) -> None:
    found = await _host(kind).repository(NAMES[kind])

    assert (found.full_name, found.default_branch, found.private) == (NAMES[kind], "main", False)
    assert found.clone_url.startswith("https://")
    assert "@" not in found.clone_url
    assert found.clone_url.endswith(f"/{found.name}.git")
    assert found.updated_at is not None


@pytest.mark.parametrize(
    ("kind", "username", "expected"),
    [
        (CodeHost.GITHUB, "", "x-access-token"),
        (CodeHost.GITLAB, "", "oauth2"),
        (CodeHost.BITBUCKET, "", "x-token-auth"),
        (CodeHost.BITBUCKET, "me@example.com", "x-bitbucket-api-token-auth"),
    ],
)
async def test_git_clones_with_the_credential_that_the_host_takes(kind: CodeHost, username: str, expected: str) -> None:
    host = _host(kind, username=username)

    address = host.clone_address(await host.repository(NAMES[kind]))

    assert (address.username, address.password) == (expected, GOOD)
    assert address.header == f"Authorization: {basic(expected, GOOD)}"
    assert address.with_credentials.startswith(f"https://{expected}:{GOOD}@")
    assert GOOD not in repr(address)


@pytest.mark.parametrize("kind", CodeHost)
@pytest.mark.parametrize(
    ("token", "error"),
    [("wrong", HostTokenRefused), (NARROW, HostTokenRefused), (SPENT, HostRateLimited), (DOWN, HostUnreachable)],
)
async def test_each_refusal_says_what_is_wrong(kind: CodeHost, token: str, error: type[SoundstageError]) -> None:
    with pytest.raises(error) as raised:
        await _host(kind, token).account()

    if error is HostRateLimited:
        assert raised.value.details["retryAfter"] in WAITS[kind]
    assert token not in str(raised.value)


@pytest.mark.parametrize("kind", CodeHost)
@pytest.mark.parametrize(
    "name", ["no/such", "", "/", "one", "../../user", "a/..", "a/./b/c/d", "a/b?x=1#y", "a/b\n", "a/" + "b" * 400]
)
async def test_a_name_of_nothing_finds_nothing_and_leaves_its_path_never(kind: CodeHost, name: str) -> None:
    before = len(code_hosts().asked)

    with pytest.raises(HostHasNone):
        await _host(kind).repository(name)

    assert [path for path, _ in code_hosts().asked[before:] if path.endswith("/user")] == []


async def test_a_repository_that_moved_is_followed_on_the_same_host_only() -> None:
    host = _host(CodeHost.GITHUB)

    assert (await host.repository("octocat/moved")).full_name == "octocat/repo-1"
    with pytest.raises(HostAnswerUnknown):
        await host.repository("octocat/elsewhere")


async def test_a_private_address_is_not_asked_unless_the_installation_allows_it() -> None:
    before = len(code_hosts().asked)

    with pytest.raises(HostUnreachable) as raised:
        await _host(CodeHost.GITHUB, allow_private=False).account()

    assert raised.value.message == PRIVATE
    assert code_hosts().asked[before:] == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"login": 7}', b'{"login": ""}', b"\xff"])
async def test_an_answer_that_is_no_answer_is_told(body: bytes) -> None:
    async with receiver() as taker:
        taker.answer = body
        host = GitHub.at(HostApi(f"http://127.0.0.1:{taker.port}", {}, True), GOOD)

        with pytest.raises(HostAnswerUnknown):
            await host.account()


async def test_gitlabs_numbered_pages_are_followed_too() -> None:
    async with receiver() as taker:
        taker.answering = lambda asked: (200, {"X-Next-Page": "2" if "&page=2" not in asked.path else ""}, b"[]")
        host = GitLab.at(HostApi(f"http://127.0.0.1:{taker.port}", {}, True), GOOD)

        first = await host.repositories(20, None)
        second = await host.repositories(20, first.next)

    assert "&page=2" in (first.next or "")
    assert second.next is None


async def test_the_wait_is_read_from_a_date_too() -> None:
    moment = datetime(2026, 4, 17, 12, 0, tzinfo=UTC)
    async with receiver() as taker:
        taker.answering = lambda _: (429, {"Retry-After": "Fri, 17 Apr 2026 12:00:30 GMT"}, b"")
        host = GitHub.at(HostApi(f"http://127.0.0.1:{taker.port}", {}, True, lambda: moment), GOOD)

        with pytest.raises(HostRateLimited) as raised:
            await host.account()

    assert raised.value.details == {"retryAfter": 30}


async def test_docker_hub_tells_images_and_their_tags() -> None:
    hub = DockerHub(HostApi(code_hosts().dockerhub, {}, True))

    [image] = await hub.search("postgres")
    tags, more = await hub.tags("postgres")
    tag = await hub.tag("library/postgres", "18")

    assert (image.name, image.official) == ("postgres", True)
    assert more
    assert tags == [tag]
    assert list(tag.platforms) == ["linux/amd64", "linux/arm64"]


@pytest.mark.parametrize("name", ["nothing", "a/b", "a/b/c", "../../../user", "", "a/.."])
async def test_docker_hub_has_nothing_under_a_name_of_nothing(name: str) -> None:
    with pytest.raises(HostHasNone):
        await DockerHub(HostApi(code_hosts().dockerhub, {}, True)).tags(name)


async def test_docker_hub_that_takes_no_more_is_told() -> None:
    with pytest.raises(HostRateLimited) as raised:
        await DockerHub(HostApi(code_hosts().dockerhub, {}, True)).tags("spent")

    assert raised.value.details == {"retryAfter": 5}


def test_no_name_of_a_token_is_in_what_a_host_prints() -> None:
    host = _host(CodeHost.GITHUB, "a-secret-token")

    assert "a-secret-token" not in repr(host)
