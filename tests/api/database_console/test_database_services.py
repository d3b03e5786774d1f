"""Databases of sessions, asked as clients do."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.core.actor import Role
from tests.support.databases import Databases
from tests.support.live import LiveServer
from tests.support.postgres import PostgresServer
from tests.support.samples.database_console import PREPARATIONS
from tests.support.samples.workspaces import PREPARATIONS as OF_WORKSPACES
from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio
Serve = Callable[..., Awaitable[Served]]
CREATE = """mutation ($session: ID!, $input: CreateServiceInput!) {
  createService(sessionId: $session, input: $input) { id } }"""

SCHEMA = """query ($session: ID!, $service: ID!) {
  databaseSchema(sessionId: $session, serviceId: $service) { hasMore } }"""
WRITE = """mutation ($id: ID!, $data: String!) {
  writeFile(sessionId: $id, path: "data/private.db", base64: $data) { version } }"""


@pytest.fixture(scope="module")
def other() -> Iterator[PostgresServer]:
    """A PostgreSQL server that holds nothing of ours."""
    with PostgresServer() as started:
        yield started


class Database:
    """A session's database service."""

    def __init__(self, client: Client, known: dict[str, str]) -> None:
        self.client, self.known = client, known
        self.path = f"/api/v1/workspace/{known['work_session']}/services/{known['service']}/database"

    def by(self, client: Client) -> Database:
        return Database(client, self.known)

    async def get(self, leaf: str, **options: Any) -> httpx.Response:
        return await self.client.get(f"{self.path}/{leaf}", **options)

    async def query(self, sql: str, **options: Any) -> httpx.Response:
        return await self.client.post(f"{self.path}/query", json={"sql": sql, **options})


async def in_sqlite(client: Client) -> Database:
    return Database(client, await PREPARATIONS["database_service"](client))


async def in_postgresql(client: Client, dsn: str, **instead: Any) -> Database:
    """A service whose database is at a DSN, unless something else is given."""
    made = await OF_WORKSPACES["work_session"](client)
    place = httpx.URL(dsn)
    block = {
        "engine": "POSTGRESQL",
        "host": place.host,
        "port": place.port,
        "database": place.path.removeprefix("/"),
        "user": place.username,
        "password": place.password,
        **instead,
    }
    given = {"name": "db", "definition": {"run": "serve", "ports": ["db"]}, "database": block}
    found = await client.data(CREATE, {"session": made["work_session"], "input": given})
    return Database(client, {**made, "service": found["createService"]["id"]})


async def test_the_config_hides_the_password_from_all_and_shows_it_to_who_may(shared: Served) -> None:
    client = await shared.newcomer()
    database = await in_postgresql(client, "postgresql://ada:private-password@db.example:5433/shop")
    member = database.by(await client.as_(Role.MEMBER))

    config = await member.get("config")
    refused = await member.client.post(f"{database.path}/config/reveal")
    shown = await client.post(f"{database.path}/config/reveal")

    assert config.json() == {
        "serviceId": database.known["service"],
        "engine": "postgresql",
        "host": "db.example",
        "port": 5433,
        "database": "shop",
        "user": "ada",
        "hasPassword": True,
        "password": None,
        "path": "",
    }
    assert refused.status_code == 403
    assert shown.json()["password"] == "private-password"
    events = (await client.get("/v1/audit")).json()["events"]
    assert [event["action"] for event in events].count("database.reveal") == 1
    assert "private-password" not in json.dumps(events)


async def test_a_sqlite_file_of_the_working_copy_is_read(shared: Served) -> None:
    database = await in_sqlite(await shared.newcomer())

    schema = await database.get("schema")
    page = await database.get("tables/customers", params={"limit": 1, "order": "-name"})
    rest = await database.get("tables/customers", params={"offset": 1, "order": "-name", "filter": "id:greater:0"})
    answer = await database.query("SELECT name FROM customers WHERE id = ?", parameters=[1])

    assert [table["name"] for table in schema.json()["tables"]] == ["customers"]
    assert schema.json()["tables"][0]["kind"] == "table"
    assert page.json()["rows"] == [[2, "private-other"]]
    assert (page.json()["hasMore"], page.json()["nextOffset"]) == (True, 1)
    assert rest.json()["rows"] == [[1, "private-customer"]]
    assert (rest.json()["hasMore"], rest.json()["nextOffset"]) == (False, None)
    assert answer.json()["columns"] == [{"name": "name", "type": "text"}]
    assert answer.json()["rows"] == [["private-customer"]]


async def test_writing_has_to_be_asked_for_and_takes_who_may_write(shared: Served) -> None:
    client = await shared.newcomer()
    database = await in_sqlite(client)
    viewer = database.by(await client.as_(Role.VIEWER))

    refused = await database.query("DELETE FROM customers")
    viewed = await viewer.query("SELECT 1")
    done = await database.query("DELETE FROM customers WHERE id = ?", parameters=[2], write=True)

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "read_only")
    assert viewed.status_code == 403
    assert (await viewer.get("tables/customers")).status_code == 200
    assert done.json()["changed"] == 1
    assert (await database.get("tables/customers")).json()["rows"] == [[1, "private-customer"]]


