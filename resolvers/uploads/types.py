"""What uploads look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.uploads import models
from resolvers.node import Node


@strawberry.type(
    description="A file on its way into a session's working copy, by the tus protocol at `/api/v1/filestorage`."
)
class Upload(Node):
    session_id: strawberry.ID = strawberry.field(description="The session whose working copy it is for.")
    path: str = strawberry.field(description="Where it ends up there.")
    length: float = strawberry.field(description="The bytes of the whole file.")
    offset: float = strawberry.field(description="The bytes that are there: it goes on from here.")
    filename: str | None = strawberry.field(description="What the client calls the file.")
    filetype: str | None = strawberry.field(description="The media type that the client told; nobody looked.")
    created_by: strawberry.ID = strawberry.field(description="The member or agent who began it.")
    created_at: datetime = strawberry.field(description="When it was begun.")
    expires_at: datetime = strawberry.field(
        description="When it is forgotten, and its bytes with it where it is not finished."
    )
    finished_at: datetime | None = strawberry.field(description="When the file was put in place.")
    version: int = strawberry.field(description="Counts the changes.")


def upload(record: models.Upload, offset: int) -> Upload:
    """The record as GraphQL shows it."""
    return Upload(
        id=strawberry.ID(record.id),
        session_id=strawberry.ID(record.session_id),
        path=record.path,
        length=record.length,
        offset=offset,
        filename=record.filename or None,
        filetype=record.filetype or None,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        expires_at=record.expires_at,
        finished_at=record.finished_at,
        version=record.version,
    )
