"""All queries about environments, their units and their events."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Insert, Integer, bindparam, func, insert, null, select

from app.database.statements import (
    ORGANIZATION,
    adding,
    change,
    changing,
    changing_everywhere,
    everywhere,
    readable,
    removing_everywhere,
    statement,
    table,
)
from app.database.types import Moment, among
from app.environments.models import (
    Desired,
    Environment,
    EnvironmentEvent,
    EnvironmentStatus,
    EnvironmentTable,
    EventTable,
    UnitRecord,
    UnitTable,
)

_environment, _unit, _event = table(EnvironmentTable).c, table(UnitTable).c, table(EventTable).c
_LIMIT = bindparam("limit", type_=Integer)
_NOW = bindparam("now", type_=Moment())

#: Events kept of each environment; older ones become a gap.
EVENTS_KEPT = 2_000

# What an actor reads.
BY_ID = statement(readable(EnvironmentTable).where(_environment.id == bindparam("id")), Environment)
PAGE_BEFORE = statement(
    readable(EnvironmentTable)
    .where(_environment.id < bindparam("before"))
    .order_by(_environment.id.desc())
    .limit(_LIMIT),
    Environment,
)
PAGE_OF_STATUS_BEFORE = statement(
    readable(EnvironmentTable)
    .where(_environment.id < bindparam("before"), _environment.status == bindparam("status"))
    .order_by(_environment.id.desc())
    .limit(_LIMIT),
    Environment,
)
UNITS_OF = statement(
    readable(UnitTable).where(among(_unit.environment_id, "environments")).order_by(_unit.service, _unit.replica),
    UnitRecord,
)
EVENTS_AFTER = statement(
    readable(EventTable)
    .where(_event.environment_id == bindparam("environment_id"), _event.position > bindparam("after"))
    .order_by(_event.position)
    .limit(_LIMIT),
    EnvironmentEvent,
)
OF_SESSIONS = statement(
    readable(EnvironmentTable).where(
        among(_environment.session_id, "sessions"), _environment.desired != Desired.DELETED
    ),
    Environment,
)
COUNTS = statement(
    select(_environment.status, func.count().label("count"))
    .where(_environment.organization_id == bindparam(ORGANIZATION))
    .group_by(_environment.status),
    dict[str, Any],
)

# What an actor changes. `generation` guards one user's change against another's.
ADD = change(adding(EnvironmentTable))
_OPEN = (_environment.id == bindparam("id"), _environment.desired != Desired.DELETED)
_GUARDED = (*_OPEN, _environment.generation == bindparam("generation"))
_NEXT = {
    "generation": _environment.generation + 1,
    "version": _environment.version + 1,
    "next_at": _NOW,
    "updated_at": _NOW,
}
REQUEST = change(
    changing(EnvironmentTable)
    .where(*_GUARDED)
    .values(
        desired=bindparam("desired"),
        status=bindparam("status"),
        attempts=bindparam("attempts"),
        shutdown_at=null(),
        retry_at=null(),
        failures=0,
        reason="",
        message="",
        **_NEXT,
    )
)
_REDEFINED = (
    "blueprint",
    "source",
    "secrets",
    "replicas",
    "attempts",
    "desired",
    "status",
)
REDEFINE = change(
    changing(EnvironmentTable)
    .where(*_GUARDED)
    .values(
        retry_at=null(),
        failures=0,
        reason="",
        message="",
        **{name: bindparam(name) for name in _REDEFINED},
        **_NEXT,
    )
)
#: With the sessions themselves: whatever else is wanted of them at the moment.
END_OF_SESSIONS = change(
    changing(EnvironmentTable)
    .where(among(_environment.session_id, "sessions"), _environment.desired != Desired.DELETED)
    .values(desired=Desired.DELETED, status=EnvironmentStatus.DELETING, **_NEXT)
)
SCALE = change(changing(EnvironmentTable).where(*_GUARDED).values(replicas=bindparam("replicas"), **_NEXT))
_SETTINGS = {
    "name": bindparam("name"),
    "auto_shutdown": bindparam("auto_shutdown"),
    "shutdown_at": bindparam("shutdown_at"),
    **_NEXT,
}
CHANGE_SETTINGS = change(changing(EnvironmentTable).where(*_GUARDED).values(**_SETTINGS))
AT_VERSION = change(
    changing(EnvironmentTable)
    .where(_environment.id == bindparam("id"), _environment.version == bindparam("expected"))
    .values(version=_environment.version)
)


def _next_event() -> Insert:
    """An event at the next position. The transaction changes the environment's row first, so that none collide."""
    columns = [column for column in table(EventTable).c if column.name != "position"]
    given = [bindparam(column.name, type_=column.type).label(column.name) for column in columns]
    position = (
        select(func.coalesce(func.max(_event.position), 0) + 1)
        .where(_event.environment_id == bindparam("environment_id", type_=_event.environment_id.type))
        .scalar_subquery()
    )
    return insert(table(EventTable)).from_select(
        [column.name for column in columns] + ["position"], select(*given, position)
    )


