"""A session's PostgreSQL: one short-lived connection, one statement a transaction.

A statement goes by the extended protocol, which takes one and no more. One that may only read is run in a transaction
that may only read, and is of a kind that cannot change that transaction: PostgreSQL lets `COPY … TO PROGRAM` pass as
reading, so the kind is looked at too. It is a guard for data, and no wall against a superuser's functions.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import orjson

from app.core.errors import SoundstageError
from app.core.paging import Page
from app.database_console import postgresql_catalogue as catalogue
from app.database_console.addresses import Place
from app.database_console.errors import DatabaseUnreachable, QueryFailed, QueryTimedOut, ReadOnly, ResultTooLarge
from app.database_console.models import Bounds, Column, Cut, Result, ResultColumn, Statement, Table
from app.database_console.statements import check_kind, check_text, first_word, quoted
from app.database_console.values import Values
from app.services.models import DatabaseAccess

T = TypeVar("T")

CONNECT_SECONDS = 5.0
CATALOGUE_SECONDS = 10.0
#: How long a connection may take to end in order, a cancelled statement included.
CLOSE_SECONDS = 2.0
#: Bytes that the server may send over one connection.
MOST_RECEIVED = 32 * 1024 * 1024
ROWS_AT_ONCE = 50
#: Types whose own text says more than what Python makes of them: infinity, months of intervals, digits.
_AS_TEXT = ("date", "time", "timetz", "timestamp", "timestamptz", "interval", "numeric", "pg_lsn", "tid")
_AS_JSON = ("json", "jsonb")
#: Rows, ranges, their arrays, single bytes, and what is no type of a column.
_APART = """
SELECT t.oid FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
WHERE t.oid = ANY($1::oid[])
  AND (t.typname = 'char' OR t.typtype IN ('c', 'r', 'm', 'p') OR e.typtype IN ('c', 'r', 'm', 'p'))
"""
_TEXTS = ("text", "varchar", "bpchar", "name", *_AS_TEXT)
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), int),
    **dict.fromkeys(("float4", "float8"), float),
    "bool": {"true": True, "false": False}.__getitem__,
}
_SELECTING = ("SELECT", "WITH", "VALUES", "TABLE")
_CHANGING = ("INSERT", "UPDATE", "DELETE", "MERGE")


class PostgresqlDialect:
    """How PostgreSQL writes filters: a value is text that is cast to the column's type."""

    def parameter(self, number: int, column: Column) -> str:
        return f"${number}::text::{column.cast}"

    def contains(self, column: str, number: int) -> str:
        return f"position(${number}::text in {column}::text) > 0"

    def starts_with(self, column: str, number: int) -> str:
        return f"starts_with({column}::text, ${number}::text)"

    def bound(self, value: str | int | float | bool) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)


