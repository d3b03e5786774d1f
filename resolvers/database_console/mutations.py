"""Asking the databases of sessions, and cancelling what was asked."""

from __future__ import annotations

import hashlib
from typing import Annotated

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.errors import InvalidRequest
from app.database_console.models import Bounds, Statement
from app.database_console.service import MOST_BYTES
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.database_console.queries import ServiceId
from resolvers.database_console.types import CancelledDatabaseQuery, DatabaseConfig, DatabaseResult, config, result
from resolvers.leaving import unless_gone
from resolvers.scalars import as_given
from resolvers.services.mutations import WRITE
from resolvers.services.queries import SessionId

ADMIN = Access(scope=Scope.WORKSPACES, kind=Kind.ADMIN)
MOST_PARAMETERS = 1_000


@strawberry.input(description="A statement for a database.")
class DatabaseQueryInput:
    sql: str = strawberry.field(description="One statement, at most 65,536 characters.")
    parameters: JSON | None = strawberry.field(
        default=None,
        description="The values of `$1`, `$2`, … in PostgreSQL, of `?` or `?1` in SQLite: a JSON array.",
    )
    write: bool = strawberry.field(
        default=False,
        description="Whether it may change something. Without it the database itself refuses every change.",
    )
    most_rows: int = strawberry.field(default=1_000, description="How many rows are answered at most: 1 to 10,000.")
    seconds: float = strawberry.field(
        default=15.0, description="How long it may take: 0.1 to 60. Then it is cancelled, and nothing is changed."
    )
    name: str | None = strawberry.field(
        default=None, description="Your own name for it, by which `cancelDatabaseQuery` finds it while it runs."
    )


@strawberry.type
class DatabaseConsoleMutations:
    @mutation(
        "Runs one SQL statement in the database of a session's service. It only reads, unless it says `write`. Rows, "
        "bytes (4 MiB) and time are bounded; what the client no longer waits for is cancelled. The audit log keeps the "
        "statement's hash and length, not its text.",
        WRITE,
        audited="database.query",
    )
    async def query_database(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        service_id: ServiceId,
        input: Annotated[DatabaseQueryInput, strawberry.argument(description="The statement.")],
    ) -> DatabaseResult:
        context = info.context
        statement = Statement(input.sql, _parameters(as_given(input.parameters)), input.write)
        bounds = Bounds(input.seconds, input.most_rows, MOST_BYTES)
        asked = context.database_console.query(session_id, service_id, statement, bounds, input.name)
        found = await unless_gone(context.gone, asked)
        context.audit_details = {
            "service": service_id,
            "sqlSha256": hashlib.sha256(input.sql.encode()).hexdigest(),
            "characters": len(input.sql),
            "write": input.write,
            "rows": len(found.rows),
            "changed": found.changed,
        }
        return result(found)

    @mutation(
        "Cancels a statement of `queryDatabase` that runs, in the database itself. Only what was asked of this server "
        "is found.",
        WRITE,
        audited="database.cancel",
    )
    async def cancel_database_query(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        service_id: ServiceId,
        name: Annotated[str, strawberry.argument(description="What the statement was called.")],
    ) -> CancelledDatabaseQuery:
        cancelled = await info.context.database_console.cancel(session_id, service_id, name)
        info.context.audit_details = {"service": service_id, "cancelled": cancelled}
        return CancelledDatabaseQuery(name=name, cancelled=cancelled)

    @mutation(
        "How the database of a session's service is reached, with the password. Owners and admins may.",
        ADMIN,
        audited="database.reveal",
    )
    async def reveal_database_config(
        self, info: Info[Context, None], session_id: SessionId, service_id: ServiceId
    ) -> DatabaseConfig:
        access = await info.context.database_console.access(session_id, service_id)
        info.context.audit_details = {"service": service_id}
        return config(service_id, access, reveal=True)


def _parameters(given: object) -> list[object]:
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > MOST_PARAMETERS:
        raise InvalidRequest(f"`parameters` is a JSON array of at most {MOST_PARAMETERS:,} values.")
    return given
