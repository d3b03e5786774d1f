"""Importing services."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.services.importing import RepositoryImport
from resolvers.access import mutation
from resolvers.context import Context
from resolvers.environments.mutations import SecretInput
from resolvers.integrations.types import CodeHost
from resolvers.services.mutations import WRITE, secrets_given
from resolvers.services.queries import SessionId
from resolvers.services.types import SessionService, session_service


@strawberry.input(description="A repository to import.")
class ImportRepositoryInput:
    repository: str = strawberry.field(description="`owner/name`; GitLab's can have more parts.")
    ref: str | None = strawberry.field(
        default=None, description="A branch, tag or commit; the repository's default branch by default."
    )
    directory: str | None = strawberry.field(
        default=None,
        description="The folder of the working copy that its files go into, which has to be new or empty; the "
        "repository's name by default.",
    )
    subfolder: str | None = strawberry.field(
        default=None, description="The folder of the repository whose services are meant; its root by default."
    )
    name: str | None = strawberry.field(
        default=None, description="The service's name, where the repository is one service and names none."
    )
    run: str | None = strawberry.field(
        default=None, description="The command that starts it. Without it the repository has to say how it is run."
    )
    secrets: list[SecretInput] | None = strawberry.field(
        default=None, description="What the `${secrets.…}` of its services stand for; the first of them brings them."
    )


@strawberry.input(description="An image to import.")
class ImportImageInput:
    image: str = strawberry.field(description="`postgres`, `bitnami/postgresql`.")
    tag: str | None = strawberry.field(default=None, description="The tag; `latest` by default.")
    name: str | None = strawberry.field(default=None, description="The service's name; the image's by default.")


@strawberry.type
class ImportMutations:
    @mutation(
        "Puts the files of a repository at a connected code host into a folder of the working copy, without its "
        "history, and defines its services: those of its `soundstage.yaml`, else of its `Procfile`, `package.json`, "
        "`pyproject.toml` or `Dockerfile`. `NOT_RECOGNIZED` where none says how it is run and `run` is not given. "
        "Nothing of it is run, and nothing is committed. It takes at most 256 MiB, 20,000 files and two minutes.",
        WRITE,
        audited="service.import",
    )
    async def import_repository(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        host: Annotated[CodeHost, strawberry.argument(description="Where it is.")],
        input: Annotated[ImportRepositoryInput, strawberry.argument(description="The repository.")],
    ) -> list[SessionService]:
        wanted = RepositoryImport(
            host,
            input.repository,
            ref=input.ref or "",
            directory=input.directory or "",
            subfolder=input.subfolder or "",
            name=input.name or "",
            run=input.run or "",
            secrets=secrets_given(input.secrets) or {},
        )
        return [session_service(each) for each in await info.context.imports.repository(session_id, wanted)]

    @mutation(
        "Defines a service that runs an image of Docker Hub, with the ports and variables that the image was built "
        "with. An engine that runs commands and no images keeps it stopped, and its `runtime` says so.",
        WRITE,
        audited="service.import_image",
    )
    async def import_image(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        input: Annotated[ImportImageInput, strawberry.argument(description="The image.")],
    ) -> list[SessionService]:
        made = await info.context.imports.image(session_id, input.image, input.tag or "latest", input.name or "")
        return [session_service(each) for each in made]
