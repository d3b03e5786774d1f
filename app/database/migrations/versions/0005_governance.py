"""governance"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.database.types as types

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("arguments_hash", sa.String(), nullable=False),
        sa.Column("arguments", types.Json(), nullable=True),
        sa.Column("policy_id", sa.String(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", types.Moment(), nullable=True),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("expires_at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.create_index("approvals_of_call", ["organization_id", "agent_id", "arguments_hash"], unique=False)
        batch_op.create_index("approvals_of_organization", ["organization_id", "id"], unique=False)

    op.create_table(
        "policy_counters",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key"),
    )
    with op.batch_alter_table("policy_counters", schema=None) as batch_op:
        batch_op.create_index("policy_counters_expire", ["expires_at"], unique=False)

    op.create_table(
        "policy_decisions",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("reasons", types.Json(), nullable=False),
        sa.Column("approval_id", sa.String(), nullable=False),
        sa.Column("at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "position"),
    )
    with op.batch_alter_table("policy_decisions", schema=None) as batch_op:
        batch_op.create_index("policy_decisions_at", ["at"], unique=False)

    op.create_table(
        "policy_reservations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("counters", types.Json(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("settled_at", types.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("policy_reservations", schema=None) as batch_op:
        batch_op.create_index("policy_reservations_of_organization", ["organization_id", "id"], unique=False)

    op.create_table(
        "policy_versions",
        sa.Column("policy_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("rules", types.Json(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("policy_id", "version"),
    )
    op.create_table(
        "agents",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("attributes", types.Json(), nullable=False),
        sa.Column("scopes", types.Json(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=True),
        sa.Column("previous_expires_at", types.Moment(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("last_active_at", types.Moment(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash", name="agents_hash"),
        sa.UniqueConstraint("organization_id", "name", name="agents_name"),
    )
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.create_index("agents_of_organization", ["organization_id", "id"], unique=False)
        batch_op.create_index("agents_previous_hash", ["previous_hash"], unique=False)

    op.create_table(
        "policies",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("rules", types.Json(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("updated_at", types.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "name", name="policies_name"),
    )
    with op.batch_alter_table("policies", schema=None) as batch_op:
        batch_op.create_index("policies_of_organization", ["organization_id", "id"], unique=False)

    with op.batch_alter_table("organizations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("agents_enabled", sa.Boolean(), server_default=sa.true(), nullable=False))
        batch_op.add_column(sa.Column("default_decision", sa.String(), server_default="allow", nullable=False))
        batch_op.add_column(sa.Column("policy_revision", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("decision_position", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("organizations", schema=None) as batch_op:
        batch_op.drop_column("decision_position")
        batch_op.drop_column("policy_revision")
        batch_op.drop_column("default_decision")
        batch_op.drop_column("agents_enabled")

    with op.batch_alter_table("policies", schema=None) as batch_op:
        batch_op.drop_index("policies_of_organization")

    op.drop_table("policies")
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.drop_index("agents_previous_hash")
        batch_op.drop_index("agents_of_organization")

    op.drop_table("agents")
    op.drop_table("policy_versions")
    with op.batch_alter_table("policy_reservations", schema=None) as batch_op:
        batch_op.drop_index("policy_reservations_of_organization")

    op.drop_table("policy_reservations")
    with op.batch_alter_table("policy_decisions", schema=None) as batch_op:
        batch_op.drop_index("policy_decisions_at")

    op.drop_table("policy_decisions")
    with op.batch_alter_table("policy_counters", schema=None) as batch_op:
        batch_op.drop_index("policy_counters_expire")

    op.drop_table("policy_counters")
    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.drop_index("approvals_of_organization")
        batch_op.drop_index("approvals_of_call")

    op.drop_table("approvals")
