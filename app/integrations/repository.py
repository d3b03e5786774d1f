"""All queries about connections to code hosts."""

from __future__ import annotations

from sqlalchemy import bindparam

from app.database.statements import adding, change, changing, readable, removing, statement, table
from app.integrations.models import Connection, ConnectionTable

_connections = table(ConnectionTable).c

ADD = change(adding(ConnectionTable))
CONNECTION = statement(readable(ConnectionTable).where(_connections.id == bindparam("id")), Connection)
OF_HOST = statement(readable(ConnectionTable).where(_connections.host == bindparam("host")), Connection)
ALL = statement(readable(ConnectionTable).order_by(_connections.host), Connection)
#: Guarded by the version that was read.
CHANGE = change(
    changing(ConnectionTable)
    .where(_connections.id == bindparam("id"), _connections.version == bindparam("seen"))
    .values({name: bindparam(name) for name in ("base_url", "username", "account", "token", "updated_at", "version")})
)
REMOVE = change(removing(ConnectionTable).where(_connections.id == bindparam("id")))
