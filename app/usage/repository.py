"""What an organization used, as its audit log and its environments tell."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func

from app.audit.models import AuditEventTable, AuditResult
from app.database.statements import readable, statement, table
from app.database.types import Moment
from app.environments.models import EnvironmentTable, EventTable

_events, _changes, _environments = table(AuditEventTable).c, table(EventTable).c, table(EnvironmentTable).c
_SINCE, _UNTIL = bindparam("since", type_=Moment()), bindparam("until", type_=Moment())

DECISIONS = statement(
    readable(AuditEventTable)
    .with_only_columns(
        func.count().filter(_events.policy_set_hash != "").label("evaluations"),
        func.count().filter(_events.agent_id != "", _events.result == AuditResult.DENIED).label("denials"),
        func.count(_events.agent_id.distinct()).filter(_events.agent_id != "").label("agents"),
    )
    .where(_events.created_at >= _SINCE, _events.created_at < _UNTIL),
    dict[str, int],
)
_before = (
    func.lag(_changes.status).over(partition_by=_changes.environment_id, order_by=_changes.position).label("before")
)
_history = (
    readable(EventTable)
    .with_only_columns(_changes.environment_id, _changes.position, _changes.status, _changes.at, _before)
    .where(_changes.at < _UNTIL)
    .subquery()
)
#: Where the status became another one, environment by environment.
STATUS_CHANGES = statement(
    readable(EnvironmentTable)
    .with_only_columns(_history.c.environment_id, _history.c.status, _history.c.at, _environments.created_at)
    .join(_history, _history.c.environment_id == _environments.id)
    .where(_history.c.before.is_(None) | (_history.c.before != _history.c.status))
    .order_by(_history.c.environment_id, _history.c.position),
    dict[str, Any],
)
