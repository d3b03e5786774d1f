"""Connections to code hosts in GraphQL."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.paging import decode_cursor, encode_cursor
from app.integrations import hosts, models
from resolvers.context import Context
from resolvers.node import Node

CodeHost = models.CodeHost
strawberry.enum(CodeHost, name="CodeHost", description="Where repositories are.")

#: Repositories on a page where nobody says how many.
PAGE = 30


@strawberry.type(description="A repository at a code host.")
class CodeRepository:
    full_name: str = strawberry.field(description="`owner/name`; GitLab's can have more parts.")
    name: str = strawberry.field(description="The last part of it.")
    description: str = strawberry.field(description="What its people say of it.")
    private: bool = strawberry.field(description="Whether not everybody sees it.")
    default_branch: str = strawberry.field(description="The branch that it shows; empty where it has no commits.")
    web_url: str = strawberry.field(description="Where a browser shows it.")
    clone_url: str = strawberry.field(description="Where git clones it from, without credentials.")
    updated_at: datetime | None = strawberry.field(description="When it was last pushed to, or else changed.")


@strawberry.type(description="A part of the repositories that a token shows, in the code host's order.")
class CodeRepositoryPage:
    nodes: list[CodeRepository] = strawberry.field(description="The repositories.")
    end_cursor: str | None = strawberry.field(description="Continue behind them with `after`; null at the end.")
    has_next_page: bool = strawberry.field(description="Whether more follow.")


@strawberry.type(description="The organization's token at a code host, and where that is. The token is never shown.")
class CodeHostConnection(Node):
    record: strawberry.Private[models.Connection]
    host: CodeHost = strawberry.field(description="Which one.")
    base_url: str = strawberry.field(description="The address of its API.")
    account: str = strawberry.field(description="Whose token it is, as the code host says.")
    created_by: strawberry.ID = strawberry.field(description="The member who connected it.")
    created_at: datetime = strawberry.field(description="When it was connected.")
    updated_at: datetime = strawberry.field(description="When the token was last changed.")
    version: int = strawberry.field(description="Grows with each change.")

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="The repositories that the token shows, asked of the code host at this moment."
    )
    async def repositories(
        self,
        info: Info[Context, None],
        first: Annotated[
            int | None, strawberry.argument(description="How many at most: 1 to 100; 30 by default.")
        ] = None,
        after: Annotated[
            str | None, strawberry.argument(description="Continue behind this cursor, taken from `endCursor`.")
        ] = None,
    ) -> CodeRepositoryPage:
        limit = PAGE if first is None else first
        page = await info.context.code_hosts.repositories(self.record, limit, decode_cursor(after))
        return CodeRepositoryPage(
            nodes=[_repository(each) for each in page.items],
            end_cursor=None if page.next is None else encode_cursor(page.next),
            has_next_page=page.next is not None,
        )


@strawberry.type(description="An image at Docker Hub.")
class DockerImage:
    name: str = strawberry.field(description="As `image:` of a Blueprint names it.")
    description: str = strawberry.field(description="What its people say of it.")
    official: bool = strawberry.field(description="Whether it is one of Docker's official images.")
    stars: int = strawberry.field(description="How many people like it.")
    pulls: float = strawberry.field(description="How often it was pulled.")


@strawberry.type(description="A version of an image at Docker Hub.")
class DockerImageTag:
    name: str = strawberry.field(description="The part behind the colon.")
    digest: str = strawberry.field(description="What it points to now; empty where Docker Hub does not say.")
    size: float = strawberry.field(description="Bytes, compressed, of the first platform.")
    platforms: list[str] = strawberry.field(description="`linux/amd64`, …")
    updated_at: datetime | None = strawberry.field(description="When it was last pushed.")


def code_host_connection(record: models.Connection) -> CodeHostConnection:
    """The record as GraphQL shows it; no token."""
    return CodeHostConnection(
        id=strawberry.ID(record.id),
        record=record,
        host=record.host,
        base_url=record.base_url,
        account=record.account,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
    )


def _repository(found: hosts.HostedRepository) -> CodeRepository:
    return CodeRepository(
        full_name=found.full_name,
        name=found.name,
        description=found.description,
        private=found.private,
        default_branch=found.default_branch,
        web_url=found.web_url,
        clone_url=found.clone_url,
        updated_at=found.updated_at,
    )
