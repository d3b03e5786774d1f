"""What the runner and the engines speak about: units, how they are supervised, and what is seen of them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.core.errors import Conflict, Unavailable, Unprocessable


class Isolation(enum.StrEnum):
    """How far a service is kept from the machine, strongest first."""

    NAMESPACE = "namespace"  # bubblewrap or user namespaces: own pid, ipc and mount namespaces
    LANDLOCK = "landlock"  # the kernel refuses writes outside the environment's folders
    PLAIN = "plain"  # an ordinary process


class ProbeKind(enum.StrEnum):
    HTTP = "http"
    TCP = "tcp"
    EXEC = "exec"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Probe:
    """How to see that a unit is healthy. Times are in seconds."""

    kind: ProbeKind
    #: http: the path; exec: unused; log: a regular expression that a line has to contain.
    target: str = ""
    command: tuple[str, ...] = ()
    #: http, tcp: which of the unit's ports; the first when empty.
    port: str = ""
    interval: float = 1.0
    timeout: float = 1.0
    #: Failures in a row before a unit that was healthy counts as unhealthy, and before one that starts has failed.
    retries: int = 30
    #: Seconds after the start in which failures do not count.
    start_period: float = 0.0


class RestartPolicy(enum.StrEnum):
    NEVER = "never"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Restart:
    policy: RestartPolicy = RestartPolicy.ON_FAILURE
    #: Seconds before the first restart; doubled each time, up to `backoff_limit`.
    backoff: float = 1.0
    backoff_limit: float = 60.0
    #: Restarts in a row (a healthy minute ends the row) before the unit has failed; None is no limit.
    max: int | None = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """What a unit may use at most. None is no limit."""

    cpu: float | None = None  # cores
    memory: int | None = None  # bytes
    pids: int | None = None
    open_files: int | None = None


@dataclass(frozen=True, slots=True)
class Shutdown:
    signal: str = "SIGTERM"
    #: Seconds from the signal to SIGKILL for the whole process tree.
    grace: float = 10.0
    #: Run instead of the signal, when given.
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """What one replica of a service is to be. Everything is resolved: no references are left in it."""

    environment_id: str
    service: str
    replica: int
    #: Executed as it stands; text commands arrive as ("/bin/sh", "-c", text).
    command: tuple[str, ...]
    #: The container image, for engines that run images.
    image: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    #: Relative to the environment's working directory, or absolute.
    working_directory: str = ""
    #: What takes the place of the environment's working directory, relative to the data directory: a folder that is
    #: there, and is not the engine's to make or to remove.
    folder: str = ""
    #: Further paths in the data directory that the unit may read, where it does not see all of it.
    reads: tuple[str, ...] = ()
    #: Port name -> number; reserved beforehand by `Engine.reserve`.
    ports: Mapping[str, int] = field(default_factory=dict)
    #: Volume name -> mount path. SOUNDSTAGE_VOLUME_<NAME> holds the real path in every isolation level. Processes see
    #: the mount path itself only in a namespace of their own, or when it is relative: then it is a link in `work`.
    volumes: Mapping[str, str] = field(default_factory=dict)
    probe: Probe | None = None
    restart: Restart = field(default_factory=Restart)
    limits: Limits = field(default_factory=Limits)
    shutdown: Shutdown = field(default_factory=Shutdown)
    isolation: Isolation = Isolation.PLAIN
    #: A unit that is to end by itself (a migration, a build): exit 0 is `completed`, anything else is a failure.
    one_shot: bool = False
    #: Raised by `retry` and `restart`: a unit whose attempt differs is started afresh.
    attempt: int = 0

    @property
    def id(self) -> str:
        """`<environment>/<service>/<replica>`: the key by which applying twice is the same as once."""
        return f"{self.environment_id}/{self.service}/{self.replica}"


class UnitStatus(enum.StrEnum):
    STARTING = "starting"  # the process is there, and is not healthy yet
    RUNNING = "running"  # healthy, or has no probe
    UNHEALTHY = "unhealthy"  # was healthy, the probe fails now
    RESTARTING = "restarting"  # exited; waits for its backoff
    COMPLETED = "completed"  # a one-shot that ended with 0, or a service that ended and is not to be restarted
    FAILED = "failed"  # gave up: restarts used up, or never became healthy
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a unit is not running."""

    #: exit | signal | out_of_memory | probe | spawn | port | lost
    kind: str
    message: str
    exit_code: int | None = None
    signal: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What an engine sees of a unit now."""

    unit_id: str
    environment_id: str
    service: str
    replica: int
    status: UnitStatus
    #: Names what runs for good: "<pid>:<start time>" or a container's id. Empty when nothing runs.
    handle: str = ""
    pid: int | None = None
    attempt: int = 0
    #: How often it was started again by the restart policy since it was applied.
    restarts: int = 0
    started_at: datetime | None = None
    ready_at: datetime | None = None
    cause: Cause | None = None
    next_restart_at: datetime | None = None
    isolation: Isolation = Isolation.PLAIN
    #: Limit name -> the mechanism that enforces it ("cgroup", "rlimit"), or "none" where the machine offers none.
    enforced: Mapping[str, str] = field(default_factory=dict)
    #: Grows with each change the engine sees; an observation with a lower one is older.
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do on this machine."""

    name: str
    isolation: Sequence[Isolation]  # strongest first
    runs_images: bool
    #: Limit name -> mechanism or "none".
    limits: Mapping[str, str]


class EngineUnavailable(Unavailable):
    """The engine does not answer. It is tried again by itself; see `soundstage serve`'s log for the reason."""

    code = "ENGINE_UNAVAILABLE"


class StaleEpoch(Conflict):
    """Another control plane has taken over this environment."""

    code = "STALE_EPOCH"


class IsolationUnavailable(Unprocessable):
    """This machine does not offer the demanded isolation level."""

    code = "ISOLATION_UNAVAILABLE"


class EngineRefused(Unprocessable):
    """The engine cannot run this unit as described."""

    code = "ENGINE_REFUSED"


class PortTaken(Conflict):
    """A demanded port is in use by another program."""

    code = "PORT_TAKEN"
