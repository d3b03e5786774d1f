"""All queries about the services of sessions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, bindparam

from app.database.statements import adding, change, changing, readable, removing, statement, table
from app.services.models import SessionService, SessionServiceTable

_service = table(SessionServiceTable).c
_VERSION: Any = bindparam("seen", type_=Integer)

SERVICE = statement(readable(SessionServiceTable).where(_service.id == bindparam("id")), SessionService)
OF_SESSION = statement(
    readable(SessionServiceTable)
    .where(_service.session_id == bindparam("session_id"))
    .order_by(_service.position, _service.id),
    SessionService,
)
ADD = change(adding(SessionServiceTable))
#: Guarded by the version that was read.
CHANGE = change(
    changing(SessionServiceTable)
    .where(_service.id == bindparam("id"), _service.version == _VERSION)
    .values(
        {
            name: bindparam(name)
            for name in ("name", "position", "definition", "database", "sealed", "updated_at", "version")
        }
    )
)
REMOVE = change(removing(SessionServiceTable).where(_service.id == bindparam("id"), _service.version == _VERSION))
