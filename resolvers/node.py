"""`node(id:)`, and connections in the way of Relay (https://relay.dev/graphql/connections.htm)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import strawberry

from app.core.paging import Page, encode_cursor

T = TypeVar("T")
R = TypeVar("R")

Id = Annotated[
    strawberry.ID,
    strawberry.argument(description="The id, as the object gave it: a prefix and 26 characters."),
]
First = Annotated[int | None, strawberry.argument(description="How many items at most: 1 to 100; 100 by default.")]
After = Annotated[
    str | None, strawberry.argument(description="Continue behind this cursor, taken from `pageInfo.endCursor`.")
]
IfVersion = Annotated[
    int | None,
    strawberry.argument(description="Change only if the object is still at this version; else `PRECONDITION_FAILED`."),
]

OwnOrganizationId = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="Your organization's id, or nothing; any other is `NOT_FOUND`."),
]


@strawberry.interface(description="Anything that has an id and can be read again by `node(id:)`.")
class Node:
    id: strawberry.ID = strawberry.field(description="Unique over all types; sorts by time of creation.")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more items follow.")
    has_previous_page: bool = strawberry.field(description="Whether items precede: true behind a cursor.")
    start_cursor: str | None = strawberry.field(description="The first item's cursor; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The last item's cursor, for `after`; null on an empty page.")


@strawberry.type(description="An item and its cursor.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Continue behind this item with `after`.")
    node: T = strawberry.field(description="The item.")


@strawberry.type(description="A page of a list, newest first.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The items with their cursors.")
    nodes: list[T] = strawberry.field(description="The items.")
    page_info: PageInfo = strawberry.field(description="Where this page lies.")


def connection(page: Page[R], key: Callable[[R], str], convert: Callable[[R], T], after: str | None) -> Connection[T]:
    """A page of records as a connection; `key` is what the cursor names."""
    nodes = [convert(item) for item in page.items]
    cursors: Sequence[str] = [encode_cursor(key(item)) for item in page.items]
    info = PageInfo(
        has_next_page=page.has_more,
        has_previous_page=after is not None,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
    )
    edges = [Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, nodes, strict=True)]
    return Connection(edges=edges, nodes=nodes, page_info=info)
