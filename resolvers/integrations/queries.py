"""Reading connections to code hosts, and what Docker Hub has."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.errors import InvalidRequest
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.integrations.types import (
    CodeHost,
    CodeHostConnection,
    DockerImage,
    DockerImageTag,
    code_host_connection,
)

READ = Access(scope=Scope.INTEGRATIONS, kind=Kind.READ)
LONGEST_WORDS = 200


@strawberry.type
class IntegrationQueries:
    @query("The organization's connection to a code host; null where there is none.", READ)
    async def code_host_connection(
        self,
        info: Info[Context, None],
        host: Annotated[CodeHost, strawberry.argument(description="Which one.")],
    ) -> CodeHostConnection | None:
        found = await info.context.code_hosts.of_host(host)
        return code_host_connection(found) if found else None

    @query("The organization's connections to code hosts: at most one for each.", READ)
    async def code_host_connections(self, info: Info[Context, None]) -> list[CodeHostConnection]:
        return [code_host_connection(each) for each in await info.context.code_hosts.all()]

    @query("Images at Docker Hub by words, the most fitting first: at most 25.", READ)
    async def docker_images(
        self,
        info: Info[Context, None],
        words: Annotated[str, strawberry.argument(description="What to look for.")],
    ) -> list[DockerImage]:
        found = await info.context.product.integrations.images().search(_bounded(words))
        return [
            DockerImage(
                name=each.name,
                description=each.description,
                official=each.official,
                stars=each.stars,
                pulls=float(each.pulls),
            )
            for each in found
        ]

    @query("An image's tags at Docker Hub, the newest first: at most 25.", READ)
    async def docker_image_tags(
        self,
        info: Info[Context, None],
        image: Annotated[str, strawberry.argument(description="`postgres`, `bitnami/postgresql`.")],
        name: Annotated[str | None, strawberry.argument(description="A part of the tags' names.")] = None,
    ) -> list[DockerImageTag]:
        images = info.context.product.integrations.images()
        found, _ = await images.tags(_bounded(image), name=_bounded(name or ""))
        return [
            DockerImageTag(
                name=each.name,
                digest=each.digest,
                size=float(each.size),
                platforms=list(each.platforms),
                updated_at=each.updated_at,
            )
            for each in found
        ]


def _bounded(words: str) -> str:
    if len(words) > LONGEST_WORDS:
        raise InvalidRequest(f"More than {LONGEST_WORDS} characters are no name of an image.")
    return words
