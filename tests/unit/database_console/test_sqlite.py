"""A SQLite file of a session, read and changed through the child process."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import SoundstageError
from app.database_console.errors import (
    NotADatabase,
    OwnDatabase,
    QueryFailed,
    QueryTimedOut,
    ReadOnly,
    ResultTooLarge,
    StatementRefused,
    TableNotFound,
)
from app.database_console.models import Bounds, Cut, Filter, Operator, Order, Result, Selection, Statement
from app.database_console.sqlite import Sqlite, opened
from app.database_console.statements import select
from app.files.errors import FileNotFound, NotAFile, NotAFolder
from app.git.paths import BadPath
from tests.support.paths import TRAVERSALS

pytestmark = pytest.mark.anyio
BOUNDS = Bounds(5, 100, 1_000_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "copy"
    (made / "data").mkdir(parents=True)
    connection = sqlite3.connect(made / "data" / "shop #1.db")
    connection.executescript(
        """
        CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'nobody', note BLOB);
        CREATE TABLE "or""ders" (
            id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id) ON DELETE CASCADE,
            total NUMERIC, doubled GENERATED ALWAYS AS (total * 2)
        );
        CREATE UNIQUE INDEX by_total ON "or""ders" (total, id) WHERE total > 0;
        CREATE VIEW rich AS SELECT * FROM customers WHERE name <> 'nobody';
        INSERT INTO customers VALUES (1, 'Ada', x'00ff'), (2, 'Bo', NULL), (3, 'nobody', NULL);
        INSERT INTO "or""ders" (id, customer_id, total) VALUES (1, 1, 9007199254740993), (2, 1, 2.5), (3, 2, NULL);
        """
    )
    connection.close()
    return made


@asynccontextmanager
async def reading(folder: Path, path: str = "data/shop #1.db", *, write: bool = False) -> AsyncIterator[Sqlite]:
    async with opened(folder, path, [], write=write) as made:
        yield made


async def ask(folder: Path, sql: str, *parameters: Any, write: bool = False, bounds: Bounds = BOUNDS) -> Result:
    async with reading(folder, write=write) as database:
        return await database.run(Statement(sql, parameters, write), bounds)


async def test_rows_come_with_columns_and_values_that_json_holds(folder: Path) -> None:
    found = await ask(folder, 'SELECT o.id, total, note FROM "or""ders" o JOIN customers c ON c.id = customer_id')

    assert [(column.name, column.type) for column in found.columns] == [
        ("id", "integer"),
        ("total", "text"),
        ("note", "blob"),
    ]
    assert found.rows[0] == [1, "9007199254740993", {"base64": "AP8="}]
    assert found.changed is None
    assert found.cut is None


async def test_tables_tell_columns_keys_and_indexes(folder: Path) -> None:
    async with reading(folder) as database:
        page = await database.tables(None, None, 2)
        rest = await database.tables("main", (page.items[-1].schema, page.items[-1].name), 10)

    customers, orders = page.items
    assert page.has_more
    assert [table.name for table in rest.items] == ["rich"]
    assert customers.primary_key == ["id"]
    assert customers.columns[1].default == "'nobody'"
    assert not customers.columns[1].nullable
    assert orders.columns[3].generated == "virtual"
    assert orders.foreign_keys[0].foreign_table == "customers"
    assert orders.foreign_keys[0].on_delete == "CASCADE"
    assert orders.indexes[0].columns == ["total", "id"]
    assert orders.indexes[0].unique
    assert orders.indexes[0].condition == "total > 0"


async def test_a_page_of_a_table_is_filtered_and_sorted(folder: Path) -> None:
    wanted = Selection([Filter("name", Operator.ONE_OF, ["Ada", "Bo"])], [Order("name", descending=True)], 0, 1)

    async with reading(folder) as database:
        made = select(await database.table(None, "customers"), wanted, database.dialect)
        found = await database.run(made, BOUNDS)
        with pytest.raises(TableNotFound):
            await database.table(None, "nothing")

    assert [row[1] for row in found.rows] == ["Bo", "Ada"]  # one more than the page tells that there is more


async def test_the_filter_compares_by_the_columns_affinity(folder: Path) -> None:
    wanted = Selection([Filter("id", Operator.EQUAL, ["2"])])

    async with reading(folder) as database:
        found = await database.run(select(await database.table(None, "customers"), wanted, database.dialect), BOUNDS)

    assert [row[1] for row in found.rows] == ["Bo"]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM customers",
        "INSERT INTO customers VALUES (9, 'x', NULL)",
        "CREATE TABLE x (a)",
        "DROP TABLE customers",
        "/* select */ UPDATE customers SET name = 'x'",
        "WITH x AS (SELECT 1) DELETE FROM customers",
        "CREATE TEMP TABLE x (a)",
        "REINDEX",
    ],
)
async def test_a_reading_statement_changes_nothing(folder: Path, sql: str) -> None:
    with pytest.raises(ReadOnly):
        await ask(folder, sql)

    assert len((await ask(folder, "SELECT * FROM customers")).rows) == 3


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH 'other.db' AS other",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO 'copy.db'",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA temp_store_directory = '/tmp'",
        "PRAGMA user_version = 5",
        "SELECT load_extension('/tmp/x.so')",
        "COMMIT",
        "BEGIN",
        "SAVEPOINT x",
        "ROLLBACK",
    ],
)
@pytest.mark.parametrize("write", [False, True])
async def test_nothing_leads_out_of_the_file(folder: Path, sql: str, write: bool) -> None:
    before = sorted(folder.rglob("*"))

    with pytest.raises((StatementRefused, ReadOnly, QueryFailed)):
        await ask(folder, sql, write=write)

    assert sorted(folder.rglob("*")) == before


async def test_two_statements_at_once_are_refused(folder: Path) -> None:
    with pytest.raises(QueryFailed):
        await ask(folder, "SELECT 1; DELETE FROM customers", write=True)

    assert len((await ask(folder, "SELECT * FROM customers")).rows) == 3


async def test_a_writing_statement_tells_how_much_it_changed(folder: Path) -> None:
    changed = await ask(folder, "UPDATE customers SET name = ? WHERE id > ?", "Cy", 1, write=True)
    told = await ask(folder, "INSERT INTO customers (name) VALUES ('Di'), ('Ed') RETURNING id", write=True)

    assert changed.changed == 2
    assert told.rows == [[4], [5]]
    assert (await ask(folder, "SELECT count(*) FROM customers WHERE name = 'Cy'")).rows == [[2]]


async def test_a_failed_statement_says_what_sqlite_says_and_changes_nothing(folder: Path) -> None:
    with pytest.raises(QueryFailed, match="no such table: nowhere"):
        await ask(folder, "SELECT * FROM nowhere")
    with pytest.raises(QueryFailed, match="UNIQUE"):
        await ask(folder, "INSERT INTO customers (id, name) VALUES (8, 'x'), (1, 'y')", write=True)

    assert (await ask(folder, "SELECT count(*) FROM customers")).rows == [[3]]


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT {} FROM n"


async def test_a_statement_without_end_is_ended_in_time(folder: Path) -> None:
    began = time.monotonic()

    with pytest.raises(QueryTimedOut):
        await ask(folder, ENDLESS.format("count(*)"), bounds=Bounds(0.3, 10, 1_000))

    assert time.monotonic() - began < 3


async def test_rows_and_bytes_have_bounds(folder: Path) -> None:
    rows = await ask(folder, ENDLESS.format("x"), bounds=Bounds(5, 10, 1_000_000))
    octets = await ask(folder, ENDLESS.format("hex(zeroblob(100))"), bounds=Bounds(5, 1_000, 5_000))

    assert (len(rows.rows), rows.cut) == (10, Cut.ROWS)
    assert (len(octets.rows), octets.cut) == (24, Cut.BYTES)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT zeroblob(1000000000)",
        "SELECT group_concat(hex(randomblob(1000000))) FROM customers a, customers b, customers c, customers d",
        ENDLESS.format("group_concat(x, hex(zeroblob(1000000)))"),
    ],
)
async def test_a_statement_takes_its_own_process_memory_and_no_more(folder: Path, sql: str) -> None:
    with pytest.raises((ResultTooLarge, QueryFailed, QueryTimedOut)):
        await ask(folder, sql)


async def test_leaving_ends_the_process_and_the_statement(folder: Path) -> None:
    async with reading(folder) as database:
        child = database._child.pid
        asked = asyncio.create_task(database.run(Statement(ENDLESS.format("count(*)")), Bounds(60, 10, 1_000)))
        await asyncio.sleep(0.2)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        began = time.monotonic()

    assert time.monotonic() - began < 2
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_no_path_leads_out_of_the_working_copy(folder: Path, tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    sqlite3.connect(outside / "secret").execute("CREATE TABLE t (a)").connection.close()
    (folder / "README.md").write_text("hello")
    targets = {"folder": outside, "file": outside / "secret", "root": "/", "parent": "..", "proc": "/proc/self"}
    for name, target in targets.items():
        (folder / f"link-to-{name}").symlink_to(target)

    with pytest.raises((BadPath, FileNotFound, NotAFile, NotAFolder, NotADatabase)):
        async with reading(folder, path):
            pass


async def test_our_own_file_is_known_under_every_name(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "soundstage.db"
    sqlite3.connect(own).execute("CREATE TABLE t (a)").connection.close()
    (folder / "hard").hardlink_to(own)
    (folder / "data" / "again.db").hardlink_to(own)
    status = own.stat()

    for path in ("hard", "./hard", "data/../hard", "data//again.db", "./data/./again.db"):
        with pytest.raises((OwnDatabase, BadPath)):
            async with opened(folder, path, [(status.st_dev, status.st_ino)], write=False):
                pass


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("hard", [False, True])
async def test_what_stands_beside_it_leads_to_no_other_file(
    folder: Path, tmp_path: Path, suffix: str, write: bool, hard: bool
) -> None:
    database, precious = folder / "data" / "shop #1.db", tmp_path / "precious"
    precious.write_bytes(b"precious" * 1_000)
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    beside = database.with_name(database.name + suffix)
    beside.hardlink_to(precious) if hard else beside.symlink_to(precious)

    with pytest.raises(SoundstageError):
        await ask(folder, "DELETE FROM customers" if write else "SELECT * FROM customers", write=write)

    assert precious.read_bytes() == b"precious" * 1_000


async def test_a_change_that_was_done_before_it_was_cancelled_is_told(folder: Path) -> None:
    async with reading(folder, write=True) as database:
        asked = asyncio.create_task(database.run(Statement("DELETE FROM customers", (), True), BOUNDS))
        while database._child.stdout is None or not database._child.stdout._buffer:
            await asyncio.sleep(0)
        asked.cancel()
        found = await asked

    assert found.changed == 3


async def test_what_is_no_database_is_told(folder: Path) -> None:
    (folder / "text.db").write_text("no database, but long enough to be taken for one" * 100)

    with pytest.raises(NotADatabase):
        async with reading(folder, "text.db") as database:
            await database.tables(None, None, 10)


async def test_a_file_in_wal_mode_is_read_while_another_writes(folder: Path) -> None:
    writer = sqlite3.connect(folder / "data" / "shop #1.db")
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("INSERT INTO customers (name) VALUES ('late')")
    writer.commit()

    found = await ask(folder, "SELECT count(*) FROM customers")
    writer.close()

    assert found.rows == [[4]]


@pytest.mark.parametrize("parameter", ["text", 1.5, None, True, {"base64": "AP8="}, [1, 2], {"a": 1}])
async def test_parameters_are_bound_as_what_they_are(folder: Path, parameter: Any) -> None:
    found = await ask(folder, "SELECT ?", parameter)

    assert found.rows[0][0] in (parameter, "[1, 2]", '{"a": 1}')


async def test_a_number_beyond_all_columns_is_told(folder: Path) -> None:
    with pytest.raises(QueryFailed, match="64 bits"):
        await ask(folder, "SELECT ?", 2**70)
