"""From a Blueprint to the units that are to run, and what each waits for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from app.blueprints import references
from app.blueprints.document import Blueprint, Condition, Protocol, Service
from app.engines.base import (
    Limits,
    Observation,
    Probe,
    ProbeKind,
    Restart,
    RestartPolicy,
    Shutdown,
    Unit,
    UnitStatus,
)
from app.environments.models import Environment

#: A service's build runs as a unit of its own, before the first replica.
BUILD = ".build"

_SATISFIED = {
    Condition.STARTED: frozenset(UnitStatus) - {UnitStatus.FAILED, UnitStatus.STOPPED, UnitStatus.STOPPING},
    Condition.HEALTHY: frozenset({UnitStatus.RUNNING}),
    Condition.COMPLETED: frozenset({UnitStatus.COMPLETED}),
}


@dataclass(frozen=True, slots=True)
class PortFacts:
    """A port as it is reached."""

    name: str
    number: int
    url: str
    public: bool


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """A service as the Blueprint and the reserved ports tell it."""

    name: str
    replicas: int
    ports: tuple[PortFacts, ...]
    depends_on: tuple[str, ...]
    #: Whether it is to end by itself.
    completes: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The units that are to run, by id, and which others each service waits for."""

    units: Mapping[str, Unit]
    #: Service -> (service, condition) pairs.
    needs: Mapping[str, tuple[tuple[str, Condition], ...]]

    def startable(self, observed: Mapping[str, Observation], *, reapply: bool) -> list[Unit]:
        """Units that are due: never started and nothing to wait for, or to be started afresh."""
        return [
            unit
            for unit in self.units.values()
            if self._is_due(unit, observed.get(unit.id), reapply=reapply) and self._may_start(unit, observed)
        ]

    def _is_due(self, unit: Unit, seen: Observation | None, *, reapply: bool) -> bool:
        if seen is None or seen.attempt != unit.attempt or seen.status is UnitStatus.STOPPED:
            return True
        return reapply and seen.status is not UnitStatus.FAILED

    def _may_start(self, unit: Unit, observed: Mapping[str, Observation]) -> bool:
        seen, needs = observed.get(unit.id), self.needs[unit.service]
        if seen is not None and seen.status in (UnitStatus.RUNNING, UnitStatus.STARTING, UnitStatus.UNHEALTHY):
            # It had what it needs; only its own build may have to be made again before it is started afresh.
            needs = tuple(need for need in needs if need[0] == unit.service + BUILD)
        return all(self._holds(service, condition, observed) for service, condition in needs)

    def _holds(self, service: str, condition: Condition, observed: Mapping[str, Observation]) -> bool:
        replicas = [unit_id for unit_id, unit in self.units.items() if unit.service == service]
        return all(self._is(_SATISFIED[condition], observed.get(unit_id)) for unit_id in replicas)

    def _is(self, statuses: Collection[UnitStatus], seen: Observation | None) -> bool:
        """Whether a unit is in one of these, in the attempt that is wanted."""
        return seen is not None and seen.attempt == self.units[seen.unit_id].attempt and seen.status in statuses


def make_plan(environment: Environment, secrets: Mapping[str, str]) -> Plan:
    """All units of an environment; raises `UnresolvedReference` for a secret or port that is not there."""
    blueprint = Blueprint.model_validate(environment.blueprint)
    scope = references.Scope(
        blueprint,
        addresses=environment.ports,
        secrets=secrets,
        environment_id=environment.id,
        environment_name=environment.name,
    )
    units: dict[str, Unit] = {}
    needs: dict[str, tuple[tuple[str, Condition], ...]] = {}
    for name, service in blueprint.services.items():
        needs[name] = tuple(service.depends_on.items())
        replicas = range(environment.replicas.get(name, service.replicas))
        if service.build is not None and replicas:
            needs[name + BUILD] = ()
            needs[name] += ((name + BUILD, Condition.COMPLETED),)
            build = _unit(environment, name, service, 0, scope, build=True)
            units[build.id] = build
        for replica in replicas:
            unit = _unit(environment, name, service, replica, scope)
            units[unit.id] = unit
    return Plan(units, needs)


