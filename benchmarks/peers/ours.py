"""Our server with the benchmark's schema: authentication, limits, request log and metrics are those of the product."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import strawberry
import uvloop
from strawberry.types import Info

from app.cli.http_server import HttpServer, listen
from app.core.actor import Kind, Scope
from app.core.huge_pages import collapse_heap
from app.database.statements import adding, change
from app.database.unit_of_work import UnitOfWork
from app.identity.models import Plan
from app.identity.service import found_organization
from app.main import Server, collect_rarely
from app.observability import logging
from app.settings import Settings
from app.site import site
from benchmarks.peers.items import BY_ID, ITEMS, Item
from benchmarks.peers.rows import STORED, StoredItemTable, item_of, values
from benchmarks.peers.ticks import Tick, made
from resolvers.access import Access, query, subscription
from resolvers.context import Context
from resolvers.node import Id
from resolvers.schema import schema_of

READ = Access(scope=Scope.ENVIRONMENTS, kind=Kind.READ)
DOCUMENTS = Path(__file__).parent / "documents"
ENOUGH = 1_000_000_000


@strawberry.type(description="What is measured.")
class Query:
    @query("One item.", READ)
    async def workspace(self, id: Id) -> Item | None:
        return BY_ID.get(id)

    @query("All items.", READ)
    async def workspaces(self) -> list[Item]:
        return ITEMS

    @query("One item, from the database.", READ)
    async def stored(self, info: Info[Context, None], id: Id) -> Item | None:
        found = await info.context.work.one(STORED, id=id)
        return item_of(found) if found is not None else None


@strawberry.type(description="What is watched.")
class Subscription:
    @subscription("Events.", READ, shared=True)
    async def ticks(self, of: Id) -> AsyncGenerator[Tick, None]:
        async for each in made():
            yield each


async def serve(folder: Path, port: int) -> None:
    """Serves until it is killed; the key is in the file `key`."""
    settings = Settings(data_dir=folder, port=port, isolation=None, log_level="info")
    server = await Server(settings).open()
    work = UnitOfWork(server.database, None)
    founded = found_organization(
        work, name="bench", email="bench@example.invalid", plan=Plan.ENTERPRISE, requests_per_minute=ENOUGH
    )
    await work.commit()
    await _fill(server, founded.organization.id)
    (folder / "key").write_text(founded.api_key)
    schema = schema_of(Query, subscription=Subscription)
    app = site(
        server.product,
        server._authentication(),
        settings,
        metrics=server.metrics,
        tracer=None,
        schema=schema,
        documents=DOCUMENTS,
    )
    collect_rarely()
    collapse_heap()  # as `serve` does it
    http = HttpServer(app, lambda: None, message_limit=settings.body_limit)
    await http.serve(sockets=[listen("127.0.0.1", port)])


async def _fill(server: Server, organization_id: str) -> None:
    import sqlite3

    with sqlite3.connect(server.settings.sqlite_path) as connection:
        columns = ", ".join(column.name for column in StoredItemTable.__table__.columns)  # type: ignore[attr-defined]
        connection.execute(f"CREATE TABLE IF NOT EXISTS bench_items ({columns}, PRIMARY KEY (id))")
    work = UnitOfWork(server.database, organization_id)
    for each in ITEMS:
        work.write(change(adding(StoredItemTable)), **values(each, organization_id))
    await work.commit()


if __name__ == "__main__":
    with open(f"{sys.argv[1]}/server.log", "w") as log:  # noqa: PTH123
        sys.stderr = log
        logging.configure("info")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
