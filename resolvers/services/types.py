"""What the services of a session look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from app.services import models
from resolvers.node import Node

DatabaseEngine = models.DatabaseEngine
strawberry.enum(DatabaseEngine, name="DatabaseEngine", description="What a database is of.")


@strawberry.type(description="How a service's database is reached. Its password is never shown here.")
class ServiceDatabase:
    engine: DatabaseEngine = strawberry.field(description="What it is of.")
    host: str = strawberry.field(description="PostgreSQL: where it is; empty for this machine.")
    port: int | None = strawberry.field(description="PostgreSQL: null for the service's own first port, else 5432.")
    database: str = strawberry.field(description="PostgreSQL: its name.")
    user: str = strawberry.field(description="PostgreSQL: who connects.")
    has_password: bool = strawberry.field(description="Whether a password is kept with it.")
    path: str = strawberry.field(description="SQLite: the file, relative to the root of the working copy.")


@strawberry.type(description="A service of a session: a program that runs in the session's working copy.")
class SessionService(Node):
    session_id: strawberry.ID = strawberry.field(description="The session.")
    position: int = strawberry.field(description="Lower ones come first.")
    name: str = strawberry.field(description="Unique in the session; others name it so: `${services.web.url}`.")
    definition: JSON = strawberry.field(
        description="What runs, as a service of a Blueprint, with the defaults filled in. `working_dir` is relative to "
        "the root of the working copy."
    )
    database: ServiceDatabase | None = strawberry.field(
        description="How its database is reached; null where it is none."
    )
    origin: str | None = strawberry.field(
        description="Where it was imported from, such as `github:owner/name@commit`; null for what was defined here."
    )
    created_by: strawberry.ID = strawberry.field(description="The member or agent who made it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(description="Counts the changes; the ETag of REST.")


def session_service(record: models.SessionService) -> SessionService:
    """The record as GraphQL shows it."""
    return SessionService(
        id=strawberry.ID(record.id),
        session_id=strawberry.ID(record.session_id),
        position=record.position,
        name=record.name,
        definition=record.definition,  # type: ignore[arg-type]
        database=_database(record),
        origin=record.origin or None,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
    )


def _database(record: models.SessionService) -> ServiceDatabase | None:
    block = record.database
    if block is None:
        return None
    return ServiceDatabase(
        engine=DatabaseEngine(block["engine"]),
        host=block.get("host", ""),
        port=block.get("port") or None,
        database=block.get("database", ""),
        user=block.get("user", ""),
        has_password=bool(record.sealed),
        path=block.get("path", ""),
    )
