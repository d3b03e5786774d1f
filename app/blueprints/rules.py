"""What has to fit together in a Blueprint: each rule looks at parts that are valid by themselves."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping

from app.blueprints.document import Command, Condition, Port, Service
from app.blueprints.problems import Finding, Path, closest, short
from app.blueprints.references import Known, fault, references
from app.engines.base import ProbeKind, RestartPolicy


def findings(env: Mapping[str, str], known: Known) -> Iterator[Finding]:
    """Everything that does not fit, service by service, then between them."""
    yield from _references_in_env(("env",), env, known)
    for name, service in known.services.items():
        yield from _of_service(("services", name), service, env)
        yield from _dependencies(name, service, known)
        yield from _references(("services", name), service, known)
    yield from _reserved_variables(("env",), env, any(service.ports for service in known.services.values()))
    yield from _ports_taken_twice(known.services)
    yield from _cycles(known.services)


def _of_service(path: Path, service: Service, env: Mapping[str, str]) -> Iterator[Finding]:
    yield from _program(path, service)
    yield from _ports(path, service)
    yield from _health(path, service)
    yield from _volumes(path, service)
    yield from _reserved_variables((*path, "env"), service.env, bool(service.ports))


def _program(path: Path, service: Service) -> Iterator[Finding]:
    if service.run is None and service.image is None:
        yield Finding(path, "the service has neither `run` nor `image`", "write `run:` with a command", "MISSING_KEY")
    if service.run is not None and service.image is not None:
        yield Finding((*path, "image"), "the service has both `run` and `image`", "keep one of them", "CONFLICT", True)
    if service.build is not None and service.run is None and service.image is not None:
        yield Finding((*path, "build"), "`build` goes with `run`, not with `image`", code="CONFLICT", at_key=True)
    if service.completes and service.restart.policy is RestartPolicy.ALWAYS:
        message = "a service that completes cannot be restarted always"
        yield Finding((*path, "restart"), message, "use `on-failure` or `never`", "CONFLICT")


def _ports(path: Path, service: Service) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, port in enumerate(service.ports):
        place = (*path, "ports", index)
        if port.name in seen:
            yield Finding(place, f"there are two ports named `{port.name}`", "give each its own name", "DUPLICATE_NAME")
        if port.name == "default":
            yield Finding(place, "a port cannot be named `default`, which means the first port")
        if port.port is not None and service.replicas > 1:
            message = f"{service.replicas} replicas cannot share the fixed port {port.port}"
            yield Finding(place, message, "leave out the number: each replica gets a free port", "CONFLICT")
        seen.add(port.name)


def _ports_taken_twice(services: Mapping[str, Service]) -> Iterator[Finding]:
    taken: dict[int, str] = {}
    for name, service in services.items():
        for index, port in enumerate(service.ports):
            if port.port is None:
                continue
            if port.port in taken:
                message = f"port {port.port} is already taken by service `{taken[port.port]}`"
                yield Finding(("services", name, "ports", index), message, "leave out one of the numbers", "CONFLICT")
            taken.setdefault(port.port, name)


def _health(path: Path, service: Service) -> Iterator[Finding]:
    health, path = service.health, (*path, "health")
    if health is None:
        return
    kinds = [kind.value for kind in ProbeKind if getattr(health, kind.value) is not None]
    if len(kinds) != 1:
        listed = " and ".join(f"`{kind}`" for kind in kinds)
        message = f"the check has {listed}: it can be of one kind only" if kinds else "the check has no kind"
        yield Finding(path, message, "give one of `http`, `tcp`, `exec` and `log`", "CONFLICT")
        return
    if health.port is not None and kinds != ["http"]:
        yield Finding((*path, "port"), "`port` goes with `http` only", code="CONFLICT", at_key=True)
    if kinds[0] in ("http", "tcp") and not service.ports:
        message = f"the `{kinds[0]}` check needs a port, and the service has none"
        yield Finding((*path, kinds[0]), message, "add `ports: [http]` to the service", "UNKNOWN_PORT")
    elif kinds == ["tcp"] and health.tcp != "default":
        yield from _port_named((*path, "tcp"), str(health.tcp), service.ports)
    elif kinds == ["http"] and health.port not in (None, "default"):
        yield from _port_named((*path, "port"), str(health.port), service.ports)


def _port_named(path: Path, name: str, ports: tuple[Port, ...]) -> Iterator[Finding]:
    names = [port.name for port in ports]
    if name not in names:
        suggestion = closest(name, names) or "its ports are " + ", ".join(f"`{port}`" for port in names)
        yield Finding(path, f"the service has no port `{name}`", suggestion, "UNKNOWN_PORT")


def _volumes(path: Path, service: Service) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for index, volume in enumerate(service.volumes):
        for what, value in (("volume", volume.name), ("path", volume.path)):
            if (what, value) in seen:
                message = f"the {what} `{short(value)}` is mounted twice"
                yield Finding((*path, "volumes", index), message, code="DUPLICATE_NAME")
            seen.add((what, value))


def _reserved_variables(path: Path, env: Mapping[str, str], has_ports: bool) -> Iterator[Finding]:
    for name in env:
        if name.startswith("SOUNDSTAGE_"):
            yield Finding((*path, name), f"`{name}` is set by Soundstage", "choose another name", "CONFLICT", True)
        elif has_ports and (name == "PORT" or name.startswith("PORT_")):
            message = f"`{name}` is set by Soundstage where a service has ports"
            yield Finding((*path, name), message, "for a fixed number write `ports: [8080]`", "CONFLICT", True)


def _dependencies(name: str, service: Service, known: Known) -> Iterator[Finding]:
    for other, condition in service.depends_on.items():
        path = ("services", name, "depends_on", other)
        target = known.services.get(other)
        if other not in known.names:
            message = f"there is no service `{other}`"
            yield Finding(path, message, closest(other, known.names), "UNKNOWN_SERVICE", at_key=True)
        elif target is None:
            continue
        elif condition is Condition.HEALTHY and target.health is None:
            suggestion = f"add `health` to `{other}`, or wait for `started`"
            yield Finding(path, f"service `{other}` has no `health` to wait for", suggestion, "CONFLICT")
        elif condition is Condition.COMPLETED and not target.completes:
            message = f"service `{other}` is not one that completes"
            yield Finding(path, message, f"add `completes: true` to `{other}`", "CONFLICT")


def _cycles(services: Mapping[str, Service]) -> Iterator[Finding]:
    waits = {name: [other for other in service.depends_on if other in services] for name, service in services.items()}
    while True:
        try:
            graphlib.TopologicalSorter(waits).prepare()
            return
        except graphlib.CycleError as error:
            # Told from what waits to what it waits for; from the service that was written first.
            cycle = error.args[1][-1:0:-1]
        first = min(range(len(cycle)), key=lambda index: list(services).index(cycle[index]))
        cycle = cycle[first:] + cycle[:first]
        told = " → ".join(f"`{name}`" for name in [*cycle, cycle[0]])
        path = ("services", cycle[0], "depends_on", cycle[1 % len(cycle)])
        yield Finding(path, f"these services wait for each other: {told}", None, "DEPENDENCY_CYCLE", at_key=True)
        waits = {
            name: [other for other in others if other not in cycle]
            for name, others in waits.items()
            if name not in cycle
        }


def _references(path: Path, service: Service, known: Known) -> Iterator[Finding]:
    yield from _references_in_env((*path, "env"), service.env, known)
    yield from _in_text((*path, "working_dir"), service.working_dir, known)
    commands: tuple[tuple[Path, Command | None], ...] = (
        (("run",), service.run),
        (("build", "run"), service.build.run if service.build else None),
        (("health", "exec"), service.health.exec if service.health else None),
        (("shutdown", "command"), service.shutdown.command),
    )
    for keys, command in commands:
        if isinstance(command, str):
            yield from _in_text((*path, *keys), command, known, command=True)
        for index, word in enumerate(command if isinstance(command, tuple) else ()):
            yield from _in_text((*path, *keys, index), word, known, command=True)


def _references_in_env(path: Path, env: Mapping[str, str], known: Known) -> Iterator[Finding]:
    for name, value in env.items():
        yield from _in_text((*path, name), value, known)


def _in_text(path: Path, text: str, known: Known, *, command: bool = False) -> Iterator[Finding]:
    for reference in references(text, command=command):
        if found := fault(reference, known):
            message, suggestion, code = found
            yield Finding(path, message, suggestion, code)
