"""What an environment looks like in GraphQL."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.core.streams import End, Gap
from app.engines.base import Isolation, LogBatch, UnitStatus
from app.environments import models
from app.environments.cursors import encode_offsets
from app.environments.planning import ServiceFacts, entry_url, service_facts
from resolvers.context import Context
from resolvers.node import Node

EnvironmentStatus = models.EnvironmentStatus
strawberry.enum(EnvironmentStatus, name="EnvironmentStatus", description="Where an environment is in its life.")
DesiredStatus = models.Desired
strawberry.enum(
    DesiredStatus, name="DesiredStatus", description="What an environment is to be; the server makes it so."
)
IsolationLevel = Isolation
strawberry.enum(
    IsolationLevel,
    name="IsolationLevel",
    description="How far services are kept from the machine. Never lowered silently.",
)
InstanceStatus = UnitStatus
strawberry.enum(InstanceStatus, name="InstanceStatus", description="How one replica of a service is.")


@strawberry.enum(description="How a service is, over all its replicas.")
class ServiceStatus(enum.StrEnum):
    PENDING = "pending"
    STARTING = "starting"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    RESTARTING = "restarting"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"


@strawberry.enum(description="What a progress item tells of.")
class ProgressKind(enum.StrEnum):
    REQUESTED = "requested"
    STATUS = "status"
    SERVICE = "service"
    WARNING = "warning"
    FAILURE = "failure"
    GAP = "gap"
    END = "end"


@strawberry.type(description="Why a replica is not running.")
class Cause:
    kind: str = strawberry.field(
        description="`exit`, `signal`, `out_of_memory`, `probe`, `spawn`, `port` or `lost` (ended unwatched)."
    )
    message: str = strawberry.field(description="The cause in a sentence.")
    exit_code: int | None = strawberry.field(description="The exit code, where the program ended by itself.")
    signal: str | None = strawberry.field(description="The signal's name, where one ended it.")


@strawberry.type(description="A port of a service.")
class ServicePort:
    name: str = strawberry.field(description="Its name in the Blueprint.")
    port: int = strawberry.field(description="The number on this machine; kept over stop and resume.")
    url: str = strawberry.field(description="Where the port is reached.")


@strawberry.type(description="A limit on what a replica may use.")
class Limit:
    name: str = strawberry.field(description="`cpu`, `memory`, `pids` or `open_files`.")
    mechanism: str = strawberry.field(description="What enforces it: `cgroup`, `rlimit`, or `none` where nothing does.")


@strawberry.type(description="One replica of a service.")
class ServiceInstance:
    replica: int = strawberry.field(description="Counts from 0.")
    status: InstanceStatus = strawberry.field(description="How it is.")
    pid: int | None = strawberry.field(description="The process on this machine; null when none runs.")
    restarts: int = strawberry.field(description="How often the restart policy started it again.")
    started_at: datetime | None = strawberry.field(description="When the present process was started.")
    ready_at: datetime | None = strawberry.field(description="When it became healthy.")
    cause: Cause | None = strawberry.field(description="Why it is not running; null while it is.")
    next_restart_at: datetime | None = strawberry.field(description="When the restart policy starts it again.")
    isolation: IsolationLevel = strawberry.field(description="The isolation that is really in force.")
    limits: list[Limit] = strawberry.field(description="What enforces the limits of the Blueprint on this machine.")


@strawberry.type(description="A service of an environment.")
class EnvironmentService:
    name: str = strawberry.field(description="Its name in the Blueprint.")
    status: ServiceStatus = strawberry.field(description="The least good status of its replicas.")
    replicas: int = strawberry.field(description="How many are wanted.")
    ready_replicas: int = strawberry.field(description="How many are ready.")
    restarts: int = strawberry.field(description="Restarts of all replicas together.")
    url: str | None = strawberry.field(description="Where the first port of the first replica is reached.")
    ports: list[ServicePort] = strawberry.field(description="The ports of the first replica.")
    depends_on: list[str] = strawberry.field(description="The services that it waits for.")
    message: str = strawberry.field(description="Why it is not running; empty while it is.")
    instances: list[ServiceInstance] = strawberry.field(description="Its replicas, as far as they were started.")


@strawberry.type(description="A set of services brought up from a Blueprint.")
class Environment(Node):
    name: str = strawberry.field(description="1 to 100 characters; need not be unique.")
    status: EnvironmentStatus = strawberry.field(description="Where it is in its life.")
    desired_status: DesiredStatus = strawberry.field(description="What it is to be.")
    version: int = strawberry.field(description="Counts the visible changes; the ETag of REST.")
    generation: int = strawberry.field(description="Counts the changes of what is wanted.")
    observed_generation: int = strawberry.field(description="The generation that has been acted on.")
    engine: str = strawberry.field(description="Where it runs: `process`.")
    isolation: IsolationLevel = strawberry.field(description="How far its services are kept from the machine.")
    session_id: strawberry.ID | None = strawberry.field(
        description="The session whose services these are; null for an environment of its own."
    )
    reason: str = strawberry.field(description="A code that says why it is not running; empty while it is.")
    message: str = strawberry.field(description="The same in a sentence.")
    failures: int = strawberry.field(description="Failures in a row.")
    retry_at: datetime | None = strawberry.field(description="When a failed environment is tried again by itself.")
    auto_shutdown: int | None = strawberry.field(description="Seconds from ready to an automatic stop; null for none.")
    shutdown_at: datetime | None = strawberry.field(description="When it stops by itself.")
    created_by: strawberry.ID = strawberry.field(description="The user, or the agent, who created it.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it last changed visibly.")
    ready_at: datetime | None = strawberry.field(description="When all services were ready; null when it does not run.")
    blueprint: JSON = strawberry.field(
        description="The validated Blueprint, defaults filled in. Secrets are not in it."
    )
    source: str = strawberry.field(description="The Blueprint's text as it was given; empty when it was an object.")
    record: strawberry.Private[models.Environment]

    @strawberry.field(description="Its services, in the order of the Blueprint.")  # type: ignore[untyped-decorator]
    async def services(self, info: Info[Context, None]) -> list[EnvironmentService]:
        return services_of(self.record, await info.context.units.load(self.record.id))

    @strawberry.field(description="Where it is entered: a public port, else any that none awaits.")  # type: ignore[untyped-decorator]
    def url(self) -> str | None:
        return entry_url(self.record)


def environment(record: models.Environment) -> Environment:
    """The record as GraphQL shows it."""
    return Environment(
        id=strawberry.ID(record.id),
        name=record.name,
        status=record.status,
        desired_status=record.desired,
        version=record.version,
        generation=record.generation,
        observed_generation=record.observed_generation,
        engine=record.engine,
        isolation=record.isolation,
        session_id=strawberry.ID(record.session_id) if record.session_id else None,
        reason=record.reason,
        message=record.message,
        failures=record.failures,
        retry_at=record.retry_at,
        auto_shutdown=record.auto_shutdown,
        shutdown_at=record.shutdown_at,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        updated_at=record.updated_at,
        ready_at=record.ready_at,
        blueprint=record.blueprint,  # type: ignore[arg-type]
        source=record.source,
        record=record,
    )


def services_of(record: models.Environment, units: Sequence[models.UnitRecord]) -> list[EnvironmentService]:
    """The services of an environment with what is known of their replicas."""
    idle = ServiceStatus.STOPPED if record.status in _IDLE else ServiceStatus.PENDING
    return [
        _service(facts, [unit for unit in units if unit.service == facts.name], idle) for facts in service_facts(record)
    ]


_IDLE = frozenset({models.EnvironmentStatus.STOPPED, models.EnvironmentStatus.TERMINATED})


#: Least good first.
_WORST = (
    ServiceStatus.FAILED,
    ServiceStatus.UNHEALTHY,
    ServiceStatus.RESTARTING,
    ServiceStatus.STOPPING,
    ServiceStatus.STARTING,
    ServiceStatus.STOPPED,
    ServiceStatus.RUNNING,
    ServiceStatus.COMPLETED,
)


def _service(facts: ServiceFacts, units: Sequence[models.UnitRecord], idle: ServiceStatus) -> EnvironmentService:
    found = {str(unit.status) for unit in units}
    idle = idle if facts.replicas else ServiceStatus.STOPPED
    status = next((status for status in _WORST if status in found), idle)
    if len(units) < facts.replicas and status in (ServiceStatus.RUNNING, ServiceStatus.COMPLETED):
        status = ServiceStatus.STARTING
    ready = (UnitStatus.COMPLETED,) if facts.completes else (UnitStatus.RUNNING, UnitStatus.COMPLETED)
    troubled = next((unit for unit in units if unit.cause and unit.status == str(status)), None)
    return EnvironmentService(
        name=facts.name,
        status=status,
        replicas=facts.replicas,
        ready_replicas=sum(unit.status in ready for unit in units),
        restarts=sum(unit.restarts for unit in units),
        url=facts.ports[0].url if facts.ports else None,
        ports=[ServicePort(name=port.name, port=port.number, url=port.url) for port in facts.ports],
        depends_on=list(facts.depends_on),
        message=troubled.cause["message"] if troubled and troubled.cause else "",
        instances=[_instance(unit) for unit in units],
    )


def _instance(unit: models.UnitRecord) -> ServiceInstance:
    cause: dict[str, Any] | None = unit.cause
    return ServiceInstance(
        replica=unit.replica,
        status=unit.status,
        pid=unit.pid,
        restarts=unit.restarts,
        started_at=unit.started_at,
        ready_at=unit.ready_at,
        cause=Cause(kind=cause["kind"], message=cause["message"], exit_code=cause["exit_code"], signal=cause["signal"])
        if cause
        else None,
        next_restart_at=unit.next_restart_at,
        isolation=unit.isolation,
        limits=[Limit(name=name, mechanism=mechanism) for name, mechanism in sorted(unit.enforced.items())],
    )


@strawberry.type(description="Items that are no longer there, or that were skipped because the reader was too slow.")
class StreamGap:
    start: str = strawberry.field(description="The first position that is missing.")
    end: str = strawberry.field(description="The last position that is missing.")


@strawberry.type(description="The end of a stream; nothing follows.")
class StreamEnd:
    reason: str = strawberry.field(
        description="Why it ended: `terminated` when the environment is gone, what became of it when a run is over."
    )


@strawberry.type(description="A step in the life of an environment, a gap, or the end.")
class EnvironmentProgress:
    cursor: str = strawberry.field(description="Resume behind this item with `after`.")
    kind: ProgressKind = strawberry.field(description="What the item tells of.")
    status: EnvironmentStatus | None = strawberry.field(description="The environment's status after the step.")
    service: str | None = strawberry.field(description="The service, where the step is about one.")
    message: str = strawberry.field(description="The step in a sentence.")
    ready: int = strawberry.field(description="Replicas that are ready …")
    total: int = strawberry.field(description="… of how many; 0 where not known.")
    at: datetime | None = strawberry.field(description="When it happened.")
    gap: StreamGap | None = strawberry.field(description="Set on a gap.")
    end: StreamEnd | None = strawberry.field(description="Set on the last item.")


def progress(item: tuple[int, models.EnvironmentEvent] | Gap | End, position: int) -> EnvironmentProgress:
    """A stream item as GraphQL shows it; `position` is the last one that was seen."""
    if isinstance(item, tuple):
        position, event = item
        return EnvironmentProgress(
            cursor=str(position),
            kind=ProgressKind(event.kind),
            status=event.status,
            service=event.service or None,
            message=event.message,
            ready=event.ready,
            total=event.total,
            at=event.at,
            gap=None,
            end=None,
        )
    if isinstance(item, Gap):
        return _mark(str(item.end), ProgressKind.GAP, StreamGap(start=str(item.start), end=str(item.end)), None)
    return _mark(str(position), ProgressKind.END, None, StreamEnd(reason=item.reason))


def _mark(cursor: str, kind: ProgressKind, gap: StreamGap | None, end: StreamEnd | None) -> EnvironmentProgress:
    message = f"Items {gap.start} to {gap.end} are no longer kept" if gap else f"End: {end.reason}" if end else ""
    return EnvironmentProgress(
        cursor=cursor,
        kind=kind,
        status=None,
        service=None,
        message=message,
        ready=0,
        total=0,
        at=None,
        gap=gap,
        end=end,
    )


@strawberry.type(description="Lines of one replica's output that follow each other, a gap in it, or the end.")
class EnvironmentLogs:
    cursor: str = strawberry.field(
        description="Resume behind this item with `after`; holds the place in every service."
    )
    service: str = strawberry.field(description="The service that wrote them; empty at the end.")
    replica: int = strawberry.field(description="Which replica, from 0.")
    start: str = strawberry.field(description="The offset of the first byte in the replica's whole output.")
    finish: str = strawberry.field(description="The offset behind the last byte.")
    at: datetime | None = strawberry.field(description="When the server saw them, to about 0.1 s.")
    lines: list[str] = strawberry.field(
        description="Without line ends. What is no UTF-8 appears as `\\xNN`; a line over 64 KiB is cut and marked."
    )
    gap: StreamGap | None = strawberry.field(
        description="Set when these bytes are gone or were skipped; `lines` is empty."
    )
    end: StreamEnd | None = strawberry.field(description="Set on the last item.")


def logs(item: LogBatch | End, offsets: dict[str, int]) -> EnvironmentLogs:
    """A batch as GraphQL shows it; `offsets` is the reader's place in each unit and is moved on."""
    if isinstance(item, End):
        return EnvironmentLogs(
            cursor=encode_offsets(offsets),
            service="",
            replica=0,
            start="0",
            finish="0",
            at=None,
            lines=[],
            gap=None,
            end=StreamEnd(reason=item.reason),
        )
    offsets[item.unit_id] = item.end
    start, finish = str(item.start), str(item.end)
    return EnvironmentLogs(
        cursor=encode_offsets(offsets),
        service=item.service,
        replica=item.replica,
        start=start,
        finish=finish,
        at=item.at,
        lines=list(item.lines),
        gap=StreamGap(start=start, end=finish) if item.gap else None,
        end=None,
    )
