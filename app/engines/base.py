"""Where services run. One interface, which every engine keeps; its contract is tests/engines/contract.py.

An engine runs *units*: a unit is one replica of one service (or its one-shot build step). An engine supervises its
units by itself — probes, restarts with backoff — and goes on doing so while the control plane is down. The
control plane decides which units are to exist, and in which order they start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.runner.model import (
    Capabilities,
    Cause,
    EngineRefused,
    EngineUnavailable,
    Isolation,
    IsolationUnavailable,
    Limits,
    Observation,
    PortTaken,
    Probe,
    ProbeKind,
    Restart,
    RestartPolicy,
    Shutdown,
    StaleEpoch,
    Unit,
    UnitStatus,
)
from app.runner.terminal_model import (
    InputBlocked,
    TerminalOrder,
    TerminalOver,
    TerminalState,
    TerminalUnknown,
    TooManyTerminals,
)

__all__ = [
    "LINE_LIMIT",
    "Capabilities",
    "Cause",
    "Engine",
    "EngineRefused",
    "EngineUnavailable",
    "InputBlocked",
    "Isolation",
    "IsolationUnavailable",
    "Limits",
    "LogBatch",
    "Observation",
    "PortTaken",
    "Probe",
    "ProbeKind",
    "Restart",
    "RestartPolicy",
    "Shutdown",
    "StaleEpoch",
    "TerminalEnd",
    "TerminalGap",
    "TerminalOrder",
    "TerminalOutput",
    "TerminalOver",
    "TerminalState",
    "TerminalUnknown",
    "Terminals",
    "TooManyTerminals",
    "Unit",
    "UnitStatus",
]


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
class TerminalOutput:
    """Bytes that follow each other; `start` is their offset in the terminal's whole output."""

    start: int
    data: bytes

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self.start + len(self.data)


@dataclass(frozen=True, slots=True)
class TerminalGap:
    """The bytes from `start` up to `end` are no longer there: the reader was too slow, or came too late."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TerminalEnd:
    """Nothing follows, and why."""

    state: TerminalState


class Terminals(Protocol):
    """Programs on pseudo-terminals, which outlive the control plane. Their output never waits for a reader."""

    async def open(self, order: TerminalOrder) -> TerminalState:
        """Open a terminal. The same id again gives the same terminal."""

    async def states(self) -> list[TerminalState]:
        """Those that are open, and those that ended of late."""

    async def write(self, terminal_id: str, data: bytes) -> None:
        """Input for the program: at most once, in the order of the calls. `InputBlocked` when it does not read."""

    async def resize(self, terminal_id: str, columns: int, rows: int) -> None:
        """Another size."""

    async def signal(self, terminal_id: str, name: str) -> None:
        """A signal to what runs in the foreground."""

    async def close(self, terminal_id: str) -> TerminalState:
        """End the program with all its children; returns when they are gone."""

    def output(
        self, terminal_id: str, after: int = 0, *, most: int = 64 * 1024
    ) -> AsyncIterator[TerminalOutput | TerminalGap | TerminalEnd]:
        """What follows an offset, then what comes, until the end; at most `most` bytes in one item."""

    def endings(self) -> AsyncIterator[str]:
        """The ids of terminals that end, as it happens. A hint: some may be missing, some doubled."""


class Engine(Protocol):
    """Runs units. Every call may be repeated: a second one with the same arguments changes nothing.

    `epoch` is the fencing token of the caller's lease on the environment: a call with a lower one than the engine
    has seen for that environment raises `StaleEpoch` and does nothing.
    """

    async def capabilities(self) -> Capabilities:
        """What the engine can do on this machine."""

    async def reserve(
        self, environment_id: str, wanted: Mapping[str, int], *, epoch: int, fixed: Collection[str] = ()
    ) -> dict[str, int]:
        """Free ports for the names in `wanted`: "service/port/replica" -> preferred number, 0 for any.

        Kept until `destroy`; a name that has a port keeps it. For a name in `fixed` the preferred number is a must:
        `PortTaken` when it is in use.
        """

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

    @property
    def terminals(self) -> Terminals | None:
        """Pseudo-terminals beside the services; None for an engine that has none."""

    async def close(self) -> None:
        """Let go of connections and tasks. What runs goes on running."""
