"""Lists resolve what belongs to their items with one statement: as many statements for 50 rows as for a few."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import Any

import pytest
from graphql import GraphQLField, get_named_type, get_nullable_type, is_list_type, is_object_type

from app.core.ids import is_id, new_id
from tests.accounting.test_isolation import EVERYTHING
from tests.support.samples import SAMPLES, Facts, Sample, document, facts, root_fields
from tests.support.serving import Client, Served
from tests.support.statements import counted_statements

pytestmark = pytest.mark.anyio

ROWS = 50
#: What is a list in GraphQL, but not of rows.
NOT_OF_ROWS = {
    "Query.blueprintTemplates": "bundled files",
}

#: Of what there are never more, and why: nothing can be seen of them here.
FEW = {
    "Query.billingRates": "plans",
    "Query.billingUsage": "metrics",
    "Query.chats": "of another session",
    "Query.codeHostConnections": "one of each host",
    "Query.conflictContent": "of one file",
    "Query.dockerImageTags": "of a registry",
    "Query.dockerImages": "of a registry",
    "Query.environmentRecentLogs": "of a file",
    "Query.incomingWebhooks": "tested where some come in",
    "Query.installationHistory": "days",
    "Query.languageServers": "programs",
    "Query.llmUsage": "sums",
    "Query.members": "people, who are of no organization",
    "Query.models": "of one endpoint",
    "Query.organizationCosts": "sums",
    "Query.organizations": "one's own",
    "Query.organizationsHealth": "of all organizations",
    "Query.permissions": "known beforehand",
    "Query.policyVersions": "made by changes",
    "Query.signingKeys": "the installation's",
    "Query.ssoConnections": "one of each kind",
    "Query.webhookEventTypes": "known beforehand",
    "Query.workspaceBranches": "of a repository",
    "Query.workspaceTemplates": "bundled",
}


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """The statements are the same on both; rows are copied in SQLite's file."""
    name: str = request.param
    return name


def _lists(field: GraphQLField) -> bool:
    named = get_named_type(field.type)
    if not is_object_type(named):
        return False
    return is_list_type(get_nullable_type(field.type)) or "pageInfo" in named.fields


LISTS = sorted(
    name
    for name, field in root_fields().items()
    if name.startswith("Query.") and name in SAMPLES and _lists(field) and name not in NOT_OF_ROWS
)


Organizations = list[tuple[Client, Facts]]


@pytest.fixture(scope="module")
def kept() -> dict[tuple[str, ...], Organizations]:
    """By what an operation needs: an organization with little of it, and one with fifty of everything."""
    return {}


async def _organizations(server: Served, needs: tuple[str, ...], kept: dict[Any, Organizations]) -> Organizations:
    if needs not in kept:
        made = []
        for _ in range(2):
            client = await server.newcomer(operator=True)
            made.append((client, await facts(client, Sample(needs=needs))))
        _multiply(str(server.product.settings.sqlite_path), made[1][0].tenant.id)
        kept[needs] = made
    return kept[needs]


def _multiply(path: str, organization_id: str) -> None:
    """Copies every row of an organization that has an id until there are fifty of its kind."""
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = [row["name"] for row in connection.execute(f'PRAGMA table_info("{table}")')]
            if "organization_id" in columns and "id" in columns:
                with connection:
                    _copy(connection, table, organization_id)


def _copy(connection: sqlite3.Connection, table: str, organization_id: str) -> None:
    rows = connection.execute(f'SELECT * FROM "{table}" WHERE organization_id = ?', [organization_id]).fetchall()
    if not rows or len(rows) > ROWS or not is_id(str(rows[0]["id"]), str(rows[0]["id"]).partition("_")[0]):
        return
    unique = _unique(connection, table)
    for number in range(ROWS - len(rows)):
        row = dict(rows[number % len(rows)])
        row["id"] = new_id(row["id"].partition("_")[0])
        for name in unique:
            value = row[name]
            row[name] = value + 1_000 + number if isinstance(value, int) else f"{value}{number}" if value else value
        marks = ", ".join("?" * len(row))
        with suppress(sqlite3.IntegrityError):
            connection.execute(f'INSERT INTO "{table}" ({", ".join(row)}) VALUES ({marks})', list(row.values()))


def _unique(connection: sqlite3.Connection, table: str) -> set[str]:
    """The columns that have to differ, ids of others apart."""
    indexes = [row["name"] for row in connection.execute(f'PRAGMA index_list("{table}")') if row["unique"]]
    columns = {row["name"] for name in indexes for row in connection.execute(f'PRAGMA index_info("{name}")')}
    return {name for name in columns if name not in (None, "id", "kind") and not name.endswith("_id")}


@pytest.mark.parametrize("name", LISTS)
async def test_fifty_rows_take_as_many_statements_as_a_few(
    shared: Served,
    kept: dict[tuple[str, ...], Organizations],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    counts: list[list[str]] = []
    items: list[int] = []
    for client, known in await _organizations(shared, SAMPLES[name].needs or EVERYTHING.needs, kept):
        arguments = SAMPLES[name].arguments(known)
        with counted_statements(shared, client, monkeypatch) as statements:
            answer = await client.ask(document(name, arguments), arguments)
        value = (answer.get("data") or {}).get(name.partition(".")[2])
        counts.append(statements)
        items.append(len(value["nodes"] if isinstance(value, dict) else value or ()))

    assert (items[1] >= min(ROWS, items[0] + 20)) != (name in FEW), f"there are {items} of {name}"
    assert len(counts[1]) <= len(counts[0]), "\n".join(sorted(set(counts[1])))
