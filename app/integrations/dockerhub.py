"""Docker Hub: which images there are, and their tags. It takes no credential."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from app.integrations.api import HostApi, listed, optional, text
from app.integrations.errors import HostAnswerUnknown, HostHasNone
from app.integrations.hosts import moment

BASE_URL = "https://hub.docker.com"
LARGEST_PAGE = 100
OFFICIAL = "library"


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was found."""

    #: `postgres`, `bitnami/postgresql`.
    name: str
    description: str
    official: bool
    stars: int
    pulls: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A version of an image."""

    name: str
    #: Of what it points to now; empty for old ones.
    digest: str
    #: In bytes, compressed, of the first platform.
    size: int
    #: `linux/amd64`, …
    platforms: Sequence[str]
    updated_at: datetime | None


@dataclass(frozen=True)
class DockerHub:
    """`DockerHub(HostApi(BASE_URL))`."""

    api: HostApi

    async def search(self, words: str, limit: int = 25) -> list[Image]:
        """Images by words, the most fitting first."""
        query: dict[str, str | int] = {"query": words, "page_size": _bounded(limit), "page": 1}
        found = (await self.api.get("/v2/search/repositories/", query)).json
        return [_image(each) for each in _results(found)]

    async def tags(self, image: str, limit: int = 25, page: int = 1, name: str = "") -> tuple[list[Tag], bool]:
        """An image's tags, the newest first, and whether there are more; raises `HostHasNone`.

        `name` is a part of the names that are looked for.
        """
        query: dict[str, str | int] = {"page_size": _bounded(limit), "page": page, "ordering": "last_updated"}
        if name:
            query["name"] = name
        found = (await self.api.get(f"/v2/repositories/{path_of(image)}/tags", query)).json
        return [_tag(each) for each in _results(found)], bool(optional(found, "next"))

    async def tag(self, image: str, tag: str) -> Tag:
        """One tag; raises `HostHasNone`."""
        found = await self.api.get(f"/v2/repositories/{path_of(image)}/tags/{quote(tag, safe='')}")
        return _tag(found.json)


def path_of(image: str) -> str:
    """`library/postgres` for `postgres`; raises `HostHasNone` for what no image is called."""
    parts = image.split("/")
    parts = [OFFICIAL, *parts] if len(parts) == 1 else parts
    if len(parts) != 2 or any(not part or part in (".", "..") for part in parts) or len(image) > 300:
        raise HostHasNone()
    return "/".join(quote(part, safe="") for part in parts)


def _bounded(limit: int) -> int:
    return max(1, min(limit, LARGEST_PAGE))


def _results(found: Any) -> list[Any]:
    return listed(found.get("results") if isinstance(found, dict) else None)


def _image(found: Any) -> Image:
    return Image(
        name=text(found, "repo_name"),
        description=optional(found, "short_description"),
        official=found.get("is_official") is True,
        stars=_number(found, "star_count"),
        pulls=_number(found, "pull_count"),
    )


def _tag(found: Any) -> Tag:
    if not isinstance(found, dict):
        raise HostAnswerUnknown()
    images = [each for each in found.get("images") or [] if isinstance(each, dict)]
    platforms = [f"{optional(each, 'os')}/{optional(each, 'architecture')}" for each in images]
    return Tag(
        name=text(found, "name"),
        digest=optional(found, "digest"),
        size=_number(found, "full_size"),
        platforms=[platform for platform in platforms if platform not in ("/", "unknown/unknown")],
        updated_at=moment(found.get("last_updated")),
    )


def _number(found: Any, name: str) -> int:
    value = found.get(name)
    return value if isinstance(value, int) else 0
