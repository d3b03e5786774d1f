"""Skills: named instructions with files, which the assistant of a workspace can use."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Json, Moment


class Skill(Record):
    """How something is done in a workspace."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    workspace_id: str = Field(foreign_key="workspaces.id", ondelete="CASCADE")
    name: str
    #: When to use it: what a model chooses by.
    description: str
    instructions: str
    #: [{"path": "scripts/release.sh", "content": "…"}]
    files: list[dict[str, str]] = Field(sa_type=Json)
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    version: int = 1


class SkillTable(Skill, table=True):
    __tablename__ = "skills"
    __table_args__ = (
        UniqueConstraint("workspace_id", "name", name="skills_name"),
        Index("skills_of_workspace", "organization_id", "workspace_id", "id"),
    )
