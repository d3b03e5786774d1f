"""A session's PostgreSQL: a real server, apart from the one that other tests keep their data in."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app.database_console import postgresql
from app.database_console.addresses import Place
from app.database_console.errors import (
    DatabaseUnreachable,
    QueryFailed,
    QueryTimedOut,
    ReadOnly,
    ResultTooLarge,
    StatementRefused,
    TableNotFound,
)
from app.database_console.models import (
    Bounds,
    Cut,
    Filter,
    Operator,
    Order,
    Result,
    Selection,
    Statement,
    TableKind,
)
from app.database_console.postgresql import Postgresql, connected
from app.database_console.statements import select
from app.services.models import DatabaseAccess, DatabaseEngine
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio
BOUNDS = Bounds(5, 100, 1_000_000)
SCHEMA = """
CREATE SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('sad', 'glad');
CREATE TABLE shop.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(20) NOT NULL DEFAULT 'nobody', mood shop.mood,
    initials char(2), loud text GENERATED ALWAYS AS (upper(name)) STORED
);
COMMENT ON TABLE shop.customers IS 'Who buys.';
COMMENT ON COLUMN shop.customers.name IS 'As they say it.';
CREATE TABLE shop."or""ders" (
    number int, year int, customer_id bigint REFERENCES shop.customers ON DELETE CASCADE, total numeric(10, 2),
    PRIMARY KEY (year, number)
);
CREATE INDEX expensive ON shop."or""ders" (lower(total::text), customer_id) WHERE total > 100;
CREATE VIEW shop.glad AS SELECT * FROM shop.customers WHERE mood = 'glad';
INSERT INTO shop.customers (name, mood, initials) VALUES ('Ada', 'glad', 'AL'), ('Bo', 'sad', 'B'), ('Cy', NULL, NULL);
INSERT INTO shop."or""ders" VALUES (1, 2026, 1, 12.50), (2, 2026, 1, 200), (1, 2025, 2, NULL);
CREATE TABLE public.numbers AS SELECT n FROM generate_series(1, 1000) n;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as started:
        yield started


@pytest.fixture
async def target(server: PostgresServer) -> AsyncIterator[DatabaseAccess]:
    dsn = await server.create_database()
    name = dsn.rsplit("/", 1)[-1]
    connection = await asyncpg.connect(dsn)
    await connection.execute(SCHEMA)
    await connection.close()
    yield DatabaseAccess(DatabaseEngine.POSTGRESQL, "127.0.0.1", server.port, name, "postgres", server._password)
    await server.drop_database(name)


def place(target: DatabaseAccess) -> Place:
    return Place(target.host, target.port, target.host, public=False, loopback=True)


@asynccontextmanager
async def reading(target: DatabaseAccess) -> AsyncIterator[Postgresql]:
    async with connected(target, place(target)) as made:
        yield made


async def ask(
    target: DatabaseAccess, sql: str, *parameters: Any, write: bool = False, bounds: Bounds = BOUNDS
) -> Result:
    async with reading(target) as database:
        return await database.run(Statement(sql, parameters, write), bounds)


