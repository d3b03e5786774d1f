"""The organization's connections to code hosts, and what they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.core.actor import Actor
from app.core.addresses import is_web_address
from app.core.clock import Clock, now
from app.core.errors import Conflict, InvalidRequest, NotFound
from app.core.ids import new_id
from app.core.vault import Vault
from app.database.unit_of_work import UnitOfWork
from app.integrations import bitbucket, dockerhub, github, gitlab, registry, repository
from app.integrations.api import HostApi
from app.integrations.bitbucket import Bitbucket
from app.integrations.dockerhub import DockerHub
from app.integrations.errors import (
    HostAddressRefused,
    HostAnswerUnknown,
    HostConnected,
    HostNotConnected,
    HostNotVerified,
    HostUnreachable,
)
from app.integrations.github import GitHub
from app.integrations.gitlab import GitLab
from app.integrations.hosts import LARGEST_PAGE, CloneAddress, Host, HostedRepository, RepositoryPage
from app.integrations.models import CodeHost, Connection
from app.integrations.registry import Registry

_HOSTS: dict[CodeHost, Any] = {
    CodeHost.GITHUB: GitHub,
    CodeHost.GITLAB: GitLab,
    CodeHost.BITBUCKET: Bitbucket,
}
LONGEST_TOKEN, LONGEST_USERNAME = 1_000, 200
_TOKEN = "token"  # noqa: S105 - its name in the vault


@dataclass(frozen=True, slots=True)
class IntegrationParts:
    """What connections work with."""

    vault: Vault
    #: Whether code hosts may be at private addresses, and answer over http.
    allow_private: bool = False
    #: The APIs of code hosts, where a connection does not say.
    github_url: str = github.BASE_URL
    gitlab_url: str = gitlab.BASE_URL
    bitbucket_url: str = bitbucket.BASE_URL
    dockerhub_url: str = dockerhub.BASE_URL
    registry_url: str = registry.BASE_URL
    clock: Clock = now

    def base_url(self, kind: CodeHost) -> str:
        """Where a code host's API is, unless a connection says otherwise."""
        return {
            CodeHost.GITHUB: self.github_url,
            CodeHost.GITLAB: self.gitlab_url,
            CodeHost.BITBUCKET: self.bitbucket_url,
        }[kind]

    def host(self, kind: CodeHost, base_url: str, token: str, username: str) -> Host:
        """A code host's API, with a token."""
        made: Host = _HOSTS[kind].at(HostApi(base_url, {}, self.allow_private, self.clock), token, username)
        return made

    def images(self) -> DockerHub:
        """Docker Hub."""
        return DockerHub(HostApi(self.dockerhub_url, {}, self.allow_private, self.clock))

    def registry(self) -> Registry:
        """Where Docker Hub's images lie."""
        return Registry(self.registry_url, self.allow_private)


class Connections:
    """What an actor does with its organization's code hosts."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: IntegrationParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    # What imports need.

    async def repository(self, host: CodeHost, full_name: str) -> HostedRepository:
        """A repository of a connected code host; raises `HostNotConnected`, `HostHasNone`, and what hosts raise."""
        return await self._host(await self._of(host)).repository(full_name)

    async def clone_address(self, host: CodeHost, repository: HostedRepository) -> CloneAddress:
        """Where it is cloned from, with the organization's token; raises `HostNotConnected`."""
        return self._host(await self._of(host)).clone_address(repository)

    # Reading.

    async def find(self, connection_id: str) -> Connection | None:
        """One connection."""
        return await self.work.one(repository.CONNECTION, id=connection_id)

    async def of_host(self, host: CodeHost) -> Connection | None:
        """The connection to a code host."""
        return await self.work.one(repository.OF_HOST, host=host)

    async def all(self) -> list[Connection]:
        """All of them: at most one for each code host."""
        return await self.work.all(repository.ALL)

    async def repositories(self, connection: Connection, limit: int, after: str | None) -> RepositoryPage:
        """What a connection's token shows, some at a time."""
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidRequest(f"A page holds 1 to {LARGEST_PAGE} repositories; {limit} were asked for.")
        return await self._host(connection).repositories(limit, after)

    # Changing.

    async def connect(
        self, host: CodeHost, *, token: str, base_url: str | None = None, username: str | None = None
    ) -> Connection:
        """Connects a code host, after it has accepted the token. Raises `HostConnected`, and what hosts raise."""
        if await self.of_host(host) is not None:
            raise HostConnected()
        address, user = self._address(base_url or self.parts.base_url(host)), _username(host, username)
        account = await _account(self.parts.host(host, address, _token(token), user))
        moment = self.parts.clock()
        made = Connection(
            id=new_id("chc"),
            organization_id=self.actor.organization_id,
            host=host,
            base_url=address,
            username=user,
            account=account,
            token=self.parts.vault.seal({_TOKEN: token}),
            created_by=self.actor.user_id or self.actor.agent_id,
            created_at=moment,
            updated_at=moment,
        )
        self.work.write(repository.ADD, otherwise=HostConnected(), **made.__dict__)
        return made

    async def rotate(self, connection_id: str, *, token: str, username: str | None = None) -> Connection:
        """Another token, after the code host has accepted it; the old one is forgotten, and stays valid there."""
        found = await self._get(connection_id)
        user = found.username if username is None else _username(found.host, username)
        account = await _account(self.parts.host(found.host, found.base_url, _token(token), user))
        changed = found.changed(
            token=self.parts.vault.seal({_TOKEN: token}),
            username=user,
            account=account,
            updated_at=self.parts.clock(),
            version=found.version + 1,
        )
        self.work.write(repository.CHANGE, expect=1, otherwise=Conflict(), seen=found.version, **changed.__dict__)
        return changed

    async def disconnect(self, connection_id: str) -> Connection:
        """Forgets a connection and its token, which stays valid at the code host."""
        found = await self._get(connection_id)
        self.work.write(repository.REMOVE, expect=1, otherwise=NotFound(), id=connection_id)
        return found

    # Within.

    async def _get(self, connection_id: str) -> Connection:
        found = await self.find(connection_id)
        if found is None:
            raise NotFound()
        return found

    async def _of(self, host: CodeHost) -> Connection:
        found = await self.of_host(host)
        if found is None:
            raise HostNotConnected()
        return found

    def _host(self, connection: Connection) -> Host:
        token = self.parts.vault.open(connection.token)[_TOKEN]
        return self.parts.host(connection.host, connection.base_url, token, connection.username)

    def _address(self, given: str) -> str:
        plain = is_web_address(given) and not any(mark in given for mark in "?#")
        if not plain or (given.startswith("http:") and not self.parts.allow_private):
            raise HostAddressRefused()
        return given.rstrip("/")


async def _account(host: Host) -> str:
    """Whose token it is; raises `HostNotVerified` where the code host does not say."""
    try:
        return (await host.account())[:LONGEST_USERNAME]
    except (HostUnreachable, HostAnswerUnknown) as error:
        raise HostNotVerified(f"The token could not be checked. {error.message}") from error


def _token(token: str) -> str:
    if not 1 <= len(token) <= LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidRequest("A token has printable ASCII characters and no spaces.")
    return token


def _username(host: CodeHost, username: str | None) -> str:
    name = (username or "").strip()
    if name and host is not CodeHost.BITBUCKET:
        raise InvalidRequest("Only Bitbucket's API tokens go with a user name.")
    if len(name) > LONGEST_USERNAME or ":" in name or not (name.isascii() and name.isprintable()):
        raise InvalidRequest("A user name has printable ASCII characters and no colon.")
    return name
