"""Reading uploads."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.paging import Page, decode_cursor, page_size
from resolvers.access import query
from resolvers.context import Context
from resolvers.node import After, Connection, First, Id, connection
from resolvers.uploads.types import Upload, upload
from resolvers.workspaces.queries import READ

SessionId = Annotated[strawberry.ID, strawberry.argument(description="The session's id.")]


@strawberry.type
class UploadQueries:
    @query("One upload; null where none with this id is visible to you, or it has expired.", READ)
    async def upload(self, info: Info[Context, None], id: Id) -> Upload | None:
        return await found(info.context, id)

    @query("The uploads into a session's working copy, newest first: open ones, and those of the last 24 hours.", READ)
    async def uploads(
        self, info: Info[Context, None], session_id: SessionId, first: First = None, after: After = None
    ) -> Connection[Upload]:
        uploads = info.context.uploads
        page = await uploads.page(session_id, page_size(first, info.context.largest_page), decode_cursor(after))
        shown = [upload(record, await uploads.offset(record)) for record in page.items]
        return connection(Page(shown, page.has_more), _id, _same, after)


async def found(context: Context, upload_id: str) -> Upload | None:
    """One upload, with how much of it is there."""
    record = await context.uploads.find(upload_id)
    return None if record is None else upload(record, await context.uploads.offset(record))


def _id(shown: Upload) -> str:
    return shown.id


def _same(shown: Upload) -> Upload:
    return shown
