"""GitLab's REST API, on gitlab.com and self-managed (base address `https://<host>/api/v4`).

https://docs.gitlab.com/api/rest/
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from app.integrations.api import HostApi, listed, next_query, optional, text
from app.integrations.hosts import (
    CloneAddress,
    HostedRepository,
    RepositoryPage,
    checked_name,
    cloned_over_http,
    moment,
)

BASE_URL = "https://gitlab.com/api/v4"
#: Groups nest up to twenty deep.
MOST_PARTS = 22


@dataclass(frozen=True)
class GitLab:
    """With a personal, group or project access token."""

    api: HostApi
    token: str = field(repr=False)

    @classmethod
    def at(cls, api: HostApi, token: str, username: str = "") -> GitLab:
        """With the token in each request."""
        return cls(replace(api, headers={"PRIVATE-TOKEN": token}), token)

    async def account(self) -> str:
        return text((await self.api.get("/user")).json, "username")

    async def repositories(self, limit: int, after: str | None) -> RepositoryPage:
        first: dict[str, str | int] = {
            "membership": "true",
            "order_by": "id",
            "sort": "desc",
            "pagination": "keyset",
            "per_page": limit,
        }
        found = await self.api.get("/projects", after or first)
        following = next_query(found.headers)
        if following is None and found.headers.get("x-next-page"):
            # Paging by numbers, which servers without keyset paging answer with.
            following = f"membership=true&order_by=id&sort=desc&per_page={limit}&page={found.headers['x-next-page']}"
        return RepositoryPage([_repository(each) for each in listed(found.json)], following)

    async def repository(self, full_name: str) -> HostedRepository:
        checked_name(full_name, MOST_PARTS)
        return _repository((await self.api.get(f"/projects/{quote(full_name, safe='')}")).json)

    def clone_address(self, repository: HostedRepository) -> CloneAddress:
        return CloneAddress(repository.clone_url, "oauth2", self.token)


def _repository(found: Any) -> HostedRepository:
    return HostedRepository(
        full_name=text(found, "path_with_namespace"),
        name=text(found, "path"),
        description=optional(found, "description"),
        private=found.get("visibility") != "public",
        default_branch=optional(found, "default_branch"),
        web_url=optional(found, "web_url"),
        clone_url=cloned_over_http(text(found, "http_url_to_repo")),
        updated_at=moment(found.get("last_activity_at")),
    )
