"""Runs migrations on SQLite, or on PostgreSQL through asyncpg. One node at a time, by an advisory lock."""

from __future__ import annotations

import asyncio
from typing import Literal

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from app.database.types import Choice, Json, Moment

LOCK = 8_140_611_920


def render(kind: str, item: object, autogen_context: object) -> str | Literal[False]:
    """Our column types as a migration writes them."""
    if kind != "type":
        return False
    if isinstance(item, (Moment, Json)):
        return f"types.{type(item).__name__}()"
    return "sa.String()" if isinstance(item, (AutoString, Choice)) else False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        context.run_migrations()


async def run_async(url: str) -> None:
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


url = context.config.get_main_option("sqlalchemy.url") or ""
given = context.config.attributes.get("connection")
if given is not None:
    run(given)
elif url.startswith("sqlite"):
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        run(connection)
        connection.commit()
else:
    asyncio.run(run_async(url))
