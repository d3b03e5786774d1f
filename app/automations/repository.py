"""All queries about automations and their runs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Insert, Integer, bindparam, func, insert, null, or_, select

from app.automations.models import (
    Automation,
    AutomationStatus,
    AutomationTable,
    Count,
    Run,
    RunLine,
    RunLineTable,
    RunStatus,
    RunTable,
    TriggerKind,
)
from app.database.statements import (
    adding,
    change,
    changing,
    changing_everywhere,
    counted,
    everywhere,
    readable,
    removing,
    removing_everywhere,
    statement,
    table,
)
from app.database.types import Moment, among

_automations, _runs, _lines = table(AutomationTable).c, table(RunTable).c, table(RunLineTable).c
_ID: BindParameter[Any] = bindparam("id")
_LIMIT = bindparam("limit", type_=Integer)
_NOW = bindparam("now", type_=Moment())
_OPEN = or_(_runs.status == RunStatus.PENDING, _runs.status == RunStatus.RUNNING)

# Automations.
ADD = change(adding(AutomationTable))
AUTOMATION = statement(readable(AutomationTable).where(_automations.id == _ID), Automation)
PAGE_BEFORE = statement(
    readable(AutomationTable)
    .where(_automations.workspace_id == bindparam("workspace_id"), _automations.id < bindparam("before"))
    .order_by(_automations.id.desc())
    .limit(_LIMIT),
    Automation,
)
COUNT = statement(
    counted(readable(AutomationTable).where(_automations.workspace_id == bindparam("workspace_id"))),
    Count,
)
#: Guarded by the version that was read.
CHANGE = change(
    changing(AutomationTable)
    .where(_automations.id == _ID, _automations.version == bindparam("seen"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "name",
                "description",
                "status",
                "reason",
                "trigger",
                "cron",
                "time_zone",
                "events",
                "filter",
                "action",
                "arguments",
                "secret",
                "runs_as",
                "scopes",
                "next_at",
                "updated_at",
                "version",
            )
        }
    )
)
REMOVE = change(removing(AutomationTable).where(_automations.id == _ID))

# Runs.
ADD_RUN = change(adding(RunTable))
RUN = statement(readable(RunTable).where(_runs.id == _ID), Run)
RUNS_BEFORE = statement(
    readable(RunTable)
    .where(_runs.automation_id == bindparam("automation_id"), _runs.id < bindparam("before"))
    .order_by(_runs.id.desc())
    .limit(_LIMIT),
    Run,
)
LINES_AFTER = statement(
    readable(RunLineTable)
    .where(_lines.run_id == bindparam("run_id"), _lines.position > bindparam("after", type_=Integer))
    .order_by(_lines.position),
    RunLine,
)
LINES_OF = statement(
    readable(RunLineTable).where(among(_lines.run_id, "runs")).order_by(_lines.run_id, _lines.position), RunLine
)
RUNS_SINCE = statement(
    counted(
        readable(RunTable).where(
            _runs.automation_id == bindparam("automation_id"),
            _runs.trigger == TriggerKind.EVENT,
            _runs.created_at > bindparam("since", type_=Moment()),
        )
    ),
    Count,
)


def _next_line() -> Insert:
    """A line at the next position. The transaction changes the run's row first, so that none collide."""
    given = [
        bindparam(column.name, type_=column.type).label(column.name)
        for column in table(RunLineTable).c
        if column.name != "position"
    ]
    position = (
        select(func.coalesce(func.max(_lines.position), 0) + 1)
        .where(_lines.run_id == bindparam("run_id", type_=_lines.run_id.type))
        .scalar_subquery()
    )
    names = [column.name for column in table(RunLineTable).c if column.name != "position"]
    return insert(table(RunLineTable)).from_select([*names, "position"], select(*given, position))


ADD_LINE = change(_next_line())
FINISH = change(
    changing(RunTable)
    .where(_runs.id == _ID, _runs.lease_epoch == bindparam("epoch"), _OPEN)
    .values(
        status=bindparam("status"),
        next_at=bindparam("next_at"),
        resource=bindparam("resource"),
        error=bindparam("error"),
        ended_at=bindparam("ended_at"),
        lease_until=null(),
    )
)

# The system's own work, in every organization.
DUE = statement(
    everywhere(AutomationTable)
    .where(_automations.next_at <= _NOW, _automations.status == AutomationStatus.ENABLED)
    .order_by(_automations.next_at)
    .limit(_LIMIT),
    Automation,
)
#: The moment that was due is passed on by one server only.
CLAIM = change(
    changing_everywhere(AutomationTable)
    .where(
        _automations.id == _ID,
        _automations.next_at == bindparam("seen", type_=Moment()),
        _automations.status == AutomationStatus.ENABLED,
    )
    .values(next_at=bindparam("following"))
)
LISTENING = statement(
    readable(AutomationTable).where(
        _automations.trigger == TriggerKind.EVENT, _automations.status == AutomationStatus.ENABLED
    ),
    Automation,
)
RUNS_DUE = statement(
    everywhere(RunTable)
    .where(_runs.next_at <= _NOW, _OPEN, _runs.lease_until.is_(None) | (_runs.lease_until < _NOW))
    .order_by(_runs.next_at, _runs.id)
    .limit(_LIMIT),
    Run,
)
#: Those that the last life of a server held.
FREE_LEASES = change(
    changing_everywhere(RunTable).where(_runs.lease_owner == bindparam("owner"), _OPEN).values(lease_until=null())
)
TAKE_LEASE = change(
    changing_everywhere(RunTable)
    .where(_runs.id == _ID, _runs.lease_epoch == bindparam("epoch"), _OPEN)
    .values(
        status=RunStatus.RUNNING,
        attempt=_runs.attempt + 1,
        lease_owner=bindparam("owner"),
        lease_epoch=_runs.lease_epoch + 1,
        lease_until=bindparam("until"),
        started_at=func.coalesce(_runs.started_at, _NOW),
    )
)
#: For a run that takes long, as long as it is its server's.
RENEW_LEASE = change(
    changing(RunTable)
    .where(_runs.id == _ID, _runs.lease_epoch == bindparam("epoch"), _OPEN)
    .values(lease_until=bindparam("until"))
)
_STOPPED = (
    changing(AutomationTable)
    .where(_automations.id == _ID, _automations.status == AutomationStatus.ENABLED)
    .values(
        status=AutomationStatus.STOPPED,
        reason=bindparam("reason"),
        next_at=null(),
        updated_at=_NOW,
        version=_automations.version + 1,
    )
)
STOP = change(_STOPPED)
#: Only where it runs for this member.
STOP_OF = change(_STOPPED.where(_automations.runs_as == bindparam("runs_as")))
FORGET_RUNS = change(
    removing_everywhere(RunTable).where(_runs.created_at < bindparam("before", type_=Moment()), ~_OPEN)
)
