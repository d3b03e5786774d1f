"""GitHub's REST API, and GitHub Enterprise's (base address `https://<host>/api/v3`).

https://docs.github.com/rest
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from app.integrations.api import HostApi, listed, next_query, optional, text
from app.integrations.hosts import (
    CloneAddress,
    HostedRepository,
    RepositoryPage,
    checked_name,
    cloned_over_http,
    moment,
)

BASE_URL = "https://api.github.com"
VERSION = "2022-11-28"


@dataclass(frozen=True)
class GitHub:
    """With a personal access token, classic or fine-grained, or that of an app's installation."""

    api: HostApi
    token: str = field(repr=False)

    @classmethod
    def at(cls, api: HostApi, token: str, username: str = "") -> GitHub:
        """With the token in each request."""
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": VERSION,
        }
        return cls(replace(api, headers=headers), token)

    async def account(self) -> str:
        return text((await self.api.get("/user")).json, "login")

    async def repositories(self, limit: int, after: str | None) -> RepositoryPage:
        found = await self.api.get("/user/repos", after or {"per_page": limit, "sort": "full_name"})
        return RepositoryPage([_repository(each) for each in listed(found.json)], next_query(found.headers))

    async def repository(self, full_name: str) -> HostedRepository:
        return _repository((await self.api.get(f"/repos/{checked_name(full_name)}")).json)

    def clone_address(self, repository: HostedRepository) -> CloneAddress:
        return CloneAddress(repository.clone_url, "x-access-token", self.token)


def _repository(found: Any) -> HostedRepository:
    return HostedRepository(
        full_name=text(found, "full_name"),
        name=text(found, "name"),
        description=optional(found, "description"),
        private=found.get("private") is not False,
        default_branch=optional(found, "default_branch"),
        web_url=optional(found, "html_url"),
        clone_url=cloned_over_http(text(found, "clone_url")),
        updated_at=moment(found.get("pushed_at") or found.get("updated_at")),
    )
