"""References such as `${services.db.url}`: found, judged and resolved.

In values (`env`, `working_dir`) every `${…}` is a reference, and `$${` is a literal `${`. In commands only those of our
namespaces are, for all others belong to the shell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from app.blueprints.document import Blueprint, Command, Port, Service
from app.blueprints.errors import UnresolvedReference
from app.blueprints.problems import closest, short

NAMESPACES = ("services", "secrets", "environment")
_SERVICE_ATTRIBUTES = ("url", "host", "port", "urls", "ports")
_ENVIRONMENT_ATTRIBUTES = ("id", "name")
_IN_VALUE = re.compile(r"\$\$\{|\$\{([^{}]*)(\}?)")
_IN_COMMAND = re.compile(r"\$\{((?:services|secrets|environment)\.[^{}\s]*)(\}?)")

LOCALHOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Reference:
    """One `${…}`, taken apart at its dots; it may name things that do not exist."""

    text: str
    path: tuple[str, ...]
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Known:
    """What references may name. A service in `names` only is there, but its own part is not valid."""

    services: Mapping[str, Service]
    names: Collection[str]
    #: None when it is not known which secrets there are.
    secrets: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What references resolve to in one environment."""

    blueprint: Blueprint
    #: `service/port/replica` -> number, as `Engine.reserve` gives it.
    addresses: Mapping[str, int]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment_id: str = ""
    environment_name: str = ""
    #: Where a service is reached, if not on this machine.
    hosts: Mapping[str, str] = field(default_factory=dict)


def references(text: str, *, command: bool = False) -> list[Reference]:
    """All references in a value, or in a command."""
    pattern = _IN_COMMAND if command else _IN_VALUE
    return [_reference(match) for match in pattern.finditer(text) if match[1] is not None]


def resolve(text: str, scope: Scope, *, command: bool = False) -> str:
    """The text with its references replaced."""

    def replacement(match: re.Match[str]) -> str:
        return "${" if match[1] is None else _resolved(_reference(match), scope)

    return (_IN_COMMAND if command else _IN_VALUE).sub(replacement, text)


def fault(reference: Reference, known: Known) -> tuple[str, str | None, str] | None:
    """Message, suggestion and code if the reference names nothing that is there."""
    if not reference.closed:
        return f"`{short(reference.text)}` has no closing `}}`", None, "UNKNOWN_REFERENCE"
    match reference.path:
        case ("environment", attribute):
            return _not_among(reference, attribute, _ENVIRONMENT_ATTRIBUTES, "${{environment.{}}}")
        case ("secrets", name) if name:
            return None if known.secrets is None else _secret_fault(name, known.secrets)
        case ("services", name, attribute, *rest) if len(rest) == (attribute in ("urls", "ports")):
            return _service_fault(reference, name, attribute, rest, known)
    return _unknown(reference)


def variables(service_name: str, replica: int, scope: Scope) -> dict[str, str]:
    """All environment variables of one replica, with nothing left to resolve."""
    service = scope.blueprint.services[service_name]
    found = {
        "HOST": LOCALHOST,
        "SOUNDSTAGE_ENVIRONMENT": scope.environment_id,
        "SOUNDSTAGE_SERVICE": service_name,
        "SOUNDSTAGE_REPLICA": str(replica),
    }
    for index, port in enumerate(service.ports):
        number = str(_number(service_name, port, replica, scope))
        found |= {"PORT": number} if index == 0 else {}
        found[port_variable(port.name)] = number
    for name, value in {**scope.blueprint.env, **service.env}.items():
        found[name] = resolve(value, scope)
    return found


def command(value: Command, scope: Scope) -> tuple[str, ...]:
    """The words to execute for any command of a Blueprint; text goes to the shell."""
    if isinstance(value, str):
        return ("/bin/sh", "-c", resolve(value, scope, command=True))
    return tuple(resolve(word, scope, command=True) for word in value)


def port_variable(port_name: str) -> str:
    """The variable that holds the port's number: `PORT_HTTP` for `http`."""
    return "PORT_" + port_name.upper().replace("-", "_")


