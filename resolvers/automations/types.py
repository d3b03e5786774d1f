"""Automations in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.automations import models
from app.automations.service import Revealed
from app.core.streams import End, Gap
from resolvers.context import Context
from resolvers.environments.types import StreamEnd, StreamGap
from resolvers.node import Node

AutomationTriggerKind = models.TriggerKind
strawberry.enum(
    AutomationTriggerKind,
    name="AutomationTriggerKind",
    description="What makes an automation run; `MANUAL` of runs only.",
)
AutomationActionKind = models.ActionKind
strawberry.enum(AutomationActionKind, name="AutomationActionKind", description="What an automation does.")
AutomationStatus = models.AutomationStatus
strawberry.enum(
    AutomationStatus,
    name="AutomationStatus",
    description="Whether an automation runs. `STOPPED`: by itself, since who it runs for left the organization, or "
    "since events made it run sixty times within an hour.",
)
AutomationRunStatus = models.RunStatus
strawberry.enum(
    AutomationRunStatus,
    name="AutomationRunStatus",
    description="What became of a run. `LOST`: its server died, and so did those that took it up.",
)


@strawberry.type(description="What makes an automation run: a schedule, or events.")
class AutomationTrigger:
    kind: AutomationTriggerKind = strawberry.field(description="Which of the two.")
    cron: str | None = strawberry.field(description="The schedule: five fields, as cron has them; null for events.")
    time_zone: str | None = strawberry.field(description="The schedule's time zone, as IANA names it.")
    events: list[str] = strawberry.field(
        description="The types of events; `webhookEventTypes` tells them. `incoming.…` are those of incoming webhooks."
    )
    filter: JSON = strawberry.field(
        description='What the events\' data has to have, by path: `{"body.ref": "refs/heads/main"}`. A list of values '
        "means any of them."
    )


@strawberry.type(description="What an automation does.")
class AutomationAction:
    kind: AutomationActionKind = strawberry.field(description="Which of the actions.")
    arguments: JSON = strawberry.field(
        description="What it takes, as it was given. Text that begins with `$event.` stands for what the event's data "
        "has at that path."
    )


@strawberry.type(description="Something that is done by itself, in the rights of a member.")
class Automation(Node):
    workspace_id: strawberry.ID = strawberry.field(description="The workspace that it belongs to.")
    name: str = strawberry.field(description="What people call it.")
    description: str = strawberry.field(description="What it is for.")
    status: AutomationStatus = strawberry.field(description="Whether it runs.")
    reason: str = strawberry.field(description="Why it stopped by itself; empty while it did not.")
    trigger: AutomationTrigger = strawberry.field(description="What makes it run.")
    action: AutomationAction = strawberry.field(description="What it does.")
    runs_as: strawberry.ID = strawberry.field(
        description="The member in whose rights it runs, which are looked up at each run: who last chose trigger or "
        "action, with the scopes of the credential that they used."
    )
    next_at: datetime | None = strawberry.field(description="When its schedule is due next.")
    created_by: strawberry.ID = strawberry.field(description="The member who made it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    version: int = strawberry.field(description="Grows with each change.")


@strawberry.type(description="An automation with the secret that its calls are signed with.")
class RevealedAutomation:
    id: strawberry.ID = strawberry.field(description="The automation's id.")
    secret: str = strawberry.field(
        description="What calls are signed with, by Standard Webhooks: keep it now, it is not shown again."
    )
    automation: Automation = strawberry.field(description="The automation.")


@strawberry.type(description="A line of a run's log.")
class AutomationRunLine:
    position: int = strawberry.field(description="Counts the lines, from 1.")
    at: datetime = strawberry.field(description="When it was written.")
    text: str = strawberry.field(description="At most 2,000 characters.")


@strawberry.type(description="One time that an automation runs. Kept for thirty days.")
class AutomationRun(Node):
    automation_id: strawberry.ID = strawberry.field(description="Which automation.")
    status: AutomationRunStatus = strawberry.field(description="What became of it.")
    trigger: AutomationTriggerKind = strawberry.field(description="What made it run.")
    triggered_by: str = strawberry.field(description="The schedule's moment, the event's type, or the member's id.")
    event: JSON = strawberry.field(description="The event's type and data; empty without one.")
    runs_as: strawberry.ID = strawberry.field(description="The member in whose rights it runs.")
    attempt: int = strawberry.field(
        description="How often it was tried. Calls that fail are tried again after 5 s and after 1 min, with the same "
        "`webhook-id`; what changes something here happens once."
    )
    next_at: datetime | None = strawberry.field(description="When it is tried next; null once it is over.")
    resource: str = strawberry.field(description="The id of what it made or changed; empty for none.")
    error: str = strawberry.field(description="What went wrong; empty where nothing did.")
    created_at: datetime = strawberry.field(description="When it became due.")
    started_at: datetime | None = strawberry.field(description="When it began.")
    ended_at: datetime | None = strawberry.field(description="When it was over.")

    @strawberry.field(description="Its log.")  # type: ignore[untyped-decorator]
    async def lines(self, info: Info[Context, None]) -> list[AutomationRunLine]:
        found = await info.context.automation_lines.load(str(self.id))
        return [_line(each) for each in found]


@strawberry.type(description="A line of a run's log, a gap, or the end.")
class AutomationRunItem:
    cursor: str = strawberry.field(description="Resume behind this item with `after`.")
    line: AutomationRunLine | None = strawberry.field(description="Set on a line.")
    gap: StreamGap | None = strawberry.field(description="Set on a gap.")
    end: StreamEnd | None = strawberry.field(description="Set on the last item.")


def run_item(item: tuple[int, models.RunLine] | Gap | End, position: int) -> AutomationRunItem:
    """A stream item as GraphQL shows it; `position` is the last one that was seen."""
    if isinstance(item, tuple):
        return AutomationRunItem(cursor=str(item[0]), line=_line(item[1]), gap=None, end=None)
    if isinstance(item, Gap):
        gap = StreamGap(start=str(item.start), end=str(item.end))
        return AutomationRunItem(cursor=str(item.end), line=None, gap=gap, end=None)
    return AutomationRunItem(cursor=str(position), line=None, gap=None, end=StreamEnd(reason=item.reason))


def _line(record: models.RunLine) -> AutomationRunLine:
    return AutomationRunLine(position=record.position, at=record.at, text=record.text)


def automation(record: models.Automation) -> Automation:
    """The record as GraphQL shows it; no secret."""
    return Automation(
        id=strawberry.ID(record.id),
        workspace_id=strawberry.ID(record.workspace_id),
        name=record.name,
        description=record.description,
        status=record.status,
        reason=record.reason,
        trigger=AutomationTrigger(
            kind=record.trigger,
            cron=record.cron or None,
            time_zone=record.time_zone or None,
            events=record.events,
            filter=record.filter,  # type: ignore[arg-type]
        ),
        action=AutomationAction(kind=record.action, arguments=record.arguments),  # type: ignore[arg-type]
        runs_as=strawberry.ID(record.runs_as),
        next_at=record.next_at,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
    )


def revealed_automation(found: Revealed) -> RevealedAutomation:
    """The automation with its secret."""
    shown = automation(found.automation)
    return RevealedAutomation(id=shown.id, secret=found.secret, automation=shown)


def automation_run(record: models.Run) -> AutomationRun:
    """The record as GraphQL shows it."""
    return AutomationRun(
        id=strawberry.ID(record.id),
        automation_id=strawberry.ID(record.automation_id),
        status=record.status,
        trigger=record.trigger,
        triggered_by=record.triggered_by,
        event=record.event,  # type: ignore[arg-type]
        runs_as=strawberry.ID(record.runs_as),
        attempt=record.attempt,
        next_at=record.next_at,
        resource=record.resource,
        error=record.error,
        created_at=record.created_at,
        started_at=record.started_at,
        ended_at=record.ended_at,
    )
