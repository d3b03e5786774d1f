"""Which server the database is on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement


class server_identity(ColumnElement[str]):
    """PostgreSQL's own number of its data, the same for standbys and under every address; empty on SQLite."""

    inherit_cache = True
    type = String()


@compiles(server_identity)
def _nobody(element: Any, compiler: Any, **options: Any) -> str:
    return "''"


@compiles(server_identity, "postgresql")
def _system(element: Any, compiler: Any, **options: Any) -> str:
    return "(SELECT system_identifier::text FROM pg_catalog.pg_control_system())"
