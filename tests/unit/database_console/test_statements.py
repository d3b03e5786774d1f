"""Statements that we make, and what is told of a client's by its first word."""

from __future__ import annotations

import pytest

from app.database_console.errors import BadSelection, ReadOnly, StatementRefused
from app.database_console.models import Column, Filter, Operator, Order, Selection, Statement, Table, TableKind
from app.database_console.postgresql import PostgresqlDialect
from app.database_console.sqlite import SqliteDialect
from app.database_console.statements import check_kind, check_text, first_word, select

TABLE = Table(
    "public",
    'or"ders',
    TableKind.TABLE,
    [
        Column("id", "integer", False, key_position=1, cast="pg_catalog.int4"),
        Column('na"me', "character(3)", True, cast="pg_catalog.bpchar"),
    ],
)


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("select 1", "SELECT"),
        ("  \n\t SELECT 1", "SELECT"),
        ("-- delete\nselect 1", "SELECT"),
        ("-- a\r-- b\nselect 1", "SELECT"),
        ("/* delete /* nested */ still */ update t set a = 1", "UPDATE"),
        ("((select 1))", "SELECT"),
        (";; drop table t", "DROP"),
        ("/* never ends", ""),
        ("-- nothing", ""),
        ("1", ""),
    ],
)
def test_a_statement_is_told_by_its_first_word(sql: str, word: str) -> None:
    assert first_word(sql) == word


@pytest.mark.parametrize(
    "sql", ["delete from t", "/* select */ drop table t", "set transaction_read_only = off", "do $$"]
)
def test_what_may_change_something_is_not_reading(sql: str) -> None:
    with pytest.raises(ReadOnly):
        check_kind(Statement(sql))


@pytest.mark.parametrize(
    "sql", ["commit", "ROLLBACK", "copy t to program 'x'", "BEGIN", "/**/ prepare transaction 'x'"]
)
@pytest.mark.parametrize("write", [False, True])
def test_transactions_and_copies_are_never_run(sql: str, write: bool) -> None:
    with pytest.raises(StatementRefused):
        check_kind(Statement(sql, write=write))


@pytest.mark.parametrize("sql", ["", "  ", "select '\0'", "x" * 70_000])
def test_what_is_no_text_of_a_statement_is_refused(sql: str) -> None:
    with pytest.raises(StatementRefused):
        check_text(sql)


def test_names_are_quoted_and_values_are_parameters() -> None:
    wanted = Selection(
        filters=[Filter('na"me', Operator.EQUAL, ["x'; --"]), Filter("id", Operator.ONE_OF, [1, "2"])],
        order=[Order('na"me', descending=True)],
        offset=20,
        limit=10,
    )

    made = select(TABLE, wanted, PostgresqlDialect())

    assert made.sql == (
        'SELECT "id", "na""me" FROM "public"."or""ders" WHERE "na""me" = $1::text::pg_catalog.bpchar '
        'AND "id" IN ($2::text::pg_catalog.int4, $3::text::pg_catalog.int4) '
        'ORDER BY "na""me" DESC NULLS LAST, "id" ASC LIMIT 11 OFFSET 20'
    )
    assert made.parameters == ["x'; --", "1", "2"]
    assert not made.write


def test_sqlite_takes_values_as_they_are() -> None:
    wanted = Selection(filters=[Filter("id", Operator.GREATER, [True]), Filter('na"me', Operator.CONTAINS, ["é"])])

    made = select(TABLE, wanted, SqliteDialect())

    assert 'WHERE "id" > ?1 AND instr(CAST("na""me" AS TEXT), ?2) > 0' in made.sql
    assert made.parameters == [1, "é"]


@pytest.mark.parametrize(
    "wanted",
    [
        Selection(filters=[Filter('id" = 1 --', Operator.EQUAL, [1])]),
        Selection(order=[Order("id; drop table x")]),
        Selection(filters=[Filter("id", Operator.EQUAL, [])]),
        Selection(filters=[Filter("id", Operator.EQUAL, [1, 2])]),
        Selection(filters=[Filter("id", Operator.IS_NULL, [1])]),
        Selection(filters=[Filter("id", Operator.ONE_OF, [])]),
        Selection(filters=[Filter("id", Operator.EQUAL, ["\0"])]),
        Selection(filters=[Filter("id", Operator.IS_NULL)] * 21),
        Selection(order=[Order("id")] * 6),
        Selection(limit=0),
        Selection(limit=1_001),
        Selection(offset=-1),
        Selection(offset=1_000_001),
    ],
)
def test_what_the_table_does_not_know_is_refused(wanted: Selection) -> None:
    with pytest.raises(BadSelection):
        select(TABLE, wanted, PostgresqlDialect())
