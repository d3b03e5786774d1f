"""All queries of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, exists, func, insert, literal_column, select
from sqlalchemy.sql.elements import ColumnElement

from app.audit.models import (
    AuditCheckpoint,
    AuditCheckpointTable,
    AuditEvent,
    AuditEventTable,
    AuditLog,
    AuditLogTable,
    AuditPersonal,
    AuditPersonalTable,
    AuditTile,
    AuditTileTable,
)
from app.audit.tiles import WIDTH
from app.database.statements import (
    Statement,
    adding,
    adding_or_changing,
    change,
    changing,
    everywhere,
    readable,
    removing,
    removing_everywhere,
    statement,
    table,
)
from app.database.types import Moment, among

_events, _logs, _personal = table(AuditEventTable).c, table(AuditLogTable).c, table(AuditPersonalTable).c
_tiles, _checkpoints = table(AuditTileTable).c, table(AuditCheckpointTable).c
_LIMIT = bindparam("limit", type_=Integer)
_AFTER = bindparam("after", type_=BigInteger)

#: Locks the log until the commit, so that sequences have no gaps and stand in the order of the commits.
LENGTHEN = change(adding_or_changing(AuditLogTable, lambda kept, _: {"size": kept.c.size + 1}))
ADD_EVENT = change(
    insert(table(AuditEventTable)).values(
        {
            **{
                column.name: bindparam(column.name, type_=column.type)
                for column in _events
                if column.name != "sequence"
            },
            "sequence": readable(AuditLogTable).with_only_columns(_logs.size).scalar_subquery(),
        }
    )
)
ADD_PERSONAL = change(adding(AuditPersonalTable))

ALL_EVENTS = statement(readable(AuditEventTable).order_by(_events.sequence), AuditEvent)
EVENT = statement(readable(AuditEventTable).where(_events.id == bindparam("id")), AuditEvent)
EVENTS_AFTER = statement(
    readable(AuditEventTable).where(_events.sequence > _AFTER).order_by(_events.sequence).limit(_LIMIT), AuditEvent
)
LEAVES_AFTER = statement(
    readable(AuditEventTable)
    .with_only_columns(_events.sequence, _events.leaf)
    .where(_events.sequence > _AFTER)
    .order_by(_events.sequence)
    .limit(_LIMIT),
    dict[str, Any],
)

_FILTERS: Mapping[str, ColumnElement[bool]] = {
    "agent_id": _events.agent_id == bindparam("agent_id"),
    "user_id": _events.user_id == bindparam("user_id"),
    "action": _events.action == bindparam("action"),
    "resource": _events.resource == bindparam("resource"),
    "result": _events.result == bindparam("result"),
    "since": _events.created_at >= bindparam("since", type_=Moment()),
    "until": _events.created_at < bindparam("until", type_=Moment()),
}


@cache
def events_before(filters: frozenset[str]) -> Statement[AuditEvent]:
    """The newest events before a sequence that these filters let through; one statement for each set of filters."""
    rows = readable(AuditEventTable).where(_events.sequence < bindparam("before", type_=BigInteger))
    for name in sorted(filters):
        rows = rows.where(_FILTERS[name])
    return statement(rows.order_by(_events.sequence.desc()).limit(_LIMIT), AuditEvent)


PERSONAL_OF_EVENTS = statement(readable(AuditPersonalTable).where(among(_personal.event_id, "ids")), AuditPersonal)
PERSONAL_COUNT = statement(
    readable(AuditPersonalTable)
    .with_only_columns(func.count().label("count"))
    .where(_personal.user_id == bindparam("user_id")),
    dict[str, int],
)
ERASE_PERSONAL = change(removing(AuditPersonalTable).where(_personal.user_id == bindparam("user_id")))

LOG = statement(readable(AuditLogTable), AuditLog)
#: Logs with events that are in no tile, or in no checkpoint.
LOGS_DUE = statement(
    everywhere(AuditLogTable).where((_logs.sealed < _logs.size) | (_logs.signed < _logs.size)), AuditLog
)
#: Compare and set: of two sealers that extend the same log, one succeeds.
SEALED = change(
    changing(AuditLogTable)
    .where(_logs.sealed == bindparam("was_sealed"), _logs.signed == bindparam("was_signed"))
    .values(sealed=bindparam("sealed"), signed=bindparam("signed"))
)

TILE = statement(
    readable(AuditTileTable).where(_tiles.level == bindparam("level"), _tiles.number == bindparam("number")), AuditTile
)
#: The leaf hashes, tile by tile.
LEAF_TILES_FROM = statement(
    readable(AuditTileTable)
    .where(_tiles.level == literal_column("0"), _tiles.number >= bindparam("number", type_=BigInteger))
    .order_by(_tiles.number)
    .limit(_LIMIT),
    AuditTile,
)
PUT_TILE = change(adding_or_changing(AuditTileTable, lambda _, given: {"width": given.width, "hashes": given.hashes}))

ADD_CHECKPOINT = change(adding(AuditCheckpointTable))
NEWEST_CHECKPOINT = statement(
    readable(AuditCheckpointTable).order_by(_checkpoints.size.desc()).limit(1), AuditCheckpoint
)
#: The smallest one that covers a size: the size's own, or the next that is kept.
CHECKPOINT_FROM = statement(
    readable(AuditCheckpointTable)
    .where(_checkpoints.size >= bindparam("size", type_=BigInteger))
    .order_by(_checkpoints.size)
    .limit(1),
    AuditCheckpoint,
)
CHECKPOINTS_AFTER = statement(
    readable(AuditCheckpointTable).where(_checkpoints.size > _AFTER).order_by(_checkpoints.size).limit(_LIMIT),
    AuditCheckpoint,
)
_later = table(AuditCheckpointTable).alias("later")
#: Old checkpoints but the last one of each 256 events.
THIN_CHECKPOINTS = change(
    removing_everywhere(AuditCheckpointTable).where(
        _checkpoints.created_at < bindparam("before", type_=Moment()),
        exists(
            select(_later.c.size).where(
                _later.c.organization_id == _checkpoints.organization_id,
                _later.c.size > _checkpoints.size,
                _later.c.size // WIDTH == _checkpoints.size // WIDTH,
            )
        ),
    )
)