async def test_the_audit_log_tells_of_a_statement_without_its_text(shared: Served) -> None:
    client = await shared.newcomer()
    database = await in_sqlite(client)

    await database.query("SELECT 'private-literal'")

    events = (await client.data("{ auditEvents { nodes { action details } } }"))["auditEvents"]["nodes"]
    [event] = [event for event in events if event["action"] == "database.query"]
    assert event["details"]["characters"] == 24
    assert event["details"]["write"] is False
    assert event["details"]["rows"] == 1
    assert len(event["details"]["sqlSha256"]) == 64
    assert "private-literal" not in json.dumps(events)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "::1", "0.0.0.0", "::ffff:127.0.0.1", "127.1"])
async def test_addresses_of_this_machine_are_refused(shared: Served, host: str) -> None:
    database = await in_postgresql(await shared.newcomer(), "postgresql://ada:x@127.0.0.1/shop", host=host, port=5432)

    answer = await database.query("SELECT 1")

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "address_refused")


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.1.1", "169.254.169.254", "fd00::1", "100.64.0.1"])
async def test_private_addresses_are_refused(shared: Served, host: str) -> None:
    database = await in_postgresql(await shared.newcomer(), "postgresql://ada:x@127.0.0.1/shop", host=host, port=5432)

    assert (await database.get("schema")).status_code == 403


async def test_the_ports_of_the_sessions_own_services_are_open_to_it(shared: Served, other: PostgresServer) -> None:
    client = await shared.newcomer()
    dsn = await other.create_database()
    made = await OF_WORKSPACES["work_session"](client)
    place = httpx.URL(dsn)
    block = {"engine": "POSTGRESQL", "database": place.path[1:], "user": "postgres", "password": place.password}
    ports = [{"name": "db", "port": place.port}]
    given = {"name": "db", "definition": {"run": "serve", "ports": ports}, "database": block}
    found = await client.data(CREATE, {"session": made["work_session"], "input": given})
    database = Database(client, {**made, "service": found["createService"]["id"]})
    stranger = await in_postgresql(client, dsn)

    before = await database.query("SELECT 1")
    await client.post(f"/api/v1/workspace/{made['work_session']}/runtimes/run-all")
    deadline = time.monotonic() + 10
    while (after := await database.query("SELECT 1 AS one")).status_code != 200 and time.monotonic() < deadline:
        await asyncio.sleep(0.05)

    assert before.status_code == 403
    assert after.json()["rows"] == [[1]], after.text
    assert (await stranger.query("SELECT 1")).status_code == 403
    await client.post(f"/api/v1/workspace/{made['work_session']}/runtimes/stop-all")
    assert (await database.query("SELECT 1")).status_code == 403


async def test_our_own_postgresql_is_known_under_every_name(serve: Serve, databases: Databases, kind: str) -> None:
    server = await serve(allow_private_databases=True)
    dsn = databases.postgres.dsn()
    own = await databases.url("postgresql", Path())
    spellings: list[tuple[str, dict[str, Any]]] = [
        (dsn, {}),
        (own, {}),
        (own, {"host": "localhost"}),
        (own, {"host": "127.0.0.2"}),
        (own, {"host": "::ffff:127.0.0.1"}),
        (own, {"host": "0x7f.1"}),
        (own, {"database": "template1"}),
    ]

    for each, instead in spellings:
        database = await in_postgresql(server, each, **instead)
        graphql = await server.code(
            SCHEMA,
            {"session": database.known["work_session"], "service": database.known["service"]},
        )
        # 127.0.0.2 is no address that the test's server listens at; what matters is that nothing is answered.
        allowed = {"OWN_DATABASE", "DATABASE_UNREACHABLE"} if kind == "postgresql" else {"", "DATABASE_UNREACHABLE"}
        assert graphql in allowed, (each, instead)
        if instead.get("host") in (None, "localhost"):
            assert graphql == ("OWN_DATABASE" if kind == "postgresql" else ""), (each, instead)


async def test_our_own_sqlite_file_is_known_under_every_name(server: Served, kind: str) -> None:
    database = await in_sqlite(server)
    data = server.product.settings.data_dir
    [copy] = data.glob(f"workspaces/*/sessions/{database.known['work_session']}")
    own = data / "soundstage.db"
    if kind == "postgresql":
        sqlite3.connect(own).execute("CREATE TABLE t (a)").connection.close()
    (copy / "data" / "private.db").unlink()
    (copy / "data" / "private.db").hardlink_to(own)

    answer = await database.get("schema")

    assert answer.status_code == (403 if kind == "sqlite" else 200)


