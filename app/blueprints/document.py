"""What a Blueprint is, once read: every shorthand written out, times in seconds, sizes in bytes, CPU in cores."""

from __future__ import annotations

import enum
import graphlib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StringConstraints

from app.blueprints import shorthand
from app.blueprints.quantities import Cores, Seconds, Size, SomeSeconds
from app.blueprints.quantities import parse_duration as parse_duration
from app.engines.base import ProbeKind, RestartPolicy

MAX_SERVICES = 100
MAX_REPLICAS = 20

ServiceName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z][a-z0-9-]{0,39}$")]
PortName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
VolumeName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
VariableName = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,254}$")]
Text = Annotated[str, StringConstraints(strict=True, max_length=4096)]
SomeText = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=4096)]

#: Text for `/bin/sh -c`, or the words of a program's call.
Command = Annotated[
    str | tuple[str, ...], BeforeValidator(shorthand.command, json_schema_input_type=shorthand.CommandSource)
]
Variables = Mapping[
    VariableName, Annotated[str, BeforeValidator(shorthand.variable, json_schema_input_type=str | float | bool)]
]


class Protocol(enum.StrEnum):
    """What is spoken on a port."""

    HTTP = "http"
    TCP = "tcp"


class Condition(enum.StrEnum):
    """What a service waits for in another one before it starts."""

    STARTED = "started"
    HEALTHY = "healthy"
    COMPLETED = "completed"


class Part(BaseModel):
    """What all parts of a Blueprint have in common: no unknown keys, and no change after reading."""

    # The text under an attribute describes it; json_schema reads it there. pydantic would at each start.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


def _name_or_number(schema: dict[str, Any]) -> None:
    schema.pop("required", None)
    schema["anyOf"] = [{"required": ["name"]}, {"required": ["port"]}]


class Port(Part):
    """A port that the service listens on. A name or a number alone may be written in its place: `[http, 8080]`."""

    model_config = ConfigDict(json_schema_extra=_name_or_number)

    name: PortName
    """How others name the port: `${services.api.ports.http}`. Its number is in the variable `PORT_<NAME>`. A
    port with a fixed number may go without: its name is the number."""
    port: Annotated[StrictInt, Field(ge=1, le=65535)] | None = None
    """The number. When given, the service gets this one or does not start; otherwise a free port is found."""
    protocol: Protocol = Protocol.HTTP
    """What is spoken on it: `http` makes URLs such as `http://127.0.0.1:4711`, `tcp` such as `tcp://127.0.0.1:4711`."""
    public: StrictBool = False
    """Whether the port may be reached from other machines, where the engine offers that."""


class Health(Part):
    """How to see that a service is ready for use. Exactly one of `http`, `tcp`, `exec` and `log` is given."""

    http: Annotated[str, StringConstraints(strict=True, pattern=r"^/", max_length=2048)] | None = None
    """The path that answers with a status from 200 to 399 when the service is healthy."""
    tcp: PortName | None = None
    """The name of the port that accepts connections when the service is healthy; `default` is the first one."""
    exec: Command | None = None
    """The command that ends with 0 when the service is healthy. It gets the service's variables."""
    log: Annotated[str, BeforeValidator(shorthand.pattern, json_schema_input_type=str)] | None = None
    """A regular expression; the service is healthy once a line of its output contains a match."""
    port: PortName | None = None
    """Which port `http` asks, by name; the first one when it is not given."""
    interval: SomeSeconds = 1.0
    """The time between two checks."""
    timeout: SomeSeconds = 1.0
    """How long one check may take."""
    retries: Annotated[StrictInt, Field(ge=1, le=10_000)] = 30
    """How many checks in a row have to fail before the service counts as unhealthy, or its start as failed."""
    start_period: Seconds = 0.0
    """The time after the start in which failed checks do not count."""

    @property
    def kind(self) -> ProbeKind:
        """Which of the four kinds it is."""
        return next(kind for kind in ProbeKind if getattr(self, kind.value) is not None)


class Restart(Part):
    """What happens when the service ends. A policy alone may be written as text: `restart: always`."""

    policy: RestartPolicy = RestartPolicy.ON_FAILURE
    """When to start it again: `never`, `on-failure` (an exit code other than 0, or a signal) or `always`."""
    backoff: Seconds = 1.0
    """The wait before the first restart; it doubles with each one that follows."""
    backoff_limit: Seconds = 60.0
    """The longest wait between two restarts."""
    max: Annotated[StrictInt, Field(ge=0, le=1_000_000)] | None = 5
    """Restarts in a row before the service has failed; a healthy minute ends the row. `null` is no limit."""


class Resources(Part):
    """The most that one replica may use. What is not given is not limited."""

    cpu: Cores | None = None
    """CPU: `500m` is half a core, `2` is two cores."""
    memory: Size | None = None
    """Memory, such as `256Mi`. A service that needs more is ended."""
    pids: Annotated[StrictInt, Field(ge=1, le=4_194_304)] | None = None
    """How many processes and threads there may be."""
    open_files: Annotated[StrictInt, Field(ge=1, le=1_048_576)] | None = None
    """How many files and connections one process may hold open."""


class Shutdown(Part):
    """How the service is asked to end."""

    signal: Annotated[str, BeforeValidator(shorthand.signal_name, json_schema_input_type=str)] = "SIGTERM"
    """The signal that asks it to end."""
    grace: Seconds = 10.0
    """How long it may take; after that it is ended by force, with all its children."""
    command: Command | None = None
    """A command to run instead of the signal. It gets the service's variables."""


