"""All queries about skills."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, func

from app.database.statements import adding, change, changing, readable, removing, statement, table
from app.skills.models import Skill, SkillTable

_skills = table(SkillTable).c

SKILL = statement(readable(SkillTable).where(_skills.id == bindparam("id")), Skill)
BY_NAME = statement(
    readable(SkillTable).where(_skills.workspace_id == bindparam("workspace_id"), _skills.name == bindparam("name")),
    Skill,
)
OF_WORKSPACE_BEFORE = statement(
    readable(SkillTable)
    .where(_skills.workspace_id == bindparam("workspace_id"), _skills.id < bindparam("before"))
    .order_by(_skills.id.desc())
    .limit(bindparam("limit", type_=Integer)),
    Skill,
)
COUNT = statement(
    readable(SkillTable)
    .with_only_columns(func.count().label("count"))
    .where(_skills.workspace_id == bindparam("workspace_id")),
    dict[str, int],
)
ADD = change(adding(SkillTable))
#: Guarded by the version that was read.
CHANGE = change(
    changing(SkillTable)
    .where(_skills.id == bindparam("id"), _skills.version == bindparam("seen"))
    .values(
        {name: bindparam(name) for name in ("name", "description", "instructions", "files", "updated_at", "version")}
    )
)
REMOVE = change(removing(SkillTable).where(_skills.id == bindparam("id")))
