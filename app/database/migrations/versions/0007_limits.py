"""limits"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.database.types as types

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "rate_windows",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("started_at", types.Moment(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "name", "started_at"),
    )
    with op.batch_alter_table("rate_windows", schema=None) as batch_op:
        batch_op.create_index("rate_windows_by_age", ["started_at"], unique=False)

    op.create_table(
        "usage_counters",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "period", "metric"),
    )


def downgrade() -> None:
    op.drop_table("usage_counters")
    with op.batch_alter_table("rate_windows", schema=None) as batch_op:
        batch_op.drop_index("rate_windows_by_age")

    op.drop_table("rate_windows")