def wanted_ports(environment: Environment) -> tuple[dict[str, int], list[str]]:
    """Which ports to reserve ("service/port/replica" -> preferred number, 0 for any), and which of them are a must."""
    wanted: dict[str, int] = {}
    fixed: list[str] = []
    for name, service in environment.blueprint["services"].items():
        for replica in range(environment.replicas.get(name, service["replicas"])):
            for port in service["ports"]:
                key = f"{name}/{port['name']}/{replica}"
                wanted[key] = port["port"] or environment.ports.get(key, 0)
                if port["port"]:
                    fixed.append(key)
    # References lead to replica 0, which has a port even while the service is scaled to none.
    for name, service in environment.blueprint["services"].items():
        for port in service["ports"]:
            key = f"{name}/{port['name']}/0"
            wanted.setdefault(key, port["port"] or environment.ports.get(key, 0))
    return wanted, fixed


def stop_order(environment: Environment) -> list[list[str]]:
    """Services in levels: nothing stops before what needs it."""
    return Blueprint.model_validate(environment.blueprint).stop_order()


def service_facts(environment: Environment) -> list[ServiceFacts]:
    """What is known of the services without asking the engine."""
    return [_facts(environment, name, service) for name, service in environment.blueprint["services"].items()]


def entry_url(environment: Environment) -> str | None:
    """Where a person enters: a public port, else the first port of a service that no other waits for, else any."""
    services = service_facts(environment)
    awaited = {name for facts in services for name in facts.depends_on}
    doors = [(not port.public, facts.name in awaited, port.url) for facts in services for port in facts.ports]
    return min(doors, key=lambda door: door[:2], default=(0, 0, None))[2]


def _facts(environment: Environment, name: str, service: Mapping[str, Any]) -> ServiceFacts:
    ports = []
    for port in service["ports"]:
        number = environment.ports.get(f"{name}/{port['name']}/0")
        if number is not None:
            ports.append(PortFacts(port["name"], number, _url(port["protocol"], number), port["public"]))
    return ServiceFacts(
        name=name,
        replicas=environment.replicas.get(name, service["replicas"]),
        ports=tuple(ports),
        depends_on=tuple(service["depends_on"]),
        completes=service["completes"],
    )


def _url(protocol: str, number: int) -> str:
    scheme = "http" if protocol == Protocol.HTTP else "tcp"
    return f"{scheme}://{references.LOCALHOST}:{number}"


def _unit(
    environment: Environment,
    name: str,
    service: Service,
    replica: int,
    scope: references.Scope,
    *,
    build: bool = False,
) -> Unit:
    run = service.build.run if build and service.build else service.run
    service_name = name + BUILD if build else name
    unit_id = f"{environment.id}/{service_name}/{replica}"
    limits = service.resources
    return Unit(
        environment_id=environment.id,
        service=service_name,
        replica=replica,
        command=references.command(run, scope) if run is not None else (),
        image=service.image or "",
        variables=references.variables(name, replica, scope),
        working_directory=references.resolve(service.working_dir, scope),
        folder=environment.folder,
        reads=tuple(environment.reads),
        ports={port.name: environment.ports[f"{name}/{port.name}/{replica}"] for port in service.ports},
        volumes={volume.name: volume.path for volume in service.volumes},
        probe=None if build else _probe(service, scope),
        restart=Restart(RestartPolicy.NEVER) if build else _restart(service),
        limits=Limits(limits.cpu, limits.memory, limits.pids, limits.open_files),
        shutdown=_shutdown(service, scope),
        isolation=environment.isolation,
        one_shot=build or service.completes,
        attempt=environment.attempts.get(unit_id, 0),
    )


def _probe(service: Service, scope: references.Scope) -> Probe | None:
    health = service.health
    if health is None:
        return None
    kind = health.kind
    port = health.port or ""
    if kind is ProbeKind.TCP and health.tcp != "default":
        port = health.tcp or ""
    return Probe(
        kind=kind,
        target={ProbeKind.HTTP: health.http, ProbeKind.LOG: health.log}.get(kind) or "",
        command=references.command(health.exec, scope) if health.exec is not None else (),
        port=port,
        interval=health.interval,
        timeout=health.timeout,
        retries=health.retries,
        start_period=health.start_period,
    )


def _restart(service: Service) -> Restart:
    restart = service.restart
    return Restart(restart.policy, restart.backoff, restart.backoff_limit, restart.max)


def _shutdown(service: Service, scope: references.Scope) -> Shutdown:
    shutdown = service.shutdown
    command = references.command(shutdown.command, scope) if shutdown.command is not None else ()
    return Shutdown(shutdown.signal, shutdown.grace, command)
