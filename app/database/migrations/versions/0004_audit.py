"""audit: sequences, leaves, tiles and checkpoints; events from before get theirs here"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

import app.database.types as types
from app.audit.canonical import event_leaf

revision = "0004"
down_revision = "0003"

BATCH = 1_000
INDEXED = ("user_id", "agent_id", "action", "resource", "result", "created_at")
NAMES = dict(zip(INDEXED, ("user", "agent", "action", "resource", "result", "time"), strict=True))


def upgrade() -> None:
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("personal_hash", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("format", sa.Integer(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("sequence", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("leaf", sa.String(), nullable=True))
    op.create_table(
        "audit_logs",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.BigInteger(), nullable=False),
        sa.Column("signed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id"),
    )
    _number_events(op.get_bind())
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.alter_column("sequence", existing_type=sa.BigInteger(), nullable=False)
        batch_op.alter_column("leaf", existing_type=sa.String(), nullable=False)
        batch_op.drop_index("audit_events_of_organization")
        batch_op.create_unique_constraint("audit_events_sequence", ["organization_id", "sequence"])
        for column in INDEXED:
            batch_op.create_index(f"audit_events_by_{NAMES[column]}", ["organization_id", column, "sequence"])
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "audit_personal",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("data", types.Json(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("audit_personal_of_user", "audit_personal", ["organization_id", "user_id"])
    op.create_table(
        "audit_tiles",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "level", "number"),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "size"),
    )
    op.create_index("audit_checkpoints_by_age", "audit_checkpoints", ["created_at"])


def _number_events(connection: Any) -> None:
    """Gives the events their places, in the order of their ids, and their leaves."""
    events = _events()
    last, sizes = ("", ""), dict[str, int]()
    while True:
        after = sa.tuple_(events.c.organization_id, events.c.id) > sa.tuple_(*map(sa.literal, last))
        order = (events.c.organization_id, events.c.id)
        rows = connection.execute(sa.select(events).where(after).order_by(*order).limit(BATCH)).mappings().all()
        if not rows:
            break
        numbered = []
        for organization_id, group in groupby(rows, key=lambda row: row["organization_id"]):
            for row in group:
                sizes[organization_id] = sizes.get(organization_id, 0) + 1
                leaf = event_leaf({**row, "format": 1, "personal_hash": ""}).hex()
                numbered.append({"of": row["id"], "number": sizes[organization_id], "hash": leaf})
        connection.execute(
            sa.update(events)
            .where(events.c.id == sa.bindparam("of"))
            .values(sequence=sa.bindparam("number"), leaf=sa.bindparam("hash")),
            numbered,
        )
        last = (rows[-1]["organization_id"], rows[-1]["id"])
    logs = sa.table("audit_logs", *map(sa.column, ("organization_id", "size", "sealed", "signed")))
    found = [{"organization_id": key, "size": size, "sealed": 0, "signed": 0} for key, size in sizes.items()]
    if found:
        connection.execute(sa.insert(logs), found)


def _events() -> Any:
    texts = ("id", "organization_id", "user_id", "agent_id", "credential_id", "action", "resource", "result")
    texts += ("policy_set_hash", "arguments_hash", "approval_id", "request_id", "leaf")
    return sa.table(
        "audit_events",
        *(sa.column(name, sa.String()) for name in texts),
        *(sa.column(name, types.Json()) for name in ("reasons", "details")),
        sa.column("created_at", types.Moment()),
        sa.column("sequence", sa.BigInteger()),
    )


def downgrade() -> None:
    for table in ("audit_checkpoints", "audit_tiles", "audit_personal", "audit_logs"):
        op.drop_table(table)
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        for column in INDEXED:
            batch_op.drop_index(f"audit_events_by_{NAMES[column]}")
        batch_op.drop_constraint("audit_events_sequence", type_="unique")
        batch_op.create_index("audit_events_of_organization", ["organization_id", "id"])
        for column in ("leaf", "sequence", "format", "personal_hash"):
            batch_op.drop_column(column)
