"""Changing what an organization has settled for itself."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.organization.service import DriftChange, ModelGiven
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.node import IfVersion
from resolvers.organization.types import (
    DriftAction,
    DriftPolicy,
    DriftSeverity,
    EnabledModels,
    drift_policy,
    enabled_models,
)

ADMIN = Access(scope=Scope.ORGANIZATION, kind=Kind.ADMIN)


@strawberry.input(description="What to change of the drift policy; what is left out stays.")
class UpdateDriftPolicyInput:
    action: DriftAction | None = strawberry.field(default=None, description="What follows from drift.")
    severity_threshold: DriftSeverity | None = strawberry.field(default=None, description="Drift below it is ignored.")
    schedule: int | None = strawberry.field(
        default=None, description="Minutes between two looks at an environment: 5 to 10,080."
    )
    exemptions: list[str] | None = strawberry.field(
        default=None, description="Ids of environments and names of services that are left alone: 100 at most."
    )
    auto_remediate: bool | None = strawberry.field(
        default=None, description="Restore without asking; only with the action REMEDIATE."
    )


@strawberry.input(description="A model to enable.")
class EnabledModelInput:
    id: str = strawberry.field(description="As the provider calls it; once in the list.")
    name: str = strawberry.field(description="As people call it.")
    provider: str = strawberry.field(description="Who offers it.")
    base_url: str = strawberry.field(
        description="Where it answers: the http or https address under which OpenAI's `/chat/completions` stands, "
        "without "
        "a password."
    )
    api_key: str | None = strawberry.field(
        default=None,
        description="The API key, which is kept encrypted and never shown. Left out, the model keeps the one that it "
        "has "
        "at this address; empty, it has none.",
    )


@strawberry.type
class OrganizationMutations:
    @mutation(
        "Changes what the organization wants done about drift. It applies to drift reports once there are any.",
        ADMIN,
        audited="drift_policy.update",
    )
    async def update_drift_policy(
        self,
        info: Info[Context, None],
        input: Annotated[UpdateDriftPolicyInput, strawberry.argument(description="What to change.")],
        if_version: IfVersion = None,
    ) -> DriftPolicy:
        wanted = DriftChange(
            action=input.action,
            severity_threshold=input.severity_threshold,
            schedule=input.schedule,
            exemptions=input.exemptions,
            auto_remediate=input.auto_remediate,
        )
        return drift_policy(await info.context.own_organization.change_drift_policy(wanted, if_version))

    @mutation(
        "Puts a list of models in the place of the one before; the first is the default one.",
        ADMIN,
        audited="organization.set_models",
    )
    async def set_organization_models(
        self,
        info: Info[Context, None],
        models: Annotated[list[EnabledModelInput], strawberry.argument(description="All models: 50 at most.")],
    ) -> EnabledModels:
        given = [ModelGiven(each.id, each.name, each.provider, each.base_url, each.api_key) for each in models]
        return enabled_models(await info.context.own_organization.set_models(given))
