"""the assistant"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import app.database.types as types

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "chats",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("answer_id", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("updated_at", types.Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "owner_id", "client_id", name="chats_of_client"),
    )
    with op.batch_alter_table("chats", schema=None) as batch_op:
        batch_op.create_index("chats_of_owner", ["organization_id", "owner_id", "id"], unique=False)

    op.create_table(
        "model_use",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "day", "model", "actor_id"),
    )
    op.create_table(
        "chat_answers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("chat_id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("stop_wanted", sa.Boolean(), nullable=False),
        sa.Column("lease_until", types.Moment(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("ended_at", types.Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["chat_id"],
            ["chats.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("chat_answers", schema=None) as batch_op:
        batch_op.create_index("chat_answers_of_organization", ["organization_id", "status"], unique=False)
        batch_op.create_index("chat_answers_of_chat", ["chat_id"], unique=False)

    op.create_table(
        "chat_attachments",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("chat_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chat_id"],
            ["chats.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("chat_attachments", schema=None) as batch_op:
        batch_op.create_index("chat_attachments_of_chat", ["chat_id"], unique=False)
        batch_op.create_index("chat_attachments_of_content", ["sha256"], unique=False)

    op.create_table(
        "chat_messages",
        sa.Column("chat_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("parts", types.Json(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chat_id"],
            ["chats.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("chat_id", "position"),
        sa.UniqueConstraint("chat_id", "id", name="chat_messages_id"),
    )
    op.create_table(
        "skills",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("instructions", sa.String(), nullable=False),
        sa.Column("files", types.Json(), nullable=False),
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
        sa.UniqueConstraint("workspace_id", "name", name="skills_name"),
    )
    with op.batch_alter_table("skills", schema=None) as batch_op:
        batch_op.create_index("skills_of_workspace", ["organization_id", "workspace_id", "id"], unique=False)

    op.create_table(
        "chat_answer_parts",
        sa.Column("answer_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("part", types.Json(), nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"],
            ["chat_answers.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("answer_id", "position"),
    )
    op.create_table(
        "session_tasks",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("assignee_id", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("updated_at", types.Moment(), nullable=False),
        sa.Column("closed_at", types.Moment(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(["session_id"], ["workspace_sessions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("session_tasks", schema=None) as batch_op:
        batch_op.create_index("session_tasks_of_session", ["organization_id", "session_id", "id"], unique=False)

    with op.batch_alter_table("organization_models", schema=None) as batch_op:
        batch_op.add_column(sa.Column("secrets", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("organization_models", schema=None) as batch_op:
        batch_op.drop_column("secrets")

    with op.batch_alter_table("session_tasks", schema=None) as batch_op:
        batch_op.drop_index("session_tasks_of_session")

    op.drop_table("session_tasks")
    op.drop_table("chat_answer_parts")
    with op.batch_alter_table("skills", schema=None) as batch_op:
        batch_op.drop_index("skills_of_workspace")

    op.drop_table("skills")
    op.drop_table("chat_messages")
    with op.batch_alter_table("chat_attachments", schema=None) as batch_op:
        batch_op.drop_index("chat_attachments_of_content")
        batch_op.drop_index("chat_attachments_of_chat")

    op.drop_table("chat_attachments")
    with op.batch_alter_table("chat_answers", schema=None) as batch_op:
        batch_op.drop_index("chat_answers_of_chat")
        batch_op.drop_index("chat_answers_of_organization")

    op.drop_table("chat_answers")
    op.drop_table("model_use")
    with op.batch_alter_table("chats", schema=None) as batch_op:
        batch_op.drop_index("chats_of_owner")

    op.drop_table("chats")