async def directly(server: PostgresServer, target: DatabaseAccess, sql: str) -> Any:
    connection = await asyncpg.connect(server.dsn(target.database))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("sql", "type_", "value"),
    [
        ("1::int", "int4", 1),
        ("9007199254740993", "int8", "9007199254740993"),
        ("1.10::numeric", "numeric", "1.10"),
        ("'NaN'::numeric", "numeric", "NaN"),
        ("'NaN'::float8", "float8", "NaN"),
        ("1.5::float8", "float8", 1.5),
        ("true", "bool", True),
        ("NULL::int", "int4", None),
        ("'ü'::text", "text", "ü"),
        (r"'\x00ff'::bytea", "bytea", {"base64": "AP8="}),
        ("'infinity'::timestamptz", "timestamptz", "infinity"),
        ("'0044-03-15 BC'::date", "date", "0044-03-15 BC"),
        ("'2026-11-25 23:00+01'::timestamptz", "timestamptz", "2026-11-25 22:00:00+00"),
        ("'1 month 2 days'::interval", "interval", "P1M2D"),
        ("ARRAY[1, NULL, 3]", "int4[]", [1, None, 3]),
        ("ARRAY[1.50, 2]::numeric[]", "numeric[]", ["1.50", "2"]),
        ("ARRAY[['a', 'b']]", "text[]", [["a", "b"]]),
        ("""'{"a": [1, 12345678901234567890]}'::jsonb""", "jsonb", {"a": [1, "12345678901234567890"]}),
        ("'0b56b8c4-0000-4000-8000-000000000000'::uuid", "uuid", "0b56b8c4-0000-4000-8000-000000000000"),
        ("'10.0.0.0/8'::cidr", "cidr", "10.0.0.0/8"),
        ("'glad'::shop.mood", "mood", "glad"),
        ("ROW(1, 'x'::text, 1.5, now() - now())", "record", "(1,x,1.5,PT0S)"),
        ("tstzrange('2026-01-01', NULL)", "tstzrange", '["2026-01-01 00:00:00+00",)'),
        ("ARRAY[numrange(1.5, 2)]", "numrange[]", '{"[1.5,2)"}'),
        ("""'a'::"char\"""", "char", "a"),
        ("'0/1'::pg_lsn", "pg_lsn", "0/1"),
        ("'$12.00'::money", "money", "$12.00"),
        ("B'101'", "bit", "101"),
        ("point(1, 2)", "point", [1.0, 2.0]),
        ("xmlcomment('x')", "xml", "<!--x-->"),
        ("12::oid", "oid", 12),
    ],
)
async def test_values_are_json_and_types_are_told(target: DatabaseAccess, sql: str, type_: str, value: Any) -> None:
    found = await ask(target, f"SELECT {sql} AS it")

    assert [(column.name, column.type) for column in found.columns] == [("it", type_)]
    assert found.rows == [[value]]


@pytest.mark.parametrize(
    ("type_", "value", "back"),
    [
        ("int8", "9007199254740993", "9007199254740993"),
        ("int4", 5, 5),
        ("numeric", 1.5, "1.5"),
        ("numeric", "1.50", "1.50"),
        ("bytea", {"base64": "AP8="}, {"base64": "AP8="}),
        ("jsonb", {"a": [1]}, {"a": [1]}),
        ("jsonb", "text", "text"),
        ("int8[]", [1, "9007199254740993", None], [1, "9007199254740993", None]),
        ("timestamptz", "infinity", "infinity"),
        ("bool", "true", True),
        ("float8", "NaN", "NaN"),
        ("text", {"a": 1}, '{"a":1}'),
        ("uuid", "0b56b8c4-0000-4000-8000-000000000000", "0b56b8c4-0000-4000-8000-000000000000"),
        ("text", None, None),
    ],
)
async def test_what_came_out_goes_in_as_a_parameter(target: DatabaseAccess, type_: str, value: Any, back: Any) -> None:
    assert (await ask(target, f"SELECT $1::{type_}", value)).rows == [[back]]


@pytest.mark.parametrize(
    ("type_", "value"),
    [("int4", "many"), ("int4", 2**40), ("bool", "perhaps"), ("bytea", {"base64": "?"}), ("date", [])],
)
async def test_a_parameter_of_another_type_is_told(target: DatabaseAccess, type_: str, value: Any) -> None:
    with pytest.raises(QueryFailed):
        await ask(target, f"SELECT $1::{type_}", value)


async def test_ranges_and_columns_of_one_name_are_told(target: DatabaseAccess) -> None:
    found = await ask(target, "SELECT int4range(1, 5) AS a, c AS a FROM shop.customers c WHERE id = 1")

    assert [column.name for column in found.columns] == ["a", "a"]
    assert found.rows == [["[1,5)", "(1,Ada,glad,AL,ADA)"]]