def _reference(match: re.Match[str]) -> Reference:
    return Reference(match[0], tuple(match[1].split(".")), closed=bool(match[2]))


def _unknown(reference: Reference) -> tuple[str, str | None, str]:
    name = short(reference.text)
    first = reference.path[0].strip()
    if len(reference.path) > 1:
        suggestion = closest(first, NAMESPACES, "${{{}.…}}") if first not in NAMESPACES else None
        suggestion = (
            suggestion or "references look like `${services.db.url}`, `${secrets.TOKEN}`, `${environment.name}`"
        )
    else:
        suggestion = f"write `$${{{short(first)}}}` for the text itself"
    return f"`{name}` is not a reference", suggestion, "UNKNOWN_REFERENCE"


def _not_among(
    reference: Reference, word: str, known: Collection[str], template: str
) -> tuple[str, str | None, str] | None:
    if word in known:
        return None
    suggestion = closest(word, known, template) or "known are " + ", ".join(f"`{name}`" for name in known)
    return f"`{short(reference.text)}` is not a reference", suggestion, "UNKNOWN_REFERENCE"


def _secret_fault(name: str, secrets: Collection[str]) -> tuple[str, str | None, str] | None:
    if name in secrets:
        return None
    suggestion = closest(name, secrets, "${{secrets.{}}}") or "create the secret first"
    return f"there is no secret `{short(name)}`", suggestion, "UNKNOWN_SECRET"


def _service_fault(
    reference: Reference, name: str, attribute: str, rest: list[str], known: Known
) -> tuple[str, str | None, str] | None:
    if name not in known.names:
        tail = ".".join([attribute, *rest]).replace("{", "").replace("}", "")
        suggestion = closest(name, known.names, "${{services.{}." + tail + "}}")
        return f"there is no service `{short(name)}`", suggestion, "UNKNOWN_SERVICE"
    if attribute not in _SERVICE_ATTRIBUTES:
        return _not_among(reference, attribute, _SERVICE_ATTRIBUTES, f"${{{{services.{name}.{{}}}}}}")
    service = known.services.get(name)
    if service is None or attribute == "host":
        return None
    ports = [port.name for port in service.ports]
    if not ports:
        return f"`{short(reference.text)}`: service `{name}` has no ports", "add `ports: [http]` to it", "UNKNOWN_PORT"
    if rest and rest[0] not in ports:
        suggestion = closest(rest[0], ports, f"${{{{services.{name}.{attribute}.{{}}}}}}")
        suggestion = suggestion or "its ports are " + ", ".join(f"`{port}`" for port in ports)
        return f"service `{name}` has no port `{short(rest[0])}`", suggestion, "UNKNOWN_PORT"
    return None


def _resolved(reference: Reference, scope: Scope) -> str:
    services = scope.blueprint.services
    if found := fault(reference, Known(services, services, scope.secrets)):
        raise UnresolvedReference(found[0], reference=reference.text)
    match reference.path:
        case ("environment", attribute):
            return scope.environment_id if attribute == "id" else scope.environment_name
        case ("secrets", name):
            return scope.secrets[name]
        case (_, name, "host"):
            return scope.hosts.get(name, LOCALHOST)
        case (_, name, "url" | "port" as attribute):
            return _address(name, services[name].ports[0], attribute, scope)
    _, name, attribute, port_name = reference.path
    port = next(port for port in services[name].ports if port.name == port_name)
    return _address(name, port, attribute.removesuffix("s"), scope)


def _address(service_name: str, port: Port, attribute: str, scope: Scope) -> str:
    number = _number(service_name, port, 0, scope)
    if attribute == "port":
        return str(number)
    return f"{port.protocol.value}://{scope.hosts.get(service_name, LOCALHOST)}:{number}"


def _number(service_name: str, port: Port, replica: int, scope: Scope) -> int:
    key = f"{service_name}/{port.name}/{replica}"
    if key not in scope.addresses:
        raise UnresolvedReference(f"no port was reserved for `{key}`", reference=key)
    return scope.addresses[key]
