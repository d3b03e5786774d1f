"""All queries about the services of sessions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, bindparam, select

from app.database.statements import (
    adding,
    change,
    changing,
    changing_everywhere,
    readable,
    removing,
    statement,
    table,
)
from app.database.types import Moment
from app.environments.models import Desired, EnvironmentStatus, EnvironmentTable
from app.services.models import SessionService, SessionServiceTable
from app.workspaces.models import SessionTable

_environment, _session = table(EnvironmentTable).c, table(SessionTable).c
_NOW = bindparam("now", type_=Moment())
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
            for name in (
                "name",
                "position",
                "definition",
                "database",
                "sealed",
                "secret_names",
                "secrets",
                "updated_at",
                "version",
            )
        }
    )
)
REMOVE = change(removing(SessionServiceTable).where(_service.id == bindparam("id"), _service.version == _VERSION))

# What the sweeper does.
END_OF_GONE_SESSIONS = change(
    changing_everywhere(EnvironmentTable)
    .where(
        _environment.session_id.is_not(None),
        _environment.desired != Desired.DELETED,
        _environment.session_id.not_in(select(_session.id)),
    )
    .values(
        desired=Desired.DELETED,
        status=EnvironmentStatus.DELETING,
        generation=_environment.generation + 1,
        version=_environment.version + 1,
        next_at=_NOW,
        updated_at=_NOW,
    )
)
