"""What the runner and the engines speak about terminals: how one is opened, and what is seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import Conflict, NotFound, RateLimited
from app.runner.model import Isolation

#: Columns and rows of a terminal at most: what programs still draw, and no more.
LARGEST_SIZE = 1_000
#: Bytes of input that may wait for a program that does not read.
INPUT_LIMIT = 64 * 1024
#: Terminals of one runner that are open at once. Linux has 4,096 pseudo-terminals by default.
MOST_TERMINALS = 1_000


@dataclass(frozen=True, slots=True)
class TerminalOrder:
    """A terminal to open. Everything is resolved."""

    id: str
    #: Executed as it stands; the user's shell when empty.
    command: tuple[str, ...]
    #: An absolute path.
    directory: str
    variables: Mapping[str, str] = field(default_factory=dict)
    columns: int = 80
    rows: int = 24
    isolation: Isolation = Isolation.PLAIN
    #: Folders that the program may write to, beside its directory, where its isolation keeps it from others.
    writable: tuple[str, ...] = ()
    #: Seconds without input and output after which it is closed; 0 for never.
    idle_seconds: float = 0.0
    #: The file that its output is recorded in; empty for no recording.
    recording: str = ""
    #: Of whom at most so many terminals may be open at once; 0 for any number.
    owner: str = ""
    most: int = 0


@dataclass(frozen=True, slots=True)
class TerminalState:
    """What the runner sees of a terminal now. Times are Unix seconds."""

    id: str
    columns: int
    rows: int
    started_at: float
    #: The last input or output.
    active_at: float
    #: Bytes of output so far.
    offset: int = 0
    isolation: Isolation = Isolation.PLAIN
    ended_at: float | None = None
    #: Why it ended: exit | signal | closed | idle | lost. Empty while it runs.
    cause: str = ""
    exit_code: int | None = None
    message: str = ""


class TerminalUnknown(NotFound):
    """The engine has no terminal with this id: it ended long ago, or was never opened."""


class TerminalOver(Conflict):
    """The terminal has ended. Open a new one (`openTerminal`)."""

    code = "TERMINAL_ENDED"


class TooManyTerminals(RateLimited):
    """As many terminals are open as there may be. Close one that is not needed any more (`closeTerminal`)."""

    code = "TOO_MANY_TERMINALS"


class InputBlocked(Conflict):
    """The program does not read its input, and no more of it can wait. Interrupt it (`closeTerminal` ends it)."""

    code = "TERMINAL_INPUT_BLOCKED"


def order_from(data: dict[str, Any]) -> TerminalOrder:
    """An order from its JSON."""
    given = {"command": tuple(data["command"]), "writable": tuple(data["writable"])}
    return TerminalOrder(**{**data, **given, "isolation": Isolation(data["isolation"])})


def state_from(data: dict[str, Any]) -> TerminalState:
    """A state from its JSON."""
    return TerminalState(**{**data, "isolation": Isolation(data["isolation"])})
