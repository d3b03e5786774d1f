"""How large the database is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement


class database_bytes(ColumnElement[int]):
    """The bytes of the whole database, its indexes included; on SQLite without the write-ahead log."""

    inherit_cache = True
    type = BigInteger()


@compiles(database_bytes)
def _pages(element: Any, compiler: Any, **options: Any) -> str:
    return "(SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size())"


@compiles(database_bytes, "postgresql")
def _relations(element: Any, compiler: Any, **options: Any) -> str:
    return "pg_database_size(current_database())"