class Postgresql:
    """An open connection."""

    dialect = PostgresqlDialect()

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._received = _bounded(connection)

    async def identity(self) -> str | None:
        """The server, the same for its standbys and under every address; None where it does not tell."""
        import asyncpg

        with suppress(asyncpg.PostgresError):
            found = await self._connection.fetchval(
                "SELECT system_identifier::text FROM pg_catalog.pg_control_system()", timeout=CATALOGUE_SECONDS
            )
            return str(found)
        return None

    async def tables(self, schema: str | None, after: tuple[str, str] | None, limit: int) -> Page[Table]:
        return await self._told(catalogue.tables(self._connection, schema, after, limit), CATALOGUE_SECONDS)

    async def table(self, schema: str | None, name: str) -> Table:
        return await self._told(catalogue.table(self._connection, schema, name), CATALOGUE_SECONDS)

    async def run(self, statement: Statement, bounds: Bounds) -> Result:
        check_text(statement.sql)
        check_kind(statement)
        began = time.perf_counter()
        return await self._told(self._run(statement, bounds, began), bounds.seconds)

    async def _run(self, statement: Statement, bounds: Bounds, began: float) -> Result:
        connection, values = self._connection, Values()
        transaction = connection.transaction(readonly=not statement.write)
        await transaction.start()
        # Beside the deadline here: it also ends what the database goes on with when nobody asks any more.
        await connection.execute(f"SET LOCAL statement_timeout = {int(bounds.seconds * 1000):d}")
        prepared = await connection.prepare(statement.sql)
        columns = [ResultColumn(each.name, each.type.name) for each in prepared.get_attributes() or ()]
        shown = await _with_text(connection, statement.sql, prepared.get_attributes() or ())
        await _decode(connection)
        prepared = await connection.prepare(shown)
        arguments = _arguments(prepared, statement.parameters)
        rows: list[list[Any]] = []
        cut = None
        if columns:
            rows, cut = await _rows(await prepared.cursor(*arguments), bounds, values)
            changed = len(rows) if first_word(statement.sql) in _CHANGING and cut is None else None
        else:
            await prepared.fetch(*arguments)
            changed = _changed(prepared.get_statusmsg())
        # Where anything above fails, the end of the connection undoes it: a roll-back could wait for ever.
        await _whole(transaction.commit())
        return Result(columns, rows, changed, cut, values.cut, (time.perf_counter() - began) * 1000)

    async def _told(self, asked: Awaitable[T], seconds: float) -> T:
        """The answer within the time, or what went wrong in our words."""
        import asyncpg

        try:
            async with asyncio.timeout(seconds):
                return await asked
        except (TimeoutError, asyncpg.QueryCanceledError) as error:
            raise QueryTimedOut(f"The statement took longer than {seconds:g} seconds.") from error
        except asyncpg.ReadOnlySQLTransactionError as error:
            raise ReadOnly() from error
        except asyncpg.PostgresConnectionError as error:
            raise self._lost() from error
        except asyncpg.PostgresError as error:
            raise _failure(error) from error
        except (asyncpg.DataError, asyncpg.InterfaceError) as error:
            if self._received.over or self._connection.is_closed():
                raise self._lost() from error
            raise QueryFailed(_first_line(error)) from error
        except (OSError, asyncpg.InternalClientError) as error:
            raise self._lost() from error
        except (ValueError, TypeError, LookupError, RecursionError, AssertionError) as error:
            raise QueryFailed("The database answered with something that cannot be read.") from error

    def _lost(self) -> SoundstageError:
        return ResultTooLarge() if self._received.over else DatabaseUnreachable("The connection was lost.")


@asynccontextmanager
async def connected(target: DatabaseAccess, place: Place) -> AsyncIterator[Postgresql]:
    """A connection that ends with the block; raises `DatabaseUnreachable`."""
    import asyncpg

    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await _connect(target, place)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise DatabaseUnreachable(f"The database cannot be reached: {_first_line(error)}") from error
    try:
        yield Postgresql(connection)
    finally:
        await _end(connection)


async def _connect(target: DatabaseAccess, place: Place) -> Any:
    """Nothing is left to the environment of this process, which may hold the control plane's own password."""
    import asyncpg

    given = {
        "host": place.host,
        "port": place.port,
        "user": target.user,
        "password": target.password,
        "database": target.database,
        "target_session_attrs": "any",
        "krbsrvname": "postgres",
        "gsslib": "gssapi",
        "direct_tls": False,
        "timeout": CONNECT_SECONDS,
        "statement_cache_size": 0,
        "server_settings": {
            "application_name": "soundstage",
            "datestyle": "ISO",
            "intervalstyle": "iso_8601",
            "timezone": "UTC",
        },
    }
    context = place.tls()
    try:
        return await asyncpg.connect(**given, ssl=context or False)
    except ConnectionError as error:
        # What an operator allowed inside a private network may be spoken to unencrypted.
        if context is None or place.public or "rejected SSL upgrade" not in str(error):
            raise
        return await asyncpg.connect(**given, ssl=False)


async def _whole(commit: Coroutine[Any, Any, None]) -> None:
    """A commit that is not cancelled halfway: whoever asked has to hear that something was changed."""
    task = asyncio.ensure_future(commit)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=CLOSE_SECONDS)
        if not task.done() or task.exception() is not None:
            raise


async def _with_text(connection: Any, sql: str, columns: Sequence[Any]) -> str:
    """The statement with its rows, ranges and pseudo-types as text: no other form of them is told apart."""
    if first_word(sql) not in _SELECTING:
        return sql
    ids = [column.type.oid for column in columns]
    apart = {row["oid"] for row in await connection.fetch(_APART, ids)}
    if not apart:
        return sql
    names = [f"column{number}" for number in range(len(columns))]
    shown = [
        f"{name}{'::text' if column.type.oid in apart else ''} AS {quoted(column.name)}"
        for name, column in zip(names, columns, strict=True)
    ]
    return f"SELECT {', '.join(shown)} FROM (\n{sql.rstrip().rstrip(';')}\n) AS found({', '.join(names)})"  # noqa: S608


