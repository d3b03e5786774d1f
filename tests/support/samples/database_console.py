"""The databases of sessions: a SQLite file in the working copy."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.samples.workspaces import PREPARATIONS as OF_WORKSPACES
from tests.support.sampling import Facts, RouteSample, Sample
from tests.support.serving import Client

_WRITE = """mutation ($session: ID!, $data: String!) {
  writeFile(sessionId: $session, path: "data/private.db", base64: $data) { version } }"""
_DEFINE = """mutation ($session: ID!, $input: CreateServiceInput!) {
  createService(sessionId: $session, input: $input) { id } }"""


def _named(facts: Facts) -> dict[str, Any]:
    return {"sessionId": facts["work_session"], "serviceId": facts["service"]}


def _path(facts: Facts) -> dict[str, Any]:
    return {"session_id": facts["work_session"], "service_id": facts["service"]}


def _table(facts: Facts) -> dict[str, Any]:
    return {**_path(facts), "table": "customers"}


_QUERY = {"sql": "SELECT count(*) FROM customers"}
_NEEDS = ("database_service",)

SAMPLES: dict[str, Sample] = {
    "Query.databaseConfig": Sample(_named, given="", needs=_NEEDS),
    "Query.databaseSchema": Sample(_named, given="", needs=_NEEDS),
    "Query.databaseRows": Sample(lambda facts: {**_named(facts), "table": "customers"}, given="", needs=_NEEDS),
    "Mutation.queryDatabase": Sample(lambda facts: {**_named(facts), "input": _QUERY}, given="", needs=_NEEDS),
    "Mutation.cancelDatabaseQuery": Sample(lambda facts: {**_named(facts), "name": "mine"}, given="", needs=_NEEDS),
    "Mutation.revealDatabaseConfig": Sample(_named, given="", needs=_NEEDS),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "GetDatabaseConfig": RouteSample(_path, given="", needs=_NEEDS),
    "RevealDatabaseConfig": RouteSample(_path, given="", needs=_NEEDS),
    "GetDatabaseSchema": RouteSample(_path, query={"limit": "10"}, given="", needs=_NEEDS),
    "GetDatabaseTable": RouteSample(
        _table, query={"filter": "name:starts_with:private", "order": "-name"}, given="", needs=_NEEDS
    ),
    "QueryDatabase": RouteSample(_path, body=_QUERY, given="", needs=_NEEDS),
    "CancelDatabaseQuery": RouteSample(_path, body={"name": "mine"}, given="", needs=_NEEDS),
}


def database_file() -> bytes:
    """A SQLite database with one table."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)")
    connection.execute("INSERT INTO customers (name) VALUES ('private-customer'), ('private-other')")
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


async def _define(client: Client) -> dict[str, str]:
    made = await OF_WORKSPACES["work_session"](client)
    data = base64.b64encode(database_file()).decode()
    await client.data(_WRITE, {"session": made["work_session"], "data": data})
    database = {"engine": "SQLITE", "path": "data/private.db"}
    given = {"name": "private-database", "definition": {"run": "private-command"}, "database": database}
    found = await client.data(_DEFINE, {"session": made["work_session"], "input": given})
    return {**made, "service": found["createService"]["id"]}


PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {"database_service": _define}
