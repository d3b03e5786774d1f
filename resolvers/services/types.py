"""What the services of a session look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.environments.models import Environment, EnvironmentStatus
from app.services import models
from resolvers.context import Context
from resolvers.environments.types import EnvironmentService, ServicePort, ServiceStatus, services_of
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


@strawberry.type(description="What runs of a service of a session.")
class ServiceRuntime:
    environment_id: strawberry.ID | None = strawberry.field(
        description="The environment that runs the session's services; its logs and progress are under this id, and "
        "under the service's name. Null before anything was run."
    )
    status: ServiceStatus = strawberry.field(description="The least good status of its replicas.")
    replicas: int = strawberry.field(description="How many are wanted.")
    ready_replicas: int = strawberry.field(description="How many are ready.")
    restarts: int = strawberry.field(description="Restarts by itself, of all replicas together.")
    url: str | None = strawberry.field(description="Where the first port of the first replica is reached.")
    ports: list[ServicePort] = strawberry.field(description="The ports of the first replica.")
    message: str = strawberry.field(description="Why it does not run, or cannot; empty otherwise.")


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
    secret_names: list[str] = strawberry.field(
        description="The secrets that it brings: `${secrets.NAME}` in any service of the session. Their values are "
        "never given out."
    )
    origin: str | None = strawberry.field(
        description="Where it was imported from, such as `github:owner/name@commit`; null for what was defined here."
    )
    created_by: strawberry.ID = strawberry.field(description="The member or agent who made it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(description="Counts the changes of the definition; the ETag of REST.")
    record: strawberry.Private[models.SessionService]

    @strawberry.field(description="What runs of it.")  # type: ignore[untyped-decorator]
    async def runtime(self, info: Info[Context, None]) -> ServiceRuntime:
        record = self.record
        refusal = await info.context.runtimes.refusal(record)
        environment = await info.context.session_environments.load(record.session_id)
        if environment is None:
            return _idle("", refusal)
        services = services_of(environment, await info.context.units.load(environment.id))
        found = next((each for each in services if each.name == record.name), None)
        return _runtime(environment, found, refusal) if found else _idle(environment.id, refusal)


def _idle(environment_id: str, message: str) -> ServiceRuntime:
    return ServiceRuntime(
        environment_id=strawberry.ID(environment_id) if environment_id else None,
        status=ServiceStatus.STOPPED,
        replicas=0,
        ready_replicas=0,
        restarts=0,
        url=None,
        ports=[],
        message=message,
    )


def _runtime(environment: Environment, found: EnvironmentService, refusal: str) -> ServiceRuntime:
    # What keeps all of it from running, such as a port that is taken, is no replica's to tell.
    kept = environment.status is EnvironmentStatus.FAILED and found.replicas > 0 and not found.instances
    return ServiceRuntime(
        environment_id=strawberry.ID(environment.id),
        status=ServiceStatus.FAILED if kept else found.status,
        replicas=found.replicas,
        ready_replicas=found.ready_replicas,
        restarts=found.restarts,
        url=found.url,
        ports=found.ports,
        message=refusal or found.message or (environment.message if kept else ""),
    )


def session_service(record: models.SessionService) -> SessionService:
    """The record as GraphQL shows it."""
    return SessionService(
        id=strawberry.ID(record.id),
        session_id=strawberry.ID(record.session_id),
        position=record.position,
        name=record.name,
        definition=record.definition,  # type: ignore[arg-type]
        database=_database(record),
        secret_names=record.secret_names,
        origin=record.origin or None,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
        record=record,
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