async def _decode(connection: Any) -> None:
    for name in _AS_TEXT:
        await connection.set_type_codec(name, schema="pg_catalog", encoder=str, decoder=str, format="text")
    document = Values().document
    for name in _AS_JSON:
        await connection.set_type_codec(name, schema="pg_catalog", encoder=str, decoder=document, format="text")


async def _end(connection: Any) -> None:
    """Ends the connection in order; what it is still doing is cancelled first."""
    import asyncpg

    try:
        await asyncio.shield(connection.close(timeout=CLOSE_SECONDS))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        connection.terminate()
    except BaseException:
        connection.terminate()
        raise


class _Received:
    """Counts what the server sends, and ends the connection beyond what is taken.

    It stands between the transport and asyncpg, which would hold a value of a gigabyte in memory.
    """

    def __init__(self, transport: asyncio.Transport, inner: Any) -> None:
        self._transport, self._inner = transport, inner
        self._left = MOST_RECEIVED

    @property
    def over(self) -> bool:
        return self._left < 0

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self.over:
            self._transport.abort()
        else:
            self._inner.data_received(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _bounded(connection: Any) -> _Received:
    transport = connection._transport
    counting = _Received(transport, transport.get_protocol())
    transport.set_protocol(counting)
    return counting


def _arguments(prepared: Any, given: Sequence[Any]) -> list[Any]:
    """Parameters of a client are JSON: as text where PostgreSQL wants what we read as text."""
    wanted = [each.name for each in prepared.get_parameters()]
    if len(wanted) != len(given):
        raise QueryFailed(f"The statement takes {len(wanted)} parameters; {len(given)} were given.")
    try:
        return [_argument(name, value) for name, value in zip(wanted, given, strict=True)]
    except (ValueError, TypeError, LookupError) as error:
        raise QueryFailed("A parameter is not of the type that the statement wants.") from error


def _argument(type_name: str, value: Any) -> Any:
    """A value of JSON as asyncpg takes it for a type; what we answered goes in again as it came out."""
    if value is None:
        return None
    if type_name in _AS_JSON:
        return orjson.dumps(value).decode()
    if type_name.endswith("[]") and isinstance(value, list):
        return [_argument(type_name[:-2], item) for item in value]
    if type_name == "bytea" and isinstance(value, dict):
        return base64.b64decode(value["base64"], validate=True)
    if isinstance(value, str):
        convert = _FROM_TEXT.get(type_name)
        return convert(value) if convert else value
    if type_name in _TEXTS:
        return orjson.dumps(value).decode()
    return value


async def _rows(cursor: Any, bounds: Bounds, values: Values) -> tuple[list[list[Any]], Cut | None]:
    rows: list[list[Any]] = []
    size = 0
    while found := await cursor.fetch(min(ROWS_AT_ONCE, bounds.rows + 1 - len(rows))):
        for record in found:
            if len(rows) == bounds.rows:
                return rows, Cut.ROWS
            row = [values.plain(value) for value in record]
            size += weight(row)
            if size > bounds.bytes:
                return rows, Cut.BYTES
            rows.append(row)
    return rows, None


def weight(value: Any) -> int:
    """About how many bytes a value takes as JSON."""
    if isinstance(value, str):
        return (len(value) if value.isascii() else len(value.encode())) + 3
    if isinstance(value, list):
        return sum(map(weight, value)) + 2
    if isinstance(value, dict):
        return sum(len(name) + 4 + weight(item) for name, item in value.items()) + 2
    return 8


def _changed(status: str | None) -> int | None:
    words = (status or "").split()
    return int(words[-1]) if words and words[0] in _CHANGING and words[-1].isdigit() else None


def _failure(error: Any) -> QueryFailed:
    told = {"sqlState": error.sqlstate, "hint": error.hint, "detail": error.detail}
    if str(error.position or "").isdigit():
        told["position"] = int(error.position)
    return QueryFailed(_first_line(error), **{name: value for name, value in told.items() if value is not None})


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:500]