async def test_tables_tell_columns_keys_and_indexes(target: DatabaseAccess) -> None:
    async with reading(target) as database:
        page = await database.tables("shop", None, 2)
        rest = await database.tables(None, (page.items[-1].schema, page.items[-1].name), 10)
        first = await database.tables(None, None, 1)

    customers, glad = page.items
    assert page.has_more
    assert glad.kind is TableKind.VIEW
    assert [table.name for table in rest.items] == ['or"ders']
    assert [table.name for table in first.items] == ["numbers"]
    assert customers.comment == "Who buys."
    assert customers.primary_key == ["id"]
    assert [(column.name, column.type) for column in customers.columns] == [
        ("id", "bigint"),
        ("name", "character varying(20)"),
        ("mood", "shop.mood"),
        ("initials", "character(2)"),
        ("loud", "text"),
    ]
    assert customers.columns[0].default == "GENERATED ALWAYS AS IDENTITY"
    assert customers.columns[1].default == "'nobody'::character varying"
    assert customers.columns[1].comment == "As they say it."
    assert "upper" in (customers.columns[4].generated or "")
    orders = rest.items[0]
    assert orders.primary_key == ["year", "number"]
    assert orders.foreign_keys[0].foreign_columns == ["id"]
    assert orders.foreign_keys[0].on_delete == "CASCADE"
    expensive = orders.indexes[0]
    assert expensive.columns == ["lower(total::text)", "customer_id"]
    assert "100" in (expensive.condition or "")
    assert not expensive.unique
    assert orders.indexes[1].primary


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([Filter("id", Operator.GREATER, [1])], ["Bo", "Cy"]),
        ([Filter("id", Operator.ONE_OF, ["1", 3])], ["Ada", "Cy"]),
        ([Filter("mood", Operator.EQUAL, ["glad"])], ["Ada"]),
        ([Filter("mood", Operator.IS_NULL)], ["Cy"]),
        ([Filter("mood", Operator.IS_NOT_NULL), Filter("name", Operator.NOT_EQUAL, ["Bo"])], ["Ada"]),
        ([Filter("initials", Operator.EQUAL, ["ALX"])], []),
        ([Filter("initials", Operator.EQUAL, ["B"])], ["Bo"]),
        ([Filter("name", Operator.CONTAINS, ["d"])], ["Ada"]),
        ([Filter("name", Operator.STARTS_WITH, ["%"])], []),
        ([Filter("name", Operator.EQUAL, ["' OR true --"])], []),
    ],
)
async def test_rows_are_filtered_by_typed_values(
    target: DatabaseAccess, filters: list[Filter], names: list[str]
) -> None:
    async with reading(target) as database:
        table = await database.table("shop", "customers")
        found = await database.run(select(table, Selection(filters), database.dialect), BOUNDS)

    assert [row[1] for row in found.rows] == names


async def test_pages_follow_the_order(target: DatabaseAccess) -> None:
    async with reading(target) as database:
        table = await database.table("shop", 'or"ders')
        wanted = Selection(order=[Order("total", descending=True)], offset=1, limit=1)
        found = await database.run(select(table, wanted, database.dialect), BOUNDS)
        wrong = Selection([Filter("number", Operator.EQUAL, ["many"])])
        with pytest.raises(QueryFailed, match="invalid input syntax"):
            await database.run(select(table, wrong, database.dialect), BOUNDS)

    assert [row[3] for row in found.rows] == ["12.50", None]


