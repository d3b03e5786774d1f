"""Bitbucket Cloud's REST API.

Repositories are listed workspace by workspace: since February 2026 there is no list over all workspaces
(https://developer.atlassian.com/cloud/bitbucket/changelog/#CHANGE-2770).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from app.integrations.api import HostApi, basic, listed, optional, text
from app.integrations.errors import HostAnswerUnknown
from app.integrations.hosts import (
    CloneAddress,
    HostedRepository,
    RepositoryPage,
    checked_name,
    cloned_over_http,
    moment,
)

BASE_URL = "https://api.bitbucket.org/2.0"
MOST_WORKSPACES = 100


@dataclass(frozen=True)
class Bitbucket:
    """With an API token, which goes with an e-mail address, or with an access token, which goes alone."""

    api: HostApi
    token: str = field(repr=False)
    username: str

    @classmethod
    def at(cls, api: HostApi, token: str, username: str = "") -> Bitbucket:
        """With the credential in each request."""
        value = basic(username, token) if username else f"Bearer {token}"
        return cls(replace(api, headers={"Authorization": value}), token, username)

    async def account(self) -> str:
        return text((await self.api.get("/user")).json, "username", "nickname", "display_name")

    async def repositories(self, limit: int, after: str | None) -> RepositoryPage:
        """`after` is `<workspace>?<query>`: a workspace's pages, then those of the next one."""
        workspaces = await self._workspaces()
        workspace, _, query = (after or "").partition("?")
        if not workspace and not workspaces:
            return RepositoryPage([], None)
        if after is not None and workspace not in workspaces:
            raise HostAnswerUnknown("The list of Bitbucket's workspaces changed meanwhile. Begin anew.")
        workspace = workspace or workspaces[0]
        path = f"/repositories/{quote(workspace, safe='')}"
        found = (await self.api.get(path, query or {"pagelen": limit, "sort": "full_name", "role": "member"})).json
        items = [_repository(each) for each in listed(_values(found))]
        following = urlsplit(optional(found, "next")).query
        if following:
            return RepositoryPage(items, f"{workspace}?{following}")
        later = workspaces[workspaces.index(workspace) + 1 :]
        return RepositoryPage(items, f"{later[0]}?" if later else None)

    async def repository(self, full_name: str) -> HostedRepository:
        return _repository((await self.api.get(f"/repositories/{checked_name(full_name)}")).json)

    def clone_address(self, repository: HostedRepository) -> CloneAddress:
        user = "x-bitbucket-api-token-auth" if self.username else "x-token-auth"
        return CloneAddress(repository.clone_url, user, self.token)

    async def _workspaces(self) -> list[str]:
        found = (await self.api.get("/user/workspaces", {"pagelen": MOST_WORKSPACES})).json
        return [text(each, "workspace.slug", "slug") for each in listed(_values(found))]


def _values(found: Any) -> Any:
    return found.get("values") if isinstance(found, dict) else None


def _repository(found: Any) -> HostedRepository:
    links = found.get("links") if isinstance(found, dict) else None
    clone = listed(links.get("clone") if isinstance(links, dict) else None)
    urls = [
        optional(each, "href") for each in clone if isinstance(each, dict) and each.get("name") in ("https", "http")
    ]
    if not urls:
        raise HostAnswerUnknown()
    return HostedRepository(
        full_name=text(found, "full_name"),
        name=text(found, "slug", "name"),
        description=optional(found, "description"),
        private=found.get("is_private") is not False,
        default_branch=optional(found, "mainbranch.name"),
        web_url=optional(found, "links.html.href"),
        clone_url=cloned_over_http(urls[0]),
        updated_at=moment(found.get("updated_on")),
    )
