"""Changing environments."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.blueprints.validation import check
from app.core.actor import Kind, Scope
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.environments.types import Environment, IsolationLevel, environment
from resolvers.node import Id, IfVersion
from resolvers.scalars import BlueprintDocument, Duration

WRITE = Access(scope=Scope.ENVIRONMENTS, kind=Kind.WRITE)
READ = Access(scope=Scope.ENVIRONMENTS, kind=Kind.READ)


@strawberry.input(description="The value of a `${secrets.NAME}` in a Blueprint.")
class SecretInput:
    name: str = strawberry.field(description="The name that the Blueprint uses.")
    value: str = strawberry.field(description="Encrypted where it is stored; never given out again.")


@strawberry.input(description="What to bring up.")
class CreateEnvironmentInput:
    blueprint: BlueprintDocument = strawberry.field(description="The Blueprint.")
    name: str | None = strawberry.field(
        default=None, description="1 to 100 characters; the Blueprint's name by default."
    )
    auto_shutdown: Duration | None = strawberry.field(
        default=None, description="Stop by itself this long after it was ready; the Blueprint's value by default."
    )
    secrets: list[SecretInput] | None = strawberry.field(
        default=None, description="The values of the Blueprint's `${secrets.…}`."
    )
    isolation: IsolationLevel | None = strawberry.field(
        default=None,
        description="Demand this level: refused with `ISOLATION_UNAVAILABLE` where the machine does not offer it. "
        "The strongest on offer by default.",
    )


@strawberry.input(description="The settings that can change. What is left out stays as it is.")
class UpdateEnvironmentInput:
    name: str | None = strawberry.field(default=strawberry.UNSET, description="1 to 100 characters.")
    auto_shutdown: Duration | None = strawberry.field(
        default=strawberry.UNSET, description="Stop by itself this long after it was ready; null for never."
    )


@strawberry.input(description="Another Blueprint for an environment.")
class ChangeBlueprintInput:
    blueprint: BlueprintDocument = strawberry.field(description="The Blueprint; takes the place of the present one.")
    secrets: list[SecretInput] | None = strawberry.field(
        default=None, description="Join the stored ones, or take the place of those of the same name."
    )


@strawberry.input(description="How many replicas of a service are to run.")
class ScaleServiceInput:
    service: str = strawberry.field(description="The service's name in the Blueprint.")
    replicas: int = strawberry.field(description="0 to 20.")


@strawberry.input(description="A Blueprint to check.")
class ValidateBlueprintInput:
    blueprint: BlueprintDocument = strawberry.field(description="The Blueprint.")


@strawberry.type(description="Something in a Blueprint that is not valid.")
class BlueprintProblem:
    line: int | None = strawberry.field(description="From 1; null where the Blueprint was given as an object.")
    column: int | None = strawberry.field(description="From 1; null where the Blueprint was given as an object.")
    path: str = strawberry.field(description="Where in the document: `services.api.ports[0]`.")
    code: str = strawberry.field(description="What kind of problem, for programs.")
    message: str = strawberry.field(description="The problem in a sentence.")
    suggestion: str | None = strawberry.field(description="What was probably meant.")


@strawberry.type(description="The result of checking a Blueprint.")
class BlueprintValidation:
    valid: bool = strawberry.field(description="Whether an environment can be created from it.")
    errors: list[BlueprintProblem] = strawberry.field(
        description="Every problem at once, in the order of the document."
    )
    services: list[str] = strawberry.field(description="The services that would run; empty when it is not valid.")
    blueprint: JSON | None = strawberry.field(description="The Blueprint with defaults filled in; null when not valid.")


@strawberry.type
class EnvironmentMutations:
    @mutation(
        "Brings up an environment from a Blueprint. Answers at once with status `PENDING`; follow "
        "`environmentProgress`. Raises `BLUEPRINT_INVALID` with every problem.",
        WRITE,
        audited="environment.create",
    )
    async def create_environment(
        self,
        info: Info[Context, None],
        input: Annotated[CreateEnvironmentInput, strawberry.argument(description="What to bring up.")],
    ) -> Environment:
        created = await info.context.environments.create(
            input.blueprint,  # type: ignore[arg-type]
            name=input.name,
            auto_shutdown=input.auto_shutdown,
            secrets={secret.name: secret.value for secret in input.secrets or ()},
            isolation=input.isolation,
        )
        return environment(created)

    @mutation("Changes an environment's settings.", WRITE, audited="environment.update")
    async def update_environment(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[UpdateEnvironmentInput, strawberry.argument(description="The settings to change.")],
        if_version: IfVersion = None,
    ) -> Environment:
        changed = await info.context.environments.update(
            id,
            name=input.name if input.name is not strawberry.UNSET else None,
            auto_shutdown=input.auto_shutdown if input.auto_shutdown is not strawberry.UNSET else None,
            never_shut_down=input.auto_shutdown is None,
            expected_version=if_version,
        )
        return environment(changed)

    @mutation(
        "Gives an environment another Blueprint. Services that are the same run on, those that differ are started "
        "afresh, those that are gone end. Where a session's services make it: `ENVIRONMENT_OF_SESSION`.",
        WRITE,
        audited="environment.change_blueprint",
    )
    async def change_environment_blueprint(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[ChangeBlueprintInput, strawberry.argument(description="The Blueprint.")],
        if_version: IfVersion = None,
    ) -> Environment:
        changed = await info.context.environments.change_blueprint(
            id,
            input.blueprint,  # type: ignore[arg-type]
            secrets={secret.name: secret.value for secret in input.secrets or ()},
            expected_version=if_version,
        )
        return environment(changed)

    @mutation("Stops all services; folders, volumes and ports are kept.", WRITE, audited="environment.stop")
    async def stop_environment(self, info: Info[Context, None], id: Id, if_version: IfVersion = None) -> Environment:
        return environment(await info.context.environments.stop(id, expected_version=if_version))

    @mutation("Brings a stopped environment up again where it left off.", WRITE, audited="environment.resume")
    async def resume_environment(self, info: Info[Context, None], id: Id, if_version: IfVersion = None) -> Environment:
        return environment(await info.context.environments.resume(id, expected_version=if_version))

    @mutation("Starts what failed afresh, at once. What runs is left alone.", WRITE, audited="environment.retry")
    async def retry_environment(self, info: Info[Context, None], id: Id, if_version: IfVersion = None) -> Environment:
        return environment(await info.context.environments.retry(id, expected_version=if_version))

    @mutation(
        "Ends everything of an environment, its data included. Legal in every state; it stays listed as `TERMINATED`.",
        WRITE,
        audited="environment.delete",
    )
    async def delete_environment(self, info: Info[Context, None], id: Id, if_version: IfVersion = None) -> Environment:
        return environment(await info.context.environments.delete(id, expected_version=if_version))

    @mutation("Sets how many replicas of a service run.", WRITE, audited="environment.scale")
    async def scale_environment_service(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[
            ScaleServiceInput, strawberry.argument(description="The service, and how many replicas of it.")
        ],
        if_version: IfVersion = None,
    ) -> Environment:
        scaled = await info.context.environments.scale(id, input.service, input.replicas, expected_version=if_version)
        return environment(scaled)

    @mutation("Checks a Blueprint without creating anything.", READ, audited="blueprint.validate")
    async def validate_blueprint(
        self,
        info: Info[Context, None],
        input: Annotated[ValidateBlueprintInput, strawberry.argument(description="The Blueprint to check.")],
    ) -> BlueprintValidation:
        checked = check(input.blueprint)  # type: ignore[arg-type]
        errors = [
            BlueprintProblem(
                line=problem.line,
                column=problem.column,
                path=problem.path,
                code=problem.code,
                message=problem.message,
                suggestion=problem.suggestion,
            )
            for problem in checked.problems
        ]
        found = checked.blueprint
        return BlueprintValidation(
            valid=found is not None,
            errors=errors,
            services=list(found.services) if found else [],
            blueprint=found.model_dump(mode="json") if found else None,  # type: ignore[arg-type]
        )
