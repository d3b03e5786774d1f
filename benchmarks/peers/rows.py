"""The same objects as rows of a table, for ours and for the peers: one file of SQLite."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam
from sqlmodel import Field, SQLModel

from app.database.statements import Record, readable, statement, table
from benchmarks.peers.items import Item, Owner


class StoredItem(Record):
    """A row."""

    id: str = Field(primary_key=True)
    organization_id: str
    name: str
    slug: str
    status: str
    region: str
    cpu: int
    memory_mb: int
    disk_gb: float
    created_at: str
    active: bool
    owner_id: str
    owner_name: str
    owner_email: str


class StoredItemTable(StoredItem, table=True):
    """Its table."""

    __tablename__ = "bench_items"


STORED = statement(readable(StoredItemTable).where(table(StoredItemTable).c.id == bindparam("id")), StoredItem)
METADATA = SQLModel.metadata


def item_of(row: Any) -> Item:
    """A row as the API shows it."""
    return Item(
        id=row.id,
        name=row.name,
        slug=row.slug,
        status=row.status,
        region=row.region,
        cpu=row.cpu,
        memory_mb=row.memory_mb,
        disk_gb=row.disk_gb,
        created_at=row.created_at,
        active=row.active,
        owner=Owner(id=row.owner_id, name=row.owner_name, email=row.owner_email),
    )


def values(item: Any, organization_id: str) -> dict[str, Any]:
    """An item as a row."""
    fields = {name: getattr(item, name) for name in StoredItem.model_fields if hasattr(item, name)}
    owner = {f"owner_{name}": getattr(item.owner, name) for name in ("id", "name", "email")}
    return {**fields, **owner, "organization_id": organization_id}
