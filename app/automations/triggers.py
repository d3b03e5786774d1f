"""When an automation runs: by a schedule in a time zone, or by events that have what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from cronsim import CronSim, CronSimError

from app.automations.errors import BadSchedule, BadTrigger
from app.automations.models import TriggerKind
from app.core.errors import InvalidRequest
from app.outbox.kinds import checked_patterns, matches

LONGEST_CRON, LONGEST_ZONE = 200, 100
LARGEST_FILTER, MOST_CONDITIONS = 4 * 1024, 20


@dataclass(frozen=True, slots=True)
class Trigger:
    """A schedule, or events."""

    cron: str = ""
    time_zone: str = ""
    events: list[str] = field(default_factory=list)
    filter: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> TriggerKind:
        """Which of the two."""
        return TriggerKind.CRON if self.cron else TriggerKind.EVENT

    def next_after(self, moment: datetime) -> datetime | None:
        """When its schedule is due next; None without one."""
        return next_after(self.cron, self.time_zone, moment) if self.cron else None


def checked_trigger(
    cron: str | None, time_zone: str | None, events: list[str] | None, condition: Mapping[str, Any] | None
) -> Trigger:
    """The trigger, if it can ever come about; raises `BadTrigger`, `BadSchedule` or `InvalidRequest`."""
    if (cron is None) == (events is None):
        raise BadTrigger()
    if cron is not None:
        if condition:
            raise BadTrigger("A filter is about events; a schedule has none.")
        return Trigger(cron=_schedule(cron.strip(), _zone(time_zone or "UTC")), time_zone=time_zone or "UTC")
    if time_zone is not None:
        raise BadTrigger("A time zone is about a schedule; events have none.")
    return Trigger(events=checked_patterns(events or [], incoming=True), filter=_condition(condition or {}))


def next_after(cron: str, time_zone: str, moment: datetime) -> datetime | None:
    """The next moment of a schedule, as cron has it over changes of the clock.

    What falls into an hour that is left out runs right after it; what falls into an hour that comes twice runs once,
    unless it runs in every hour anyway.
    """
    for found in CronSim(cron, moment.astimezone(ZoneInfo(time_zone))):
        following = found.astimezone(UTC)
        if following > moment:
            return following
    return None


def meets(trigger_events: list[str], condition: Mapping[str, Any], event_type: str, data: Mapping[str, Any]) -> bool:
    """Whether an event is one that is waited for."""
    return matches(trigger_events, event_type) and all(
        _equals(at(data, path), wanted) for path, wanted in condition.items()
    )


def at(data: Any, path: str) -> Any:
    """What stands at `body.ref` or `commits.0.id` of an event's data; None where nothing does."""
    for part in path.split("."):
        if isinstance(data, Mapping) and part in data:
            data = data[part]
        elif isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data


def size(value: Any) -> int:
    """Bytes of some JSON; raises `InvalidRequest` for what cannot be stored."""
    try:
        return len(orjson.dumps(value))
    except (TypeError, ValueError) as error:
        raise InvalidRequest("The JSON holds a number beyond 64 bits, or is nested too deep.") from error


def _equals(found: Any, wanted: Any) -> bool:
    among = wanted if isinstance(wanted, list) else [wanted]
    return any(found == each and type(found) is type(each) for each in among)


def _zone(name: str) -> ZoneInfo:
    try:
        if len(name) > LONGEST_ZONE:
            raise ValueError
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadSchedule("The time zone is not known. Name one of IANA's: Europe/Berlin.") from error


def _schedule(cron: str, zone: ZoneInfo) -> str:
    if len(cron) > LONGEST_CRON or len(cron.split()) != 5:
        raise BadSchedule()
    try:
        next(CronSim(cron, datetime.now(zone)))
    except CronSimError as error:
        raise BadSchedule(f"{error}: a schedule has five fields, as cron has them. Example: 30 9 * * 1-5.") from error
    except StopIteration as error:
        raise BadSchedule("No such day ever comes.") from error
    return cron


def _condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(condition, Mapping):
        raise InvalidRequest("A filter is a JSON object: a path in the event's data, and what has to be there.")
    made = dict(condition)
    if len(made) > MOST_CONDITIONS or size(made) > LARGEST_FILTER:
        raise InvalidRequest(f"A filter has at most {MOST_CONDITIONS} conditions, and {LARGEST_FILTER:,} bytes.")
    if any(isinstance(wanted, dict) for wanted in made.values()):
        raise InvalidRequest("A filter names values, or lists of values, and no objects.")
    return made
