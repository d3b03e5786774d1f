"""What a session's database looks like in GraphQL."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from app.core.paging import Page, encode_cursor
from app.database_console import models
from app.services.models import DatabaseAccess
from resolvers.scalars import as_given
from resolvers.services.types import DatabaseEngine

TableKind = models.TableKind
strawberry.enum(TableKind, name="DatabaseTableKind", description="What rows are selected from.")
Cut = models.Cut
strawberry.enum(Cut, name="DatabaseResultCut", description="Which bound of a result was reached.")


@strawberry.type(description="How a session's database is reached.")
class DatabaseConfig:
    service_id: strawberry.ID = strawberry.field(description="The service.")
    engine: DatabaseEngine = strawberry.field(description="What it is of.")
    host: str = strawberry.field(description="PostgreSQL: where it is.")
    port: int | None = strawberry.field(description="PostgreSQL: its port; null for SQLite.")
    database: str = strawberry.field(description="PostgreSQL: its name.")
    user: str = strawberry.field(description="PostgreSQL: who connects.")
    has_password: bool = strawberry.field(description="Whether a password is kept with it.")
    password: str | None = strawberry.field(
        description="The password, in the answer of `revealDatabaseConfig` alone; else null."
    )
    path: str = strawberry.field(description="SQLite: the file, relative to the root of the working copy.")


@strawberry.type(description="A column of a table or view.")
class DatabaseColumn:
    name: str = strawberry.field(description="Its name.")
    type: str = strawberry.field(description="Its type, in the database's own words; empty where it has none.")
    nullable: bool = strawberry.field(description="Whether it may be NULL.")
    default: str | None = strawberry.field(description="The expression of its default; null for none.")
    generated: str | None = strawberry.field(
        description="PostgreSQL: the expression that computes it; SQLite: `stored` or `virtual`; else null."
    )
    key_position: int | None = strawberry.field(description="Its place in the primary key, from 1; null outside.")
    comment: str | None = strawberry.field(description="What the database says about it.")


@strawberry.type(description="Columns that name a row of another table.")
class DatabaseForeignKey:
    name: str | None = strawberry.field(description="Its name; null in SQLite.")
    columns: list[str] = strawberry.field(description="The columns.")
    foreign_schema: str = strawberry.field(description="The other table's schema.")
    foreign_table: str = strawberry.field(description="The other table.")
    foreign_columns: list[str] = strawberry.field(
        description="The other table's columns; empty where its primary key is meant."
    )
    on_update: str = strawberry.field(description="What a change of the other row does: `NO ACTION`, `CASCADE`, …")
    on_delete: str = strawberry.field(description="What a removal of the other row does.")


@strawberry.type(description="An index of a table.")
class DatabaseIndex:
    name: str = strawberry.field(description="Its name.")
    columns: list[str] = strawberry.field(description="Its columns, or the expressions in their place.")
    unique: bool = strawberry.field(description="Whether two rows may not be alike in it.")
    primary: bool = strawberry.field(description="Whether it is the primary key's.")
    condition: str | None = strawberry.field(description="Which rows it holds; null for all.")
    method: str | None = strawberry.field(description="PostgreSQL: `btree`, `gin`, …")


@strawberry.type(description="A table or view with what the database knows of it.")
class DatabaseTable:
    schema: str = strawberry.field(description="Its schema; `main` in SQLite.")
    name: str = strawberry.field(description="Its name.")
    kind: TableKind = strawberry.field(description="What it is.")
    columns: list[DatabaseColumn] = strawberry.field(description="Its columns in their order.")
    primary_key: list[str] = strawberry.field(description="The columns of its primary key; empty for none.")
    foreign_keys: list[DatabaseForeignKey] = strawberry.field(description="Its foreign keys.")
    indexes: list[DatabaseIndex] = strawberry.field(description="Its indexes.")
    estimated_rows: float | None = strawberry.field(
        description="How many rows it has, as the database estimates it; null where it does not."
    )
    comment: str | None = strawberry.field(description="What the database says about it.")


@strawberry.type(description="A page of a database's tables and views, by schema and name.")
class DatabaseSchema:
    tables: list[DatabaseTable] = strawberry.field(description="The tables and views.")
    next_cursor: str | None = strawberry.field(description="Leads on to the next page; null on the last.")
    has_more: bool = strawberry.field(description="Whether a next page is there.")


@strawberry.type(description="A column of a result. Names may come twice.")
class DatabaseResultColumn:
    name: str = strawberry.field(description="Its name.")
    type: str = strawberry.field(
        description="Its type in the database's own words. SQLite has types of values only: that of the first is told."
    )


_ROWS = (
    "The rows: a list of values each, in the order of the columns. Whole numbers beyond 2^53, decimals, dates, `NaN` "
    'and `Infinity` are texts; bytes are `{"base64": "…"}`; arrays and JSON are what they hold.'
)


@strawberry.type(description="What a table is called.")
class DatabaseName:
    schema: str = strawberry.field(description="Its schema.")
    name: str = strawberry.field(description="Its name.")


@strawberry.type(description="A page of a table's rows.")
class DatabaseRows:
    table: DatabaseName = strawberry.field(description="The table.")
    columns: list[DatabaseResultColumn] = strawberry.field(description="The columns.")
    rows: JSON = strawberry.field(description=_ROWS)
    offset: int = strawberry.field(description="How many rows precede the page.")
    next_offset: int | None = strawberry.field(description="Where the next page begins; null on the last.")
    has_more: bool = strawberry.field(description="Whether a next page is there.")
    cut: Cut | None = strawberry.field(description="Set where the page is shorter than was asked for; else null.")
    cut_values: int = strawberry.field(description="Values longer than 256 KiB, of which the beginning is shown.")


@strawberry.type(description="What a statement answered.")
class DatabaseResult:
    columns: list[DatabaseResultColumn] = strawberry.field(description="The columns; none where it answers no rows.")
    rows: JSON = strawberry.field(description=_ROWS)
    changed: int | None = strawberry.field(description="How many rows it changed; null where that is not told.")
    cut: Cut | None = strawberry.field(description="Which bound left rows out; null where all are here.")
    cut_values: int = strawberry.field(description="Values longer than 256 KiB, of which the beginning is shown.")
    milliseconds: float = strawberry.field(description="How long the database took.")


@strawberry.type(description="What became of cancelling a statement.")
class CancelledDatabaseQuery:
    name: str = strawberry.field(description="What it was called.")
    cancelled: bool = strawberry.field(description="False where none of this name ran on this server any more.")


def config(service_id: str, access: DatabaseAccess, *, reveal: bool) -> DatabaseConfig:
    """How a database is reached; the password only where it is to be revealed."""
    return DatabaseConfig(
        service_id=strawberry.ID(service_id),
        engine=access.engine,
        host=access.host,
        port=access.port or None,
        database=access.database,
        user=access.user,
        has_password=bool(access.password),
        password=access.password if reveal else None,
        path=access.path,
    )


def schema(page: Page[models.Table]) -> DatabaseSchema:
    """A page of tables as GraphQL shows it."""
    last = page.items[-1] if page.items and page.has_more else None
    cursor = encode_cursor(f"{last.schema}\0{last.name}") if last else None
    return DatabaseSchema(tables=[_table(each) for each in page.items], next_cursor=cursor, has_more=page.has_more)


def rows(schema: str, name: str, offset: int, found: models.Result, more: bool) -> DatabaseRows:
    """A page of rows as GraphQL shows it."""
    behind = offset + len(found.rows)
    return DatabaseRows(
        table=DatabaseName(schema=schema, name=name),
        columns=_columns(found),
        rows=as_given(found.rows),
        offset=offset,
        next_offset=behind if more and found.rows else None,
        has_more=more,
        cut=found.cut,
        cut_values=found.cut_values,
    )


def result(found: models.Result) -> DatabaseResult:
    """A result as GraphQL shows it."""
    return DatabaseResult(
        columns=_columns(found),
        rows=as_given(found.rows),
        changed=found.changed,
        cut=found.cut,
        cut_values=found.cut_values,
        milliseconds=round(found.milliseconds, 2),
    )


def _columns(found: models.Result) -> list[DatabaseResultColumn]:
    return [DatabaseResultColumn(name=each.name, type=each.type) for each in found.columns]


def _table(found: models.Table) -> DatabaseTable:
    return DatabaseTable(
        schema=found.schema,
        name=found.name,
        kind=found.kind,
        columns=[_column(each) for each in found.columns],
        primary_key=found.primary_key,
        foreign_keys=[_foreign_key(each) for each in found.foreign_keys],
        indexes=[_index(each) for each in found.indexes],
        estimated_rows=found.estimated_rows,
        comment=found.comment,
    )


def _column(found: models.Column) -> DatabaseColumn:
    return DatabaseColumn(
        name=found.name,
        type=found.type,
        nullable=found.nullable,
        default=found.default,
        generated=found.generated,
        key_position=found.key_position,
        comment=found.comment,
    )


def _foreign_key(found: models.ForeignKey) -> DatabaseForeignKey:
    return DatabaseForeignKey(
        name=found.name,
        columns=found.columns,
        foreign_schema=found.foreign_schema,
        foreign_table=found.foreign_table,
        foreign_columns=found.foreign_columns,
        on_update=found.on_update,
        on_delete=found.on_delete,
    )


def _index(found: models.TableIndex) -> DatabaseIndex:
    return DatabaseIndex(
        name=found.name,
        columns=found.columns,
        unique=found.unique,
        primary=found.primary,
        condition=found.condition,
        method=found.method,
    )
