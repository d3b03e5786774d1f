"""Reading environments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.blueprints import templates
from app.core.actor import Kind, Scope
from app.core.errors import InvalidRequest, SoundstageError
from app.core.paging import decode_cursor, page_size
from app.environments import models
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.environments.types import (
    Environment,
    EnvironmentStatus,
    environment,
)
from resolvers.node import After, Connection, First, Id, connection

READ = Access(scope=Scope.ENVIRONMENTS, kind=Kind.READ)
MOST_LINES = 10_000


@strawberry.type(description="A bundled Blueprint to start from.")
class BlueprintTemplate:
    id: strawberry.ID = strawberry.field(description="Its name in paths: `hello`.")
    name: str = strawberry.field(description="Its title.")
    description: str = strawberry.field(description="What it brings up.")
    tags: list[str] = strawberry.field(description="What it shows.")
    services: list[str] = strawberry.field(description="The services in it.")
    blueprint: str = strawberry.field(description="The document, ready for `createEnvironment`.")


def template(found: templates.Template) -> BlueprintTemplate:
    """A bundled template as GraphQL shows it."""
    return BlueprintTemplate(
        id=strawberry.ID(found.id),
        name=found.name,
        description=found.description,
        tags=list(found.tags),
        services=list(found.services),
        blueprint=found.source,
    )


@strawberry.type(description="A line that a service wrote.")
class LogLine:
    service: str = strawberry.field(description="The service that wrote it.")
    replica: int = strawberry.field(description="Which replica, from 0.")
    at: datetime = strawberry.field(description="When the server saw it, to about 0.1 s.")
    text: str = strawberry.field(description="The line, without its end.")


@strawberry.type
class EnvironmentQueries:
    @query("One environment; null where none with this id is visible to you.", READ)
    async def environment(self, info: Info[Context, None], id: Id) -> Environment | None:
        found = await info.context.environments.find(id)
        return environment(found) if found else None

    @query("The organization's environments, newest first, terminated ones included.", READ)
    async def environments(
        self,
        info: Info[Context, None],
        first: First = None,
        after: After = None,
        status: Annotated[
            EnvironmentStatus | None, strawberry.argument(description="Only those that are in this status.")
        ] = None,
    ) -> Connection[Environment]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.environments.page(limit, decode_cursor(after), status)
        return connection(page, _id, environment, after)

    @query("The last lines that an environment's services wrote, in the order of their times.", READ)
    async def environment_recent_logs(
        self,
        info: Info[Context, None],
        id: Id,
        service: Annotated[str | None, strawberry.argument(description="Only this service.")] = None,
        tail: Annotated[int, strawberry.argument(description="How many lines at most: 1 to 10,000.")] = 100,
        since: Annotated[datetime | None, strawberry.argument(description="Only lines since this time.")] = None,
    ) -> list[LogLine]:
        if not 1 <= tail <= MOST_LINES:
            raise InvalidRequest(f"`tail` is {tail}; it has to be from 1 to {MOST_LINES:,}.")
        if since is not None and since.tzinfo is None:
            since = since.replace(tzinfo=UTC)
        batches = await info.context.environments.recent_logs(id, service or "", tail, since)
        return [
            LogLine(service=batch.service, replica=batch.replica, at=batch.at, text=text)
            for batch in batches
            for text in batch.lines
        ]

    @query("The bundled Blueprints.", READ)
    async def blueprint_templates(self) -> list[BlueprintTemplate]:
        return [template(found) for found in templates.templates()]

    @query("One bundled Blueprint; null where there is none of this id.", READ)
    async def blueprint_template(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="Its id: `hello`.")]
    ) -> BlueprintTemplate | None:
        try:
            return template(templates.template(id))
        except SoundstageError:
            return None


def _id(record: models.Environment) -> str:
    return record.id
