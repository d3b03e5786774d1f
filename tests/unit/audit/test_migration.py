"""Events from before the tree: the migration gives them their places and leaves, and the log verifies from then on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.audit import repository
from app.audit.checking import check
from app.database.migrate import upgrade
from app.database.postgres import PostgresDatabase
from app.database.sqlite import SqliteDatabase
from app.database.unit_of_work import UnitOfWork
from app.identity.models import Plan
from tests.support.audit_logs import grow, seal
from tests.support.databases import Databases
from tests.support.signing import SIGNER
from tests.support.tenants import Tenant

pytestmark = pytest.mark.anyio

OLD = text(
    "INSERT INTO audit_events (id, organization_id, user_id, credential_id, action, resource, result, request_id, "
    "created_at, details) VALUES (:id, :organization_id, 'usr_1', 'key_1', 'environment.create', 'env_1', 'allowed', "
    "'req_1', :moment, :details)"
)


async def _write(url: str, rows: list[dict[str, Any]]) -> None:
    if url.startswith("sqlite"):
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(OLD, rows)
        engine.dispose()
        return
    moment = "CAST(CAST(:moment AS TEXT) AS TIMESTAMPTZ)"
    cast = text(OLD.text.replace(":details", "CAST(:details AS JSONB)").replace(":moment", moment))
    asynchronous = create_async_engine(url)
    async with asynchronous.begin() as connection:
        await connection.execute(cast, rows)
    await asynchronous.dispose()


async def test_old_events_get_their_places_and_leaves(databases: Databases, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "soundstage.db"
    dsn = "" if kind == "sqlite" else await databases.postgres.create_database()
    url = f"sqlite:///{path}" if kind == "sqlite" else dsn.replace("postgresql://", "postgresql+asyncpg://")
    await asyncio.to_thread(upgrade, url, "0003")
    rows = [
        {
            "id": f"evt_{number:026}",
            "organization_id": f"org_{number % 2}",
            "moment": f"2026-04-15T12:{number % 60:02}:56.000789+00:00",
            "details": '{"name": "shop", "ratio": 0.5}',
        }
        for number in range(2_345)
    ]
    await _write(url, rows)

    await asyncio.to_thread(upgrade, url)

    database = await (SqliteDatabase(path) if kind == "sqlite" else PostgresDatabase(dsn)).open()
    try:
        for organization_id, count in (("org_0", 1_173), ("org_1", 1_172)):
            tenant = Tenant(database, organization_id, "usr_1", "", "", Plan.FREE)
            events = await UnitOfWork(database, organization_id).all(repository.ALL_EVENTS)
            assert [event.sequence for event in events] == list(range(1, count + 1))
            assert [event.id for event in events] == sorted(event.id for event in events)
            await grow(tenant, 3)
            await seal(tenant)
            report = await check(tenant.work(), organization_id, SIGNER)
            assert (report.findings, report.signed_size) == ([], count + 3)
    finally:
        await database.close()
