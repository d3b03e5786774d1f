"""Statements that we make ourselves, and what is told of those that a client made.

Names come from the database's own catalogue, never from the client's text; values are bound parameters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from app.database_console.errors import BadSelection, ReadOnly, StatementRefused
from app.database_console.models import Column, Dialect, Filter, Operator, Order, Selection, Statement, Table

LARGEST_PAGE, FURTHEST = 1_000, 1_000_000
MOST_FILTERS, MOST_ORDERS, MOST_VALUES = 20, 5, 100
LONGEST_SQL = 64 * 1024
LONGEST_TEXT = 16 * 1024
#: Statements that only read, whatever they are made of, in a transaction that may only read.
READING = ("SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN")
#: What ends or opens the transaction that a statement is run in, or speaks a protocol of its own.
REFUSED = frozenset(
    {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE", "COPY", "LISTEN"}
)
_SIGNS = {
    Operator.EQUAL: "=",
    Operator.NOT_EQUAL: "<>",
    Operator.LESS: "<",
    Operator.LESS_OR_EQUAL: "<=",
    Operator.GREATER: ">",
    Operator.GREATER_OR_EQUAL: ">=",
}
_FILTER = re.compile(rf"(.+?):({'|'.join(Operator)})(?::(.*))?", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]+")
_SPACE = re.compile(r"(?:\s+|--[^\n\r]*|\(|;)+")


def quoted(name: str) -> str:
    """A name of the catalogue as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def first_word(sql: str) -> str:
    """The word that tells a statement's kind, in upper case; empty where it has none."""
    at = 0
    while True:
        if found := _SPACE.match(sql, at):
            at = found.end()
        elif sql.startswith("/*", at):
            at = _behind_comment(sql, at)
        else:
            word = _WORD.match(sql, at)
            return word[0].upper() if word else ""


def _behind_comment(sql: str, at: int) -> int:
    """Where a comment ends, and those that it holds; the text's end where it does not."""
    depth = 0
    while at < len(sql):
        if sql.startswith("/*", at):
            depth, at = depth + 1, at + 2
        elif sql.startswith("*/", at):
            depth, at = depth - 1, at + 2
            if depth == 0:
                return at
        else:
            at += 1
    return at


def check_text(sql: str) -> None:
    """Raises `StatementRefused` for what is no text of a statement."""
    if not sql.strip() or len(sql) > LONGEST_SQL or "\0" in sql:
        raise StatementRefused(f"A statement has 1 to {LONGEST_SQL:,} characters.")


def check_kind(statement: Statement) -> None:
    """Raises `ReadOnly` or `StatementRefused` for a statement of PostgreSQL of a kind that is not run."""
    word = first_word(statement.sql)
    if word in REFUSED:
        raise StatementRefused(f"{word} cannot be run here: each statement is a transaction of its own.")
    if not statement.write and word not in READING:
        raise ReadOnly(f"Only reading was asked for: {', '.join(READING)}. Say `write` if it may change something.")


def select(table: Table, selection: Selection, dialect: Dialect) -> Statement:
    """The statement that reads a page of a table, and one row more; raises `BadSelection`."""
    _check_page(selection)
    columns = {column.name: column for column in table.columns}
    parameters: list[Any] = []
    conditions = [_condition(each, _column(columns, each.column), dialect, parameters) for each in selection.filters]
    orders = list(_orders(table, columns, selection.order))
    sql = f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(table.schema)}.{quoted(table.name)}"  # noqa: S608
    if conditions:
        sql += " WHERE " + " AND ".join(conditions)
    if orders:
        sql += " ORDER BY " + ", ".join(orders)
    # Whole numbers, checked above.
    return Statement(f"{sql} LIMIT {selection.limit + 1:d} OFFSET {selection.offset:d}", parameters)


def parse_filter(text: str) -> Filter:
    """`total:greater:100`, `id:one_of:1,2`, `name:one_of:["a,b", "c"]`, `note:is_null`; raises `BadSelection`."""
    found = _FILTER.fullmatch(text)
    if found is None:
        raise BadSelection(
            f"A filter is `column:operator:value`, not {text[:100]!r}. Operators: {', '.join(Operator)}."
        )
    column, operator, value = found[1], Operator(found[2]), found[3]
    if value is None:
        return Filter(column, operator)
    return Filter(column, operator, _listed(value) if operator is Operator.ONE_OF else [value])


def parse_order(text: str) -> Order:
    """`name`, or `-name` for the largest first."""
    return Order(text[1:], descending=True) if text.startswith("-") else Order(text)


def _listed(value: str) -> list[str | int | float | bool]:
    if not value.startswith("["):
        return [*value.split(",")]
    try:
        listed = json.loads(value)
    except ValueError as error:
        raise BadSelection("`one_of` takes values with commas between them, or a JSON array.") from error
    if not all(isinstance(each, str | int | float) for each in listed):
        raise BadSelection("A filter's values are texts, numbers, true or false.")
    return list(listed)


def _check_page(selection: Selection) -> None:
    if not 1 <= selection.limit <= LARGEST_PAGE or not 0 <= selection.offset <= FURTHEST:
        raise BadSelection(f"A page has 1 to {LARGEST_PAGE:,} rows and begins at 0 to {FURTHEST:,}.")
    if len(selection.filters) > MOST_FILTERS or len(selection.order) > MOST_ORDERS:
        raise BadSelection(f"At most {MOST_FILTERS} filters and {MOST_ORDERS} columns to sort by.")


def _column(columns: dict[str, Column], name: str) -> Column:
    found = columns.get(name)
    if found is None:
        raise BadSelection(f"The table has no column {name[:100]!r}.")
    return found


def _condition(given: Filter, column: Column, dialect: Dialect, parameters: list[Any]) -> str:
    name, values = quoted(column.name), given.values
    if given.operator in (Operator.IS_NULL, Operator.IS_NOT_NULL):
        _check_values(given, 0, 0)
        return f"{name} IS {'NOT ' if given.operator is Operator.IS_NOT_NULL else ''}NULL"
    _check_values(given, 1, MOST_VALUES if given.operator is Operator.ONE_OF else 1)
    first = len(parameters) + 1
    if given.operator in (Operator.CONTAINS, Operator.STARTS_WITH):
        parameters.append(str(values[0]))
        return (dialect.contains if given.operator is Operator.CONTAINS else dialect.starts_with)(name, first)
    parameters += [dialect.bound(value) for value in values]
    places = [dialect.parameter(number, column) for number in range(first, first + len(values))]
    if given.operator is Operator.ONE_OF:
        return f"{name} IN ({', '.join(places)})"
    return f"{name} {_SIGNS[given.operator]} {places[0]}"


def _check_values(given: Filter, least: int, most: int) -> None:
    if not least <= len(given.values) <= most:
        wanted = "no value" if most == 0 else "one value" if most == 1 else f"{least} to {most} values"
        raise BadSelection(f"`{given.operator}` takes {wanted}.")
    if any(isinstance(value, str) and (len(value) > LONGEST_TEXT or "\0" in value) for value in given.values):
        raise BadSelection(f"A filter's text has at most {LONGEST_TEXT:,} characters, none of them NUL.")


def _orders(table: Table, columns: dict[str, Column], wanted: Sequence[Order]) -> Iterator[str]:
    """The order, and the primary key behind it: pages of rows that are alike do not overlap."""
    for each in wanted:
        direction = "DESC" if each.descending else "ASC"
        yield f"{quoted(_column(columns, each.column).name)} {direction} NULLS LAST"
    named = {each.column for each in wanted}
    yield from (f"{quoted(name)} ASC" for name in table.primary_key if name not in named)
