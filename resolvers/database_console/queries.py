"""Reading the databases of sessions."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.errors import InvalidRequest
from app.core.paging import decode_cursor, page_size
from app.database_console.models import Selection
from app.database_console.statements import LARGEST_PAGE, parse_filter, parse_order
from resolvers.access import query
from resolvers.context import Context
from resolvers.database_console.types import DatabaseConfig, DatabaseRows, DatabaseSchema, config, rows, schema
from resolvers.leaving import unless_gone
from resolvers.services.queries import READ, SessionId

MOST_TABLES = 200

ServiceId = Annotated[strawberry.ID, strawberry.argument(description="The service that says how it is reached.")]
SchemaName = Annotated[
    str | None, strawberry.argument(description="The schema; `public` by default, and `main` in SQLite.")
]


@strawberry.type
class DatabaseConsoleQueries:
    @query("How the database of a session's service is reached, without the password.", READ)
    async def database_config(
        self, info: Info[Context, None], session_id: SessionId, service_id: ServiceId
    ) -> DatabaseConfig:
        access = await info.context.database_console.access(session_id, service_id)
        return config(service_id, access, reveal=False)

    @query("The tables and views of a session's database, without the system's own.", READ)
    async def database_schema(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        service_id: ServiceId,
        schema_name: Annotated[str | None, strawberry.argument(description="Only those of this schema.")] = None,
        first: Annotated[
            int | None, strawberry.argument(description="How many at most: 1 to 200; 100 by default.")
        ] = None,
        after: Annotated[str | None, strawberry.argument(description="Continue behind this `nextCursor`.")] = None,
    ) -> DatabaseSchema:
        context, limit = info.context, page_size(first, MOST_TABLES)
        asked = context.database_console.tables(session_id, service_id, schema_name, _after(after), limit)
        return schema(await unless_gone(context.gone, asked))

    @query("A page of the rows of a table or view, by its primary key unless another order is asked for.", READ)
    async def database_rows(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        service_id: ServiceId,
        table: Annotated[str, strawberry.argument(description="The name of the table or view.")],
        schema_name: SchemaName = None,
        filters: Annotated[
            list[str] | None,
            strawberry.argument(
                description="Conditions that all have to hold: `column:operator:value`. Operators: `equal`, "
                "`not_equal`, `less`, `less_or_equal`, `greater`, `greater_or_equal`, `contains`, `starts_with`, "
                "`one_of` (values with commas between them, or a JSON array), and `is_null` and `is_not_null` without "
                "a value. The value is read as one of the column's type."
            ),
        ] = None,
        order: Annotated[
            list[str] | None,
            strawberry.argument(description="Columns to sort by: `name`, or `-name` for the largest first."),
        ] = None,
        offset: Annotated[int, strawberry.argument(description="How many rows to pass over: 0 to 1,000,000.")] = 0,
        first: Annotated[
            int | None, strawberry.argument(description="How many at most: 1 to 1,000; 100 by default.")
        ] = None,
    ) -> DatabaseRows:
        wanted = Selection(
            filters=[parse_filter(each) for each in filters or ()],
            order=[parse_order(each) for each in order or ()],
            offset=offset,
            limit=page_size(first, LARGEST_PAGE),
        )
        context = info.context
        asked = context.database_console.rows(session_id, service_id, schema_name, table, wanted)
        found = await unless_gone(context.gone, asked)
        return rows(found.table.schema, found.table.name, offset, found.result, found.more)


def _after(cursor: str | None) -> tuple[str, str] | None:
    key = decode_cursor(cursor)
    if key is None:
        return None
    schema_name, found, name = key.partition("\0")
    if not found or "\0" in name:
        raise InvalidRequest("The cursor is not one that this API gave out. Leave it away to start anew.")
    return schema_name, name
