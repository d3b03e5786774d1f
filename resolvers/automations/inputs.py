"""What clients say about automations."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.scalars import JSON

from app.automations.service import Action, checked_action
from app.automations.triggers import Trigger, checked_trigger
from resolvers.automations.types import AutomationActionKind
from resolvers.scalars import BlueprintDocument, Duration


@strawberry.input(description="What makes an automation run: `cron`, or `events`.")
class AutomationTriggerInput:
    cron: str | None = strawberry.field(
        default=None,
        description="A schedule: five fields, as cron has them: `30 9 * * 1-5`. What falls into an hour that is left "
        "out when the clock changes runs right after it; what falls into an hour that comes twice runs once. What was "
        "missed while no server ran is run once.",
    )
    time_zone: str | None = strawberry.field(
        default=None, description="The schedule's time zone, as IANA names it: `Europe/Berlin`; `UTC` by default."
    )
    events: list[str] | None = strawberry.field(
        default=None,
        description="Types of events: those of `webhookEventTypes`, `environment.*` for all of a part, and those of "
        "incoming webhooks: `incoming.github.push`, `incoming.*`.",
    )
    filter: JSON | None = strawberry.field(
        default=None,
        description='What the events\' data has to have, by path: `{"body.ref": "refs/heads/main"}`; a list of values '
        "means any of them. At most 20 conditions.",
    )


@strawberry.input(
    description="What an automation does. Text that begins with `$event.` stands for what the event's data has at that "
    "path: `$event.id`."
)
class AutomationActionInput:
    kind: AutomationActionKind = strawberry.field(description="Which of the actions.")
    blueprint: BlueprintDocument | None = strawberry.field(
        default=None, description="`CREATE_ENVIRONMENT`: the Blueprint; without secrets."
    )
    name: str | None = strawberry.field(default=None, description="`CREATE_ENVIRONMENT`: the environment's name.")
    auto_shutdown: Duration | None = strawberry.field(
        default=None, description="`CREATE_ENVIRONMENT`: when it stops by itself, counted from when it is ready."
    )
    environment_id: strawberry.ID | None = strawberry.field(
        default=None, description="`STOP_`, `RESUME_` and `DELETE_ENVIRONMENT`: which one."
    )
    url: str | None = strawberry.field(
        default=None,
        description="`CALL`: the address, http or https. It is signed as webhooks are; private addresses are refused.",
    )
    method: str | None = strawberry.field(
        default=None, description="`CALL`: `POST`, `PUT`, `PATCH`, `DELETE` or `GET`; `POST` by default."
    )
    body: JSON | None = strawberry.field(
        default=None, description="`CALL`: the JSON that is sent; by default what made it run."
    )
    session_id: strawberry.ID | None = strawberry.field(
        default=None, description="`RUN_COMMAND` and `CREATE_TASK`: the session."
    )
    command: str | None = strawberry.field(
        default=None,
        description="`RUN_COMMAND`: for `sh -c`, in the session's working copy, on a terminal that everybody sees. It "
        "finds the event as JSON in the variable `AUTOMATION_EVENT`; its output is kept in the run's log, and the run "
        "fails where its exit code is not 0. A run that another server takes up goes on with the same command.",
    )
    seconds: int | None = strawberry.field(
        default=None, description="`RUN_COMMAND`: after how long it is ended: 1 to 600; 60 by default."
    )
    title: str | None = strawberry.field(default=None, description="`CREATE_TASK`: its title.")
    task_description: str | None = strawberry.field(default=None, description="`CREATE_TASK`: what is to be done.")
    assignee_id: strawberry.ID | None = strawberry.field(
        default=None, description="`CREATE_TASK`: the member or agent whom it is assigned to."
    )


@strawberry.input(description="An automation to make.")
class CreateAutomationInput:
    name: str = strawberry.field(description="1 to 100 characters.")
    description: str | None = strawberry.field(default=None, description="What it is for.")
    trigger: AutomationTriggerInput = strawberry.field(description="What makes it run.")
    action: AutomationActionInput = strawberry.field(description="What it does.")
    enabled: bool | None = strawberry.field(default=None, description="Whether it runs; true by default.")


@strawberry.input(description="What of an automation can change. What is left out stays as it is.")
class UpdateAutomationInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters.")
    description: str | None = strawberry.field(default=None, description="What it is for.")
    trigger: AutomationTriggerInput | None = strawberry.field(
        default=None, description="Takes the place of the trigger. From then on it runs in your rights."
    )
    action: AutomationActionInput | None = strawberry.field(
        default=None, description="Takes the place of the action. From then on it runs in your rights."
    )


def trigger_of(given: AutomationTriggerInput) -> Trigger:
    """The trigger; raises what `checked_trigger` raises."""
    condition: Any = given.filter
    return checked_trigger(given.cron, given.time_zone, given.events, condition)


def action_of(given: AutomationActionInput) -> Action:
    """The action; raises `BadAction`."""
    arguments: dict[str, Any] = {
        "blueprint": given.blueprint,
        "name": given.name,
        "auto_shutdown": given.auto_shutdown,
        "environment_id": given.environment_id,
        "url": given.url,
        "method": given.method,
        "body": given.body,
        "session_id": given.session_id,
        "command": given.command,
        "seconds": given.seconds,
        "title": given.title,
        "description": given.task_description,
        "assignee_id": given.assignee_id,
    }
    return checked_action(given.kind, arguments)
