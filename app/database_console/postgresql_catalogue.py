"""What PostgreSQL's catalogue says of tables. Names go in as parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from app.core.paging import Page
from app.database_console.errors import TableNotFound
from app.database_console.models import Column, ForeignKey, Table, TableIndex, TableKind

_RELATIONS = """
SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       CASE WHEN c.reltuples < 0 THEN NULL ELSE c.reltuples::bigint END AS estimated,
       pg_catalog.obj_description(c.oid, 'pg_class') AS comment
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""
_PAGE = f"""{_RELATIONS}
  AND ($1::text IS NULL OR n.nspname = $1)
  AND (n.nspname::text COLLATE "C", c.relname::text COLLATE "C") > ($2::text, $3::text)
ORDER BY n.nspname::text COLLATE "C", c.relname::text COLLATE "C" LIMIT $4
"""
_ONE = f"{_RELATIONS} AND n.nspname = $1 AND c.relname = $2"
_COLUMNS = """
SELECT a.attrelid AS table, a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.typname) AS cast,
       NOT a.attnotnull AS nullable, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default,
       a.attgenerated::text AS generated, a.attidentity::text AS identity,
       pg_catalog.array_position(k.conkey, a.attnum) AS key_position,
       pg_catalog.col_description(a.attrelid, a.attnum) AS comment
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""
_FOREIGN_KEYS = """
SELECT k.conrelid AS table, k.conname::text AS name, n.nspname::text AS foreign_schema,
       c.relname::text AS foreign_table, k.confupdtype::text AS on_update, k.confdeltype::text AS on_delete,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
             ORDER BY u.place) AS columns,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number
             ORDER BY u.place) AS foreign_columns
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conrelid = ANY($1::oid[])
ORDER BY k.conrelid, k.conname
"""
_INDEXES = """
SELECT i.indrelid AS table, c.relname::text AS name, i.indisunique AS unique, i.indisprimary AS primary,
       m.amname::text AS method, pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS condition,
       ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, place, true)
             FROM pg_catalog.generate_series(1, i.indnkeyatts) place) AS columns
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = c.relam
WHERE i.indrelid = ANY($1::oid[])
ORDER BY i.indrelid, c.relname
"""
_KINDS = {
    "r": TableKind.TABLE,
    "p": TableKind.TABLE,
    "v": TableKind.VIEW,
    "m": TableKind.MATERIALIZED_VIEW,
    "f": TableKind.FOREIGN_TABLE,
}
_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


async def tables(connection: Any, schema: str | None, after: tuple[str, str] | None, limit: int) -> Page[Table]:
    """A page of tables and views."""
    found = await connection.fetch(_PAGE, schema, *(after or ("", "")), limit + 1)
    return Page(await _whole(connection, found[:limit]), len(found) > limit)


async def table(connection: Any, schema: str | None, name: str) -> Table:
    """One table or view, of the schema `public` where none is named; raises `TableNotFound`."""
    found = await connection.fetch(_ONE, schema or "public", name)
    if not found:
        raise TableNotFound()
    [whole] = await _whole(connection, found)
    return whole


async def _whole(connection: Any, relations: Sequence[Any]) -> list[Table]:
    ids = [relation["oid"] for relation in relations]
    columns = _by_table(await connection.fetch(_COLUMNS, ids))
    foreign = _by_table(await connection.fetch(_FOREIGN_KEYS, ids))
    indexes = _by_table(await connection.fetch(_INDEXES, ids))
    return [
        Table(
            schema=each["schema"],
            name=each["name"],
            kind=_KINDS[each["kind"]],
            columns=[_column(row) for row in columns[each["oid"]]],
            foreign_keys=[_foreign_key(row) for row in foreign[each["oid"]]],
            indexes=[_index(row) for row in indexes[each["oid"]]],
            estimated_rows=each["estimated"],
            comment=each["comment"],
        )
        for each in relations
    ]


def _by_table(rows: Sequence[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["table"]].append(row)
    return found


def _column(row: Any) -> Column:
    identity = {"a": "GENERATED ALWAYS AS IDENTITY", "d": "GENERATED BY DEFAULT AS IDENTITY"}.get(row["identity"])
    return Column(
        name=row["name"],
        type=row["type"],
        nullable=row["nullable"],
        default=identity or (None if row["generated"] else row["default"]),
        generated=row["default"] if row["generated"] else None,
        key_position=row["key_position"],
        comment=row["comment"],
        cast=row["cast"],
    )


def _foreign_key(row: Any) -> ForeignKey:
    return ForeignKey(
        name=row["name"],
        columns=row["columns"],
        foreign_schema=row["foreign_schema"],
        foreign_table=row["foreign_table"],
        foreign_columns=row["foreign_columns"],
        on_update=_ACTIONS[row["on_update"]],
        on_delete=_ACTIONS[row["on_delete"]],
    )


def _index(row: Any) -> TableIndex:
    return TableIndex(
        name=row["name"],
        columns=row["columns"],
        unique=row["unique"],
        primary=row["primary"],
        condition=row["condition"],
        method=row["method"],
    )
