"""Uploads: files on their way into a session's working copy."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Moment


class Upload(Record):
    """An upload. How much of it is there, its file in the data directory tells."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    #: The session whose working copy it ends up in. Without a foreign key: it may be gone before the upload is.
    session_id: str
    #: Where in the working copy.
    path: str
    #: The bytes of the whole file.
    length: int = Field(sa_type=BigInteger)
    #: What the client calls the file, and its media type; empty where it does not say.
    filename: str
    filetype: str
    #: `Upload-Metadata` as it was sent.
    sent_metadata: str
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    #: From then on it is gone, finished or not.
    expires_at: datetime = Field(sa_type=Moment)
    #: When the file was put in place; None while it is not.
    finished_at: datetime | None = Field(default=None, sa_type=Moment)
    version: int = 1


class UploadTable(Upload, table=True):
    __tablename__ = "uploads"
    __table_args__ = (
        Index("uploads_of_session", "organization_id", "session_id", "id"),
        Index("uploads_by_expiry", "expires_at"),
    )
