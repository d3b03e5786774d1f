"""What all code hosts have in common, as the rest of the product sees it.

`repository(full_name)` and `clone_address(repository)` are what an import needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from app.integrations.api import basic
from app.integrations.errors import HostAnswerUnknown, HostHasNone

LARGEST_PAGE = 100
LONGEST_NAME = 300


@dataclass(frozen=True, slots=True)
class HostedRepository:
    """A repository at a code host."""

    #: `owner/name`; GitLab's can have more parts.
    full_name: str
    name: str
    description: str
    private: bool
    #: Empty for a repository without commits.
    default_branch: str
    web_url: str
    #: Over https, without credentials.
    clone_url: str
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class RepositoryPage:
    """A part of the repositories, and what the next part is asked for with."""

    items: Sequence[HostedRepository]
    next: str | None


@dataclass(frozen=True, slots=True)
class CloneAddress:
    """Where git clones from, and with which credential. Hand git the header: it keeps an address in its files."""

    url: str
    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """For `git -c http.extraHeader=…`, by the environment (`GIT_CONFIG_…`), so that no process list shows it."""
        return f"Authorization: {basic(self.username, self.password)}"

    @property
    def with_credentials(self) -> str:
        """The address with user and password in it; for what knows no headers."""
        parts = urlsplit(self.url)
        user = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))


class Host(Protocol):
    """A code host's API, with a token."""

    async def account(self) -> str:
        """Whose token it is; raises `HostTokenRefused`, and whatever else `HostApi.get` raises."""

    async def repositories(self, limit: int, after: str | None) -> RepositoryPage:
        """What the token shows, some at a time; `after` is a page's `next`."""

    async def repository(self, full_name: str) -> HostedRepository:
        """One repository; raises `HostHasNone`."""

    def clone_address(self, repository: HostedRepository) -> CloneAddress:
        """Where it is cloned from, with the token."""


def checked_name(full_name: str, most_parts: int = 2) -> str:
    """`owner/name`, safe in a path; raises `HostHasNone` for what no repository is called."""
    parts = full_name.split("/")
    wrong = any(not part or part in (".", "..") or not part.isprintable() for part in parts)
    if wrong or not 2 <= len(parts) <= most_parts or len(full_name) > LONGEST_NAME:
        raise HostHasNone()
    return "/".join(quote(part, safe="") for part in parts)


def moment(value: Any) -> datetime | None:
    """A point in time as the hosts write it."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def cloned_over_http(url: str) -> str:
    """The address without a user; raises `HostAnswerUnknown` for what is not cloned over HTTP."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise HostAnswerUnknown()
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
