"""Pull requests"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.database.types as types

revision = "0014"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "pull_requests",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("source_branch", sa.String(), nullable=False),
        sa.Column("target_branch", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("source_commit", sa.String(), nullable=False),
        sa.Column("target_commit", sa.String(), nullable=False),
        sa.Column("merged_commit", sa.String(), nullable=True),
        sa.Column("merged_by", sa.String(), nullable=True),
        sa.Column("merged_at", types.Moment(), nullable=True),
        sa.Column("method", sa.String(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("updated_at", types.Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "number", name="pull_requests_number"),
    )
    with op.batch_alter_table("pull_requests", schema=None) as batch_op:
        batch_op.create_index("pull_requests_of_workspace", ["organization_id", "workspace_id", "id"], unique=False)

    op.create_table(
        "pull_request_reviews",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("pull_request_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(["pull_request_id"], ["pull_requests.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("pull_request_reviews", schema=None) as batch_op:
        batch_op.create_index("pull_request_reviews_of", ["organization_id", "pull_request_id", "id"], unique=False)

    op.create_table(
        "pull_request_comments",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("pull_request_id", sa.String(), nullable=False),
        sa.Column("review_id", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("commit", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(["pull_request_id"], ["pull_requests.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["review_id"], ["pull_request_reviews.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("pull_request_comments", schema=None) as batch_op:
        batch_op.create_index("pull_request_comments_of", ["organization_id", "pull_request_id", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("pull_request_comments", schema=None) as batch_op:
        batch_op.drop_index("pull_request_comments_of")

    op.drop_table("pull_request_comments")
    with op.batch_alter_table("pull_request_reviews", schema=None) as batch_op:
        batch_op.drop_index("pull_request_reviews_of")

    op.drop_table("pull_request_reviews")
    with op.batch_alter_table("pull_requests", schema=None) as batch_op:
        batch_op.drop_index("pull_requests_of_workspace")

    op.drop_table("pull_requests")
