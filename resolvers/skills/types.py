"""What skills look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.skills import models
from resolvers.node import Node


@strawberry.type(description="A file of a skill.")
class SkillFile:
    path: str = strawberry.field(description="Where it lies in the skill, such as `scripts/release.sh`.")
    content: str = strawberry.field(description="Its text.")


@strawberry.type(description="Named instructions with files, which the assistant of a workspace can use.")
class Skill(Node):
    workspace_id: strawberry.ID = strawberry.field(description="The workspace.")
    name: str = strawberry.field(description="Unique in the workspace.")
    description: str = strawberry.field(description="When to use it: what a model chooses by.")
    instructions: str = strawberry.field(description="How it is done.")
    files: list[SkillFile] = strawberry.field(description="What it takes besides: 20 at most.")
    created_by: strawberry.ID = strawberry.field(description="The member or agent who made it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(description="Counts the changes; the ETag of REST.")


def skill(record: models.Skill) -> Skill:
    """The record as GraphQL shows it."""
    return Skill(
        id=strawberry.ID(record.id),
        workspace_id=strawberry.ID(record.workspace_id),
        name=record.name,
        description=record.description,
        instructions=record.instructions,
        files=[SkillFile(path=file["path"], content=file["content"]) for file in record.files],
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
    )
