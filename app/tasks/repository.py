"""All queries about tasks."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, func, or_

from app.database.statements import adding, change, changing, readable, removing, statement, table
from app.tasks.models import Task, TaskTable

_tasks = table(TaskTable).c

TASK = statement(readable(TaskTable).where(_tasks.id == bindparam("id")), Task)
OF_SESSION_BEFORE = statement(
    readable(TaskTable)
    .where(
        _tasks.session_id == bindparam("session_id"),
        _tasks.id < bindparam("before"),
        or_(bindparam("state") == "", _tasks.state == bindparam("state")),
    )
    .order_by(_tasks.id.desc())
    .limit(bindparam("limit", type_=Integer)),
    Task,
)
COUNT = statement(
    readable(TaskTable)
    .with_only_columns(func.count().label("count"))
    .where(_tasks.session_id == bindparam("session_id")),
    dict[str, int],
)
ADD = change(adding(TaskTable))
#: Guarded by the version that was read.
CHANGE = change(
    changing(TaskTable)
    .where(_tasks.id == bindparam("id"), _tasks.version == bindparam("seen"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "title",
                "description",
                "state",
                "reason",
                "assignee_id",
                "updated_at",
                "closed_at",
                "version",
            )
        }
    )
)
REMOVE = change(removing(TaskTable).where(_tasks.id == bindparam("id"), _tasks.version == bindparam("seen")))
