"""Making, changing and running automations. For people: nobody would judge what they do for an agent."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.errors import InvalidRequest
from resolvers.access import Access, mutation
from resolvers.automations.inputs import CreateAutomationInput, UpdateAutomationInput, action_of, trigger_of
from resolvers.automations.queries import WorkspaceId
from resolvers.automations.types import (
    Automation,
    AutomationRun,
    RevealedAutomation,
    automation,
    automation_run,
    revealed_automation,
)
from resolvers.context import Context
from resolvers.node import Id, IfVersion

WRITE = Access(scope=Scope.WORKSPACES, kind=Kind.WRITE)


@strawberry.type
class AutomationMutations:
    @mutation(
        "Makes an automation, which runs in your rights. Takes the scope that the action takes, too.",
        WRITE,
        audited="automation.create",
    )
    async def create_automation(
        self,
        info: Info[Context, None],
        workspace_id: WorkspaceId,
        input: Annotated[CreateAutomationInput, strawberry.argument(description="The automation to make.")],
    ) -> RevealedAutomation:
        made = await info.context.automations.create(
            workspace_id,
            name=input.name,
            description=input.description or "",
            trigger=trigger_of(input.trigger),
            action=action_of(input.action),
            enabled=input.enabled is not False,
        )
        return revealed_automation(made)

    @mutation("Changes an automation.", WRITE, audited="automation.update")
    async def update_automation(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[UpdateAutomationInput, strawberry.argument(description="What to change.")],
        if_version: IfVersion = None,
    ) -> Automation:
        found = await info.context.automations.update(
            id,
            name=input.name,
            description=input.description,
            trigger=trigger_of(input.trigger) if input.trigger else None,
            action=action_of(input.action) if input.action else None,
            expected_version=if_version,
        )
        return automation(found)

    @mutation(
        "Lets an automation run again, also one that stopped by itself. What was due meanwhile is not made up for.",
        WRITE,
        audited="automation.enable",
    )
    async def enable_automation(self, info: Info[Context, None], id: Id) -> Automation:
        return automation(await info.context.automations.set_enabled(id, True))

    @mutation("Lets an automation run no more. What has begun goes on.", WRITE, audited="automation.disable")
    async def disable_automation(self, info: Info[Context, None], id: Id) -> Automation:
        return automation(await info.context.automations.set_enabled(id, False))

    @mutation("Gives an automation a new secret. It is shown once.", WRITE, audited="automation.rotate")
    async def rotate_automation_secret(self, info: Info[Context, None], id: Id) -> RevealedAutomation:
        return revealed_automation(await info.context.automations.rotate(id))

    @mutation("Ends an automation, with its runs.", WRITE, audited="automation.delete")
    async def delete_automation(self, info: Info[Context, None], id: Id) -> Automation:
        return automation(await info.context.automations.remove(id))

    @mutation(
        "Runs an automation once, at once and in your rights: disabled or not, and whatever is due.",
        WRITE,
        audited="automation.run",
    )
    async def run_automation(
        self,
        info: Info[Context, None],
        id: Id,
        event: Annotated[
            JSON | None, strawberry.argument(description="A JSON object that stands for an event's data.")
        ] = None,
    ) -> AutomationRun:
        return automation_run(await info.context.automations.run_now(id, _object(event)))


def _object(value: Any) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise InvalidRequest("An event's data is a JSON object.")
    return value
