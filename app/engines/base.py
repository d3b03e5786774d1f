"""Where services run. One interface, which every engine keeps; its contract is tests/engines/contract.py.

An engine runs *units*: a unit is one replica of one service (or its one-shot build step). An engine supervises its
units by itself — probes, restarts with backoff — and goes on doing so while the control plane is down. The
control plane decides which units are to exist, and in which order they start.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

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
    #: Port name -> number; reserved beforehand by `Engine.reserve`.
    ports: Mapping[str, int] = field(default_factory=dict)
    #: Volume name -> absolute mount path. Engines without mounts of their own link it (see `volumes_variable`).
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
class LogBatch:
    """Lines of one unit that follow each other. Positions are byte offsets in the unit's whole output."""

    unit_id: str
    service: str
    replica: int
    #: The offset of the first byte, and the one after the last byte.
    start: int
    end: int
    #: When the engine saw them; exact to about 0.1 s.
    at: datetime
    #: Without line ends. Bytes that are no UTF-8 are shown as `\\xNN`. Longer than `LINE_LIMIT` is cut and marked.
    lines: tuple[str, ...] = ()
    #: These bytes are no longer there, or were skipped because the reader was too slow: `lines` is empty.
    gap: bool = False


#: Bytes of one log line that a reader gets; the rest is replaced by a mark that tells how long the line was.
LINE_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do on this machine."""

    name: str
    isolation: Sequence[Isolation]  # strongest first
    runs_images: bool
    #: Limit name -> mechanism or "none".
    limits: Mapping[str, str]


class Engine(Protocol):
    """Runs units. Every call may be repeated: a second one with the same arguments changes nothing.

    `epoch` is the fencing token of the caller's lease on the environment: a call with a lower one than the engine
    has seen for that environment raises `StaleEpoch` and does nothing.
    """

    async def capabilities(self) -> Capabilities:
        """What the engine can do on this machine."""

    async def reserve(
        self, environment_id: str, wanted: Mapping[str, int], *, epoch: int
    ) -> dict[str, int]:
        """Free ports for the names in `wanted` ("service/port/replica" -> preferred number, 0 for any), kept until `destroy`."""

    async def apply(self, unit: Unit, *, epoch: int) -> Observation:
        """Make the unit run as described; returns once its process exists and is recorded."""

    async def observe(self, environment_id: str | None = None) -> list[Observation]:
        """All units of one environment, or of all."""

    def changes(self) -> AsyncIterator[str]:
        """The ids of environments with a change, as they happen. A hint: some may be missing, some doubled."""

    async def stop(self, environment_id: str, service: str = "", replica: int | None = None, *, epoch: int) -> None:
        """Stop units gracefully, then by force, with all their children; returns when they are gone. Data stay."""

    async def destroy(self, environment_id: str, *, epoch: int) -> None:
        """Stop everything of the environment at once and remove its folders, volumes, logs and ports."""

    def logs(
        self, environment_id: str, service: str = "", after: Mapping[str, int] | None = None, *, follow: bool = False
    ) -> AsyncIterator[LogBatch]:
        """Output of one service or of all, each unit from the offset in `after` (unit id -> offset) or from its start.

        Ends at the present end, or with `follow` when the environment is destroyed.
        """

    async def tail(
        self, environment_id: str, service: str = "", *, lines: int, since: datetime | None = None
    ) -> list[LogBatch]:
        """The last `lines` lines, in the order of their times, of one service or of all."""

    async def close(self) -> None:
        """Let go of connections and tasks. What runs goes on running."""


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