@pytest.mark.parametrize(("schema", "name"), [(None, "customers"), ("shop", "nothing"), ("pg_catalog", "pg_authid")])
async def test_tables_that_are_not_there_are_told(target: DatabaseAccess, schema: str | None, name: str) -> None:
    async with reading(target) as database:
        with pytest.raises(TableNotFound):
            await database.table(schema, name)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM numbers",
        "WITH gone AS (DELETE FROM numbers RETURNING n) SELECT * FROM gone",
        "SELECT * INTO copied FROM numbers",
        "SELECT n FROM numbers FOR UPDATE",
        "EXPLAIN ANALYZE DELETE FROM numbers",
        "SELECT setval('shop.customers_id_seq', 99)",
        "SET transaction_read_only = off",
        "DO $$ BEGIN DELETE FROM numbers; END $$",
        "CALL nothing()",
        "TRUNCATE numbers",
    ],
)
async def test_a_reading_statement_changes_nothing(server: PostgresServer, target: DatabaseAccess, sql: str) -> None:
    with pytest.raises(ReadOnly):
        await ask(target, sql)

    assert await directly(server, target, "SELECT count(*) FROM numbers") == 1000


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT; DELETE FROM numbers",
        "SELECT 1; COMMIT; DELETE FROM numbers",
        "COPY numbers TO PROGRAM 'cat > /dev/null'",
        "COPY numbers FROM PROGRAM 'echo 1'",
        "SELECT set_config('transaction_read_only', 'off', true)",
        "ROLLBACK",
        "BEGIN READ WRITE",
    ],
)
async def test_no_text_leaves_the_transaction(server: PostgresServer, target: DatabaseAccess, sql: str) -> None:
    with pytest.raises((StatementRefused, QueryFailed)):
        await ask(target, sql)

    assert await directly(server, target, "SELECT count(*) FROM numbers") == 1000


async def test_a_function_that_writes_is_held_back(server: PostgresServer, target: DatabaseAccess) -> None:
    function = """CREATE FUNCTION sly() RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN PERFORM set_config('transaction_read_only', 'off', false); DELETE FROM numbers; RETURN 1; END $$"""
    await directly(server, target, function)

    with pytest.raises((ReadOnly, QueryFailed)):
        await ask(target, "SELECT sly()")

    assert await directly(server, target, "SELECT count(*) FROM numbers") == 1000


async def test_a_writing_statement_tells_how_much_it_changed(server: PostgresServer, target: DatabaseAccess) -> None:
    deleted = await ask(target, "DELETE FROM numbers WHERE n > $1", 900, write=True)
    returned = await ask(
        target, "UPDATE numbers SET n = -n WHERE n < 10 RETURNING n", write=True, bounds=Bounds(5, 3, 100)
    )

    assert deleted.changed == 100
    assert deleted.columns == []
    assert (len(returned.rows), returned.cut) == (3, Cut.ROWS)
    assert await directly(server, target, "SELECT count(*) FROM numbers WHERE n < 0") == 9


async def test_a_failed_statement_says_what_postgresql_says(server: PostgresServer, target: DatabaseAccess) -> None:
    with pytest.raises(QueryFailed, match='relation "nowhere" does not exist') as told:
        await ask(target, "SELECT * FROM nowhere")
    with pytest.raises(QueryFailed, match="duplicate key"):
        await ask(target, 'INSERT INTO shop."or""ders" VALUES (9, 2026), (1, 2026)', write=True)
    with pytest.raises(QueryFailed, match="takes 1 parameters"):
        await ask(target, "SELECT $1::int")
    with pytest.raises(QueryFailed):
        await ask(target, "SELECT $1::int", "many")

    assert told.value.details == {"sqlState": "42P01", "position": 15}
    assert await directly(server, target, 'SELECT count(*) FROM shop."or""ders"') == 3


async def running(server: PostgresServer, marker: str) -> int:
    """How many statements with this text the server works on."""
    connection = await asyncpg.connect(server.dsn())
    try:
        found = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%' || $1 || '%' "
            "AND pid <> pg_backend_pid()",
            marker,
        )
        return int(found)
    finally:
        await connection.close()


