"""billing"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.database.types as types

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "admin_metrics",
        sa.Column("at", types.Moment(), nullable=False),
        sa.Column("organizations", sa.Integer(), nullable=False),
        sa.Column("users", sa.Integer(), nullable=False),
        sa.Column("agents", sa.Integer(), nullable=False),
        sa.Column("environments", sa.Integer(), nullable=False),
        sa.Column("environments_running", sa.Integer(), nullable=False),
        sa.Column("environments_failed", sa.Integer(), nullable=False),
        sa.Column("audit_events", sa.BigInteger(), nullable=False),
        sa.Column("decisions", sa.Integer(), nullable=False),
        sa.Column("database_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("at"),
    )
    op.create_table(
        "billing_events",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("received_at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("billing_events", schema=None) as batch_op:
        batch_op.create_index("billing_events_by_age", ["received_at"], unique=False)

    op.create_table(
        "billing_checkouts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("completed_at", types.Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("provider", "reference", name="billing_checkouts_reference"),
    )
    with op.batch_alter_table("billing_checkouts", schema=None) as batch_op:
        batch_op.create_index("billing_checkouts_of_organization", ["organization_id", "id"], unique=False)

    op.create_table(
        "billing_subscriptions",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("updated_at", types.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id"),
        sa.UniqueConstraint("provider", "reference", name="billing_subscriptions_reference"),
    )
    op.create_table(
        "drift_policies",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("severity_threshold", sa.String(), nullable=False),
        sa.Column("schedule", sa.Integer(), nullable=False),
        sa.Column("exemptions", types.Json(), nullable=False),
        sa.Column("auto_remediate", sa.Boolean(), nullable=False),
        sa.Column("updated_at", types.Moment(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id"),
    )
    op.create_table(
        "organization_models",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("base_url", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
    )


def downgrade() -> None:
    op.drop_table("organization_models")
    op.drop_table("drift_policies")
    op.drop_table("billing_subscriptions")
    with op.batch_alter_table("billing_checkouts", schema=None) as batch_op:
        batch_op.drop_index("billing_checkouts_of_organization")

    op.drop_table("billing_checkouts")
    with op.batch_alter_table("billing_events", schema=None) as batch_op:
        batch_op.drop_index("billing_events_by_age")

    op.drop_table("billing_events")
    op.drop_table("admin_metrics")
