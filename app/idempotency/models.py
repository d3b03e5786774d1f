"""Answers that were given to requests with an `Idempotency-Key`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Moment


class IdempotencyKey(Record):
    """One key of one organization: written in the transaction of the effect, completed with the answer."""

    organization_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    #: SHA-256 over method, path and body: another request under the same key is refused.
    request_hash: str
    #: What the mutation returned, so that a lost answer can be made again.
    resource_id: str = ""
    #: None until the answer is stored.
    status: int | None = None
    headers: str | None = None
    body: str | None = None
    created_at: datetime = Field(sa_type=Moment)


class IdempotencyKeyTable(IdempotencyKey, table=True):
    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idempotency_keys_by_age", "created_at"),)
