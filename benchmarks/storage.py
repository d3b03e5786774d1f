"""The data layer: a row read, and a durable write, against a SQLModel session on the same file.

The writes are of the same row in the same table. A mutation of the product records its audit event besides: that is
told, too, against the same peer, who records none.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.audit import service as audit
from app.core.actor import Actor, Role
from app.core.clock import now
from app.core.ids import new_id
from app.database.migrate import migrate_sqlite
from app.database.sqlite import SqliteDatabase
from app.database.statements import adding, change
from app.database.unit_of_work import UnitOfWork
from app.identity import repository
from app.identity.models import OrganizationTable
from app.identity.service import found_organization

ROUNDS, WRITERS = 5, 16


class PeerEvent(SQLModel, table=True):
    """The audit event's columns as a SQLModel user would declare them, in the same file."""

    __tablename__ = "peer_events"

    id: str = Field(primary_key=True)
    organization_id: str
    user_id: str
    credential_id: str
    action: str
    resource: str
    result: str
    request_id: str
    created_at: datetime


ADD = change(adding(PeerEvent))


async def _timed(count: int, work: Callable[[], Awaitable[object]], at_once: int = 1) -> float:
    """Microseconds of one piece of work."""

    async def some() -> None:
        for _ in range(count // at_once):
            await work()

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return (time.perf_counter() - began) / count * 1e6


def make_durable(engine: AsyncEngine) -> None:
    """The same durability for the peer: `synchronous=FULL` on each of its connections."""

    @event.listens_for(engine.sync_engine, "connect")
    def durable(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous=FULL")


async def compare(folder: Path) -> list[str]:
    """Rows of a table: medians of rounds that take turns."""
    path = folder / "soundstage.db"
    await migrate_sqlite(path)
    database = await SqliteDatabase(path).open()
    work = UnitOfWork(database, None)
    made = found_organization(work, name="bench", email="bench@example.invalid").organization
    await work.commit()
    actor = Actor(made.id, "usr_bench", Role.OWNER)
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    make_durable(engine)
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.tables["peer_events"].create)
    sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)

    async def read_ours() -> object:
        return await UnitOfWork(database, made.id).one(repository.OWN_ORGANIZATION)

    async def read_session() -> object:
        async with sessions() as session:
            return (await session.exec(select(OrganizationTable).where(OrganizationTable.id == made.id))).first()

    def row() -> dict[str, Any]:
        return {
            "id": new_id("evt"),
            "organization_id": made.id,
            "user_id": actor.user_id,
            "credential_id": "",
            "action": "bench",
            "resource": "",
            "result": "allowed",
            "request_id": "",
            "created_at": now(),
        }

    async def write_ours() -> None:
        mine = UnitOfWork(database, made.id)
        mine.write(ADD, **row())
        await mine.commit()

    async def write_audited() -> None:
        mine = UnitOfWork(database, made.id)
        mine.write(ADD, **row())
        audit.record(mine, actor, action="bench", resource="", request_id="")
        await mine.commit()

    async def write_session() -> None:
        async with sessions() as session:
            session.add(PeerEvent(**row()))
            await session.commit()

    times: dict[str, list[float]] = {name: [] for name in ("read", "read_session", "write", "audited", "write_session")}
    for _ in range(ROUNDS):
        times["read"].append(await _timed(2_000, read_ours))
        times["read_session"].append(await _timed(300, read_session))
        times["write"].append(await _timed(3_200, write_ours, WRITERS))
        times["audited"].append(await _timed(3_200, write_audited, WRITERS))
        times["write_session"].append(await _timed(160, write_session, WRITERS))
    await database.close()
    await engine.dispose()
    median = {name: statistics.median(found) for name, found in times.items()}
    writes = f"SQLModel add + commit {median['write_session']:.0f} µs"
    return [
        f"| one row | {median['read']:.0f} µs | SQLModel session {median['read_session']:.0f} µs "
        f"| {median['read_session'] / median['read']:.1f} × |",
        f"| durable write of one row, {WRITERS} at once | {median['write']:.0f} µs | {writes} "
        f"| {median['write_session'] / median['write']:.1f} × |",
        f"| the same and its audit event | {median['audited']:.0f} µs | {writes} "
        f"| {median['write_session'] / median['audited']:.1f} × |",
    ]


def measure() -> list[str]:
    """Rows of a table."""
    folder = Path(tempfile.mkdtemp())
    try:
        return asyncio.run(compare(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