ADD_EVENT = change(_next_event())

# What the reconciler reads and changes, in every organization.
SYSTEM_BY_ID = statement(everywhere(EnvironmentTable).where(_environment.id == bindparam("id")), Environment)
SYSTEM_UNITS = statement(everywhere(UnitTable).where(_unit.environment_id == bindparam("environment_id")), UnitRecord)
DUE = statement(
    everywhere(EnvironmentTable).where(_environment.next_at <= _NOW).order_by(_environment.next_at).limit(_LIMIT),
    Environment,
)
TAKE_LEASE = change(
    changing_everywhere(EnvironmentTable)
    .where(
        _environment.id == bindparam("id"),
        _environment.lease_epoch == bindparam("epoch"),
        (_environment.lease_until.is_(None))
        | (_environment.lease_until < _NOW)
        | (_environment.lease_owner == bindparam("owner")),
    )
    .values(
        lease_owner=bindparam("owner"),
        lease_epoch=bindparam("next_epoch"),
        lease_until=bindparam("until"),
    )
)
FREE_LEASES = change(
    changing_everywhere(EnvironmentTable)
    .where(
        _environment.lease_owner == bindparam("owner"),
        _environment.status != EnvironmentStatus.TERMINATED,
    )
    .values(lease_until=null(), next_at=_NOW)
)
OBSERVED = change(
    changing_everywhere(EnvironmentTable)
    .where(
        _environment.id == bindparam("id"),
        _environment.lease_epoch == bindparam("epoch"),
        _environment.generation == bindparam("generation"),
    )
    .values(
        status=bindparam("status"),
        desired=bindparam("desired"),
        observed_generation=bindparam("observed_generation"),
        attempts=bindparam("attempts"),
        ports=bindparam("ports"),
        reason=bindparam("reason"),
        message=bindparam("message"),
        failures=bindparam("failures"),
        retry_at=bindparam("retry_at"),
        ready_at=bindparam("ready_at"),
        shutdown_at=bindparam("shutdown_at"),
        next_at=bindparam("next_at"),
        secrets=bindparam("secrets"),
        version=_environment.version + bindparam("versions", type_=Integer),
        updated_at=bindparam("updated_at"),
    )
)
REMOVE_UNIT = change(removing_everywhere(UnitTable).where(_unit.id == bindparam("id")))
ADD_UNIT = change(adding(UnitTable))
TRIM_EVENTS = change(
    removing_everywhere(EventTable).where(
        _event.environment_id == bindparam("environment_id"),
        _event.position
        <= select(func.max(_event.position))
        .where(_event.environment_id == bindparam("environment_id"))
        .correlate(None)
        .scalar_subquery()
        - EVENTS_KEPT,
    )
)