async def test_a_foreign_postgresql_is_read_and_written(serve: Serve, other: PostgresServer) -> None:
    server = await serve(allow_private_databases=True)
    database = await in_postgresql(server, await other.create_database())

    made = await database.query("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)", write=True)
    await database.query("INSERT INTO t VALUES ($1, now()), (2, 'infinity')", parameters=[1], write=True)
    schema = (await database.get("schema", params={"schema": "public"})).json()
    rows = (await database.get("tables/t", params={"filter": ["id:one_of:1,2", "at:equal:infinity"]})).json()
    wrong = await database.query("SELECT 1 FROM WHERE")
    missing = await database.get("tables/nothing")

    assert made.status_code == 200, made.text
    assert [table["primaryKey"] for table in schema["tables"]] == [["id"]]
    assert rows["table"] == {"schema": "public", "name": "t"}
    assert rows["rows"] == [[2, "infinity"]]
    assert wrong.status_code == 422
    assert "syntax error" in wrong.json()["error"]["message"]
    assert missing.status_code == 404


async def at_work(server: PostgresServer, marker: str, wanted: bool) -> None:
    """Waits until the server works on a statement with this text, or does not any more."""
    connection = await asyncpg.connect(server.dsn())
    asked = (
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + 10
    try:
        while await connection.fetchval(asked, f"%{marker}%") is not wanted:
            assert time.monotonic() < deadline, f"still {not wanted}: {marker}"
            await asyncio.sleep(0.02)
    finally:
        await connection.close()


async def test_a_statement_is_cancelled_by_its_name(serve: Serve, other: PostgresServer) -> None:
    server = await serve(allow_private_databases=True)
    database = await in_postgresql(server, await other.create_database())
    asked = asyncio.create_task(database.query("SELECT pg_sleep(30), 'by-name'", name="mine", seconds=30))
    await at_work(other, "by-name", True)

    again = await database.query("SELECT 1", name="mine")
    stranger = await server.newcomer()
    foreign = await stranger.post(f"{database.path}/cancel", json={"name": "mine"})
    cancelled = await server.post(f"{database.path}/cancel", json={"name": "mine"})
    answer = await asked

    assert again.status_code == 409
    assert foreign.status_code == 404
    assert cancelled.json() == {"name": "mine", "cancelled": True}
    assert answer.status_code == 409
    await at_work(other, "by-name", False)
    assert (await server.post(f"{database.path}/cancel", json={"name": "mine"})).json()["cancelled"] is False


async def test_a_statement_that_takes_too_long_is_told(serve: Serve, other: PostgresServer) -> None:
    server = await serve(allow_private_databases=True)
    database = await in_postgresql(server, await other.create_database())

    answer = await database.query("SELECT pg_sleep(30), 'timed'", seconds=0.2)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "query_timed_out")
    await at_work(other, "timed", False)


async def test_no_more_statements_run_at_once_than_may(serve: Serve, other: PostgresServer) -> None:
    server = await serve(allow_private_databases=True)
    database = await in_postgresql(server, await other.create_database())
    running = [asyncio.create_task(database.query("SELECT pg_sleep(1)", name=f"{n}")) for n in range(9)]

    answers = await asyncio.gather(*running)

    assert sorted(answer.status_code for answer in answers) == [200] * 8 + [429]


@pytest.mark.parametrize("graphql", [False, True])
def test_a_client_that_leaves_ends_its_statement(live: LiveServer, other: PostgresServer, graphql: bool) -> None:
    settings = live.product.product.database_console
    object.__setattr__(settings, "allow_private", True)
    dsn = asyncio.run(other.create_database())

    async def leave() -> None:
        async with httpx.AsyncClient(base_url=live.url, timeout=30) as http:
            client = Client(http, live.tenant, live.key)
            database = await in_postgresql(client, dsn)
            asked = asyncio.create_task(ask(client, database))
            await at_work(other, "has-left", True)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        await at_work(other, "has-left", False)

    async def ask(client: Client, database: Database) -> Any:
        sql = {"sql": "SELECT pg_sleep(30), 'has-left'", "seconds": 30}
        if not graphql:
            return await client.post(f"{database.path}/query", json=sql)
        text = """mutation ($session: ID!, $service: ID!, $input: DatabaseQueryInput!) {
          queryDatabase(sessionId: $session, serviceId: $service, input: $input) { rows } }"""
        known = database.known
        return await client.ask(text, {"session": known["work_session"], "service": known["service"], "input": sql})

    asyncio.run(leave())


async def test_files_that_are_no_databases_are_told(shared: Served) -> None:
    client = await shared.newcomer()
    database = await in_sqlite(client)
    text = base64.b64encode(b"no database, but as long as one has to be" * 100).decode()
    await client.data(WRITE, {"id": database.known["work_session"], "data": text})

    answer = await database.get("schema")

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_a_database")