async def until(server: PostgresServer, marker: str, wanted: int) -> None:
    deadline = time.monotonic() + 5
    while await running(server, marker) != wanted:
        assert time.monotonic() < deadline, f"not {wanted} times at work: {marker}"
        await asyncio.sleep(0.02)


async def test_a_statement_that_takes_too_long_is_ended_in_the_server(
    server: PostgresServer, target: DatabaseAccess
) -> None:
    began = time.monotonic()

    with pytest.raises(QueryTimedOut):
        await ask(target, "SELECT pg_sleep(30), 'too-long'", bounds=Bounds(0.3, 10, 1_000))
    sly = "SELECT set_config('statement_timeout', '0', false), pg_sleep(30), 'too-long'"
    with pytest.raises(QueryTimedOut):
        await ask(target, sly, bounds=Bounds(0.3, 10, 1_000))

    assert time.monotonic() - began < 3
    await until(server, "too-long", 0)


async def test_leaving_ends_the_statement_in_the_server(server: PostgresServer, target: DatabaseAccess) -> None:
    asked = asyncio.create_task(ask(target, "SELECT pg_sleep(30), 'left-alone'", bounds=Bounds(60, 10, 1_000)))
    await until(server, "left-alone", 1)

    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)

    await until(server, "left-alone", 0)


async def test_rows_and_bytes_have_bounds(target: DatabaseAccess) -> None:
    rows = await ask(target, "SELECT generate_series(1, 100000000)", bounds=Bounds(5, 120, 1_000_000))
    octets = await ask(target, "SELECT repeat('x', 97) FROM numbers", bounds=Bounds(5, 1_000, 5_000))

    assert (len(rows.rows), rows.cut) == (120, Cut.ROWS)
    assert (len(octets.rows), octets.cut) == (49, Cut.BYTES)


async def test_a_giant_answer_ends_the_connection(target: DatabaseAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "MOST_RECEIVED", 1024 * 1024)

    with pytest.raises(ResultTooLarge):
        await ask(target, "SELECT repeat('x', 20000000)")


async def test_a_wrong_password_and_a_dead_port_are_told_without_secrets(target: DatabaseAccess) -> None:
    wrong = DatabaseAccess(target.engine, target.host, target.port, target.database, target.user, "not-the-password")
    dead = DatabaseAccess(target.engine, "127.0.0.1", 1, "x", "y", "private-password")

    for each in (wrong, dead):
        with pytest.raises(DatabaseUnreachable) as told:
            async with reading(each):
                pass
        assert each.password not in told.value.message


async def test_the_environment_of_this_process_gives_nothing(
    server: PostgresServer, target: DatabaseAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", server._password)
    monkeypatch.setenv("PGUSER", "postgres")
    monkeypatch.setenv("PGSERVICE", "")

    with pytest.raises(DatabaseUnreachable):
        async with reading(DatabaseAccess(target.engine, target.host, target.port, target.database, "postgres", "")):
            pass


async def test_the_server_tells_who_it_is_to_anybody(server: PostgresServer, target: DatabaseAccess) -> None:
    await directly(server, target, "CREATE ROLE visitor LOGIN PASSWORD 'visitor'")
    visitor = DatabaseAccess(target.engine, "localhost", target.port, target.database, "visitor", "visitor")

    async with reading(target) as one, reading(visitor) as other:
        assert await one.identity() == await other.identity() is not None


async def test_what_is_no_postgresql_does_not_hold_us_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "CONNECT_SECONDS", 0.5)

    listener = socket.create_server(("127.0.0.1", 0))  # takes connections, and says nothing
    port = listener.getsockname()[1]
    began = time.monotonic()

    with pytest.raises(DatabaseUnreachable):
        async with reading(DatabaseAccess(DatabaseEngine.POSTGRESQL, "127.0.0.1", port, "x", "y", "z")):
            pass

    listener.close()
    assert time.monotonic() - began < 3
