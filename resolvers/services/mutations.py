"""Defining the services of sessions."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.services.databases import GivenDatabase
from app.services.service import NewService
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.environments.mutations import SecretInput
from resolvers.node import Id, IfVersion
from resolvers.scalars import as_given
from resolvers.services.queries import SessionId
from resolvers.services.types import DatabaseEngine, SessionService, session_service

WRITE = Access(scope=Scope.WORKSPACES, kind=Kind.WRITE)
_DEFINITION = (
    "What runs: a JSON object, as a service of a Blueprint is (`run`, `build`, `env`, `ports`, `depends_on`, `health`, "
    "…; the schema is at `/schemas/blueprint.json`). `working_dir` is a folder of the working copy, relative to its "
    "root."
)


@strawberry.input(description="How a service's database is reached.")
class ServiceDatabaseInput:
    engine: DatabaseEngine = strawberry.field(description="What it is of.")
    host: str | None = strawberry.field(default=None, description="PostgreSQL: where it is; this machine by default.")
    port: int | None = strawberry.field(
        default=None, description="PostgreSQL: without it the service's own first port, else 5432."
    )
    database: str | None = strawberry.field(default=None, description="PostgreSQL: its name.")
    user: str | None = strawberry.field(default=None, description="PostgreSQL: who connects.")
    password: str | None = strawberry.field(
        default=None,
        description="PostgreSQL: encrypted where it is stored. Without it, the stored one is kept as long as engine, "
        "host, port and user stay as they are.",
    )
    path: str | None = strawberry.field(
        default=None, description="SQLite: a file of the working copy, relative to its root."
    )


@strawberry.input(description="A service to make.")
class CreateServiceInput:
    name: str = strawberry.field(
        description="A lower-case letter, then up to 39 lower-case letters, digits and hyphens; unique in the session."
    )
    definition: JSON = strawberry.field(description=_DEFINITION)
    database: ServiceDatabaseInput | None = strawberry.field(
        default=None, description="How its database is reached, where it is one."
    )
    secrets: list[SecretInput] | None = strawberry.field(
        default=None,
        description="What `${secrets.NAME}` stands for, in this and in every other service of the session. A name is "
        "given by one service.",
    )


@strawberry.input(description="What of a service changes. What is left out stays as it is.")
class UpdateServiceInput:
    name: str | None = strawberry.field(default=None, description="Its new name.")
    definition: JSON | None = strawberry.field(default=None, description=_DEFINITION)
    database: ServiceDatabaseInput | None = strawberry.field(
        default=strawberry.UNSET, description="Takes the place of the whole block; null removes it."
    )
    secrets: list[SecretInput] | None = strawberry.field(
        default=None, description="Take the place of all secrets that it brings."
    )


@strawberry.input(description="The order of a session's services.")
class ReorderServicesInput:
    service_ids: list[strawberry.ID] = strawberry.field(description="Every service of the session once.")


@strawberry.type
class ServiceMutations:
    @mutation("Defines a service of a session. It does not run before it is told to.", WRITE, audited="service.create")
    async def create_service(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        input: Annotated[CreateServiceInput, strawberry.argument(description="The service.")],
    ) -> SessionService:
        secrets = secrets_given(input.secrets) or {}
        new = NewService(input.name, as_given(input.definition), _given(input.database), secrets)
        return session_service(await info.context.services.create(session_id, new))

    @mutation(
        "Changes a service of a session. What runs of it is started afresh with the change.",
        WRITE,
        audited="service.update",
    )
    async def update_service(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        id: Id,
        input: Annotated[UpdateServiceInput, strawberry.argument(description="What changes.")],
        if_version: IfVersion = None,
    ) -> SessionService:
        changed = await info.context.services.update(
            session_id,
            id,
            name=input.name,
            definition=as_given(input.definition),
            database=_given(input.database) if input.database is not strawberry.UNSET else None,
            no_database=input.database is None,
            secrets=secrets_given(input.secrets),
            expected_version=if_version,
        )
        return session_service(changed)

    @mutation(
        "Removes a service of a session, and ends what runs of it. One that others need is refused: `SERVICE_NEEDED`.",
        WRITE,
        audited="service.delete",
    )
    async def delete_service(
        self, info: Info[Context, None], session_id: SessionId, id: Id, if_version: IfVersion = None
    ) -> SessionService:
        return session_service(await info.context.services.delete(session_id, id, expected_version=if_version))

    @mutation("Puts the services of a session in another order.", WRITE, audited="service.reorder")
    async def reorder_services(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        input: Annotated[ReorderServicesInput, strawberry.argument(description="The order.")],
    ) -> list[SessionService]:
        ordered = await info.context.services.reorder(session_id, input.service_ids)
        return [session_service(each) for each in ordered]


@strawberry.type
class RuntimeMutations:
    @mutation(
        "Runs every service of a session. What runs already runs on, what failed is tried again. Those that the engine "
        "cannot run stay stopped, and their `runtime` says why.",
        WRITE,
        audited="service.run_all",
    )
    async def run_services(self, info: Info[Context, None], session_id: SessionId) -> list[SessionService]:
        return [session_service(each) for each in await info.context.runtimes.run_all(session_id)]

    @mutation("Stops every service of a session; volumes and ports are kept.", WRITE, audited="service.stop_all")
    async def stop_services(self, info: Info[Context, None], session_id: SessionId) -> list[SessionService]:
        return [session_service(each) for each in await info.context.runtimes.stop_all(session_id)]

    @mutation(
        "Starts one service of a session afresh, after its build, whether it runs or not. What it depends on has to "
        "run for it to start.",
        WRITE,
        audited="service.restart",
    )
    async def restart_service(self, info: Info[Context, None], session_id: SessionId, id: Id) -> SessionService:
        return session_service(await info.context.runtimes.restart(session_id, id))

    @mutation("Stops one service of a session. The others run on.", WRITE, audited="service.stop")
    async def stop_service(self, info: Info[Context, None], session_id: SessionId, id: Id) -> SessionService:
        return session_service(await info.context.runtimes.stop(session_id, id))


def secrets_given(given: list[SecretInput] | None) -> dict[str, str] | None:
    """Name -> value; None where nothing is said of secrets."""
    return None if given is None else {secret.name: secret.value for secret in given}


def _given(input: ServiceDatabaseInput | None) -> GivenDatabase | None:
    if input is None:
        return None
    return GivenDatabase(input.engine, input.host, input.port, input.database, input.user, input.password, input.path)
