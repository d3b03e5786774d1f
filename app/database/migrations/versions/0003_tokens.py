"""tokens"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.database.types as types

revision = "0003"
down_revision = "0002"


CURRENT = sa.text("state IN ('next', 'active')")


def upgrade() -> None:
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("operator", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("public", types.Json(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("activates_at", types.Moment(), nullable=False),
        sa.Column("retires_at", types.Moment(), nullable=True),
        sa.Column("revoked_at", types.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("kid"),
    )
    op.create_index(
        "signing_keys_current",
        "signing_keys",
        ["family", "state"],
        unique=True,
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    )
    op.create_table(
        "federation_providers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("jwks_url", sa.String(), nullable=False),
        sa.Column("issuer_organization", sa.String(), nullable=False),
        sa.Column("scopes", types.Json(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("keys", types.Json(), nullable=False),
        sa.Column("synced_at", types.Moment(), nullable=True),
        sa.Column("sync_error", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "issuer", name="federation_providers_issuer"),
    )
    op.create_index("federation_providers_of_organization", "federation_providers", ["organization_id", "id"])
    op.create_table(
        "federated_token_uses",
        sa.Column("jti_hash", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("expires_at", types.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sa.PrimaryKeyConstraint("jti_hash"),
    )
    op.create_index("federated_token_uses_expiry", "federated_token_uses", ["expires_at"])


def downgrade() -> None:
    op.drop_table("federated_token_uses")
    op.drop_table("federation_providers")
    op.drop_table("signing_keys")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("operator")