class Build(Part):
    """What makes the service ready to start. A command alone may be written in its place: `build: make`."""

    run: Command
    """The command, run to its end with the service's variables. The service starts if it ends with 0."""
    timeout: SomeSeconds = 600.0
    """How long it may take."""


class Volume(Part):
    """A folder that outlives restarts. Written as `name:/path`."""

    name: VolumeName
    """Services which name the same volume share it."""
    path: Annotated[str, BeforeValidator(shorthand.volume_path, json_schema_input_type=str)]
    """The path at which the service finds it: absolute, or relative to the environment's folder."""


PortShape = Annotated[Port, BeforeValidator(shorthand.port, json_schema_input_type=shorthand.PortSource | Port)]
RestartShape = Annotated[Restart, BeforeValidator(shorthand.restart, json_schema_input_type=RestartPolicy | Restart)]
BuildShape = Annotated[Build, BeforeValidator(shorthand.build, json_schema_input_type=shorthand.CommandSource | Build)]
VolumeShape = Annotated[
    Volume, BeforeValidator(shorthand.volume, json_schema_input_type=shorthand.VolumeSource | Volume)
]
DependsOn = Annotated[
    Mapping[ServiceName, Condition],
    BeforeValidator(shorthand.depends_on, json_schema_input_type=list[ServiceName] | Mapping[ServiceName, Condition]),
]


class Service(Part):
    """One program of the environment, in one or more replicas."""

    run: Command | None = None
    """The command. Text goes to `/bin/sh -c`, so `$PORT` and the like are the shell's; a list is executed as it stands.
    `${services.…}`, `${secrets.…}` and `${environment.…}` are filled in before; prefer `env` for secrets, for commands
    are visible to other programs of the machine."""
    image: Annotated[str, BeforeValidator(shorthand.image, json_schema_input_type=str)] | None = None
    """The container image, for engines that run images. Either this or `run` is given."""
    build: BuildShape | None = None
    """A command that runs to its end before the service starts."""
    env: Variables = Field(default_factory=dict)
    """Environment variables. Values may refer to services, secrets and the environment: `${services.db.url}`,
    `${secrets.TOKEN}`, `${environment.name}`. `$${` is a literal `${`. Numbers and `yes`/`no` arrive just as
    they are written."""
    ports: tuple[PortShape, ...] = Field(default=(), max_length=50)
    """The ports it listens on: names for which a free port is found, or numbers. The first one is `$PORT`."""
    depends_on: DependsOn = Field(default_factory=dict)
    """The services to wait for, each with `started`, `healthy` or `completed`; a list means `started`."""
    health: Health | None = None
    """How to see that the service is ready. Without it, a service is ready once it runs."""
    restart: RestartShape = Restart()
    """What happens when the service ends."""
    resources: Resources = Resources()
    """The most that one replica may use."""
    replicas: Annotated[StrictInt, Field(ge=1, le=MAX_REPLICAS)] = 1
    """How many of it run. The number of each is in `SOUNDSTAGE_REPLICA`, from 0; URLs lead to replica 0."""
    volumes: tuple[VolumeShape, ...] = Field(default=(), max_length=50)
    """Named folders that outlive restarts, as `name:/path`, or `name:path` inside the environment's folder. The
    variable `SOUNDSTAGE_VOLUME_<NAME>` holds where the folder really is, which without mounts is another path."""
    working_dir: Text = ""
    """Where the command runs: absolute, or relative to the environment's folder."""
    shutdown: Shutdown = Shutdown()
    """How the service is asked to end, and how long that may take."""
    completes: StrictBool = False
    """The service is to end by itself, as a migration does: exit code 0 is success, and anything else is tried again by
    the restart policy. Others can wait for it with `depends_on: {migrate: completed}`."""
    description: Text = ""
    """What the service is for, in a sentence."""


class Blueprint(Part):
    """A set of services that are brought up together."""

    name: ServiceName = "environment"
    """What it is called; environments made from it are named after it unless they get a name of their own."""
    description: Text = ""
    """What it is for, in a sentence."""
    env: Variables = Field(default_factory=dict)
    """Environment variables for all services; a service's own `env` goes before."""
    services: Annotated[Mapping[ServiceName, Service], Field(min_length=1, max_length=MAX_SERVICES)]
    """The services by name."""
    auto_shutdown: SomeSeconds | None = None
    """Stop the environment after this time without use, such as `4h`. Without it, it runs until it is stopped."""

    def start_order(self) -> list[list[str]]:
        """Service names in levels: each level waits only for those before it, and is in alphabetical order."""
        sorter = graphlib.TopologicalSorter({name: service.depends_on for name, service in self.services.items()})
        sorter.prepare()
        levels = []
        while level := sorted(sorter.get_ready()):
            levels.append(level)
            sorter.done(*level)
        return levels

    def stop_order(self) -> list[list[str]]:
        """The start order backwards: nothing stops before what needs it."""
        return self.start_order()[::-1]

    def ports_wanted(self, replicas: Mapping[str, int] | None = None) -> dict[str, int]:
        """`service/port/replica` -> the fixed number, or 0 for any free one: what an engine is to reserve.

        `replicas` are numbers that differ from the Blueprint's. Replica 0 is always there, for others refer to it.
        """
        numbers = {name: service.replicas for name, service in self.services.items()} | dict(replicas or {})
        return {
            f"{name}/{port.name}/{replica}": port.port or 0
            for name, service in self.services.items()
            for replica in range(max(1, numbers[name]))
            for port in service.ports
        }

    def as_source(self) -> dict[str, Any]:
        """The Blueprint as data that reads back as the same Blueprint."""
        return self.model_dump(mode="json")
