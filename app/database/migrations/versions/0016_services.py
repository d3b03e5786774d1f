"""Services of sessions"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.database.types as types

revision = "0016"
down_revision = "0015"

_LIVE = sa.text("session_id IS NOT NULL AND desired <> 'deleted'")


def upgrade() -> None:
    op.create_table(
        "session_services",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("definition", types.Json(), nullable=False),
        sa.Column("database", types.Json(), nullable=True),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("secret_names", types.Json(), nullable=False),
        sa.Column("secrets", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("updated_at", types.Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(["session_id"], ["workspace_sessions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("session_id", "name", name="session_services_name"),
    )
    with op.batch_alter_table("session_services", schema=None) as batch_op:
        batch_op.create_index(
            "session_services_of_session", ["organization_id", "session_id", "position"], unique=False
        )

    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("session_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("folder", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("reads", types.Json(), server_default="[]", nullable=False))
        batch_op.create_index(
            "environments_one_of_session",
            ["session_id"],
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        )


def downgrade() -> None:
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.drop_index("environments_one_of_session", sqlite_where=_LIVE, postgresql_where=_LIVE)
        batch_op.drop_column("reads")
        batch_op.drop_column("folder")
        batch_op.drop_column("session_id")

    with op.batch_alter_table("session_services", schema=None) as batch_op:
        batch_op.drop_index("session_services_of_session")

    op.drop_table("session_services")
