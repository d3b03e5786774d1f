"""What a unit of work hands to a database: changes that happen together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.core.errors import Conflict, SoundstageError
from app.core.streams import Wakeups
from app.database.statements import Compiled


@dataclass(frozen=True, slots=True)
class Change:
    """One writing statement with its parameters, and what it has to do to count as done."""

    compiled: Compiled
    arguments: Sequence[Any]
    #: How many rows it must touch; None: any number.
    expect: int | None = None
    #: Raised when it touches another number, or breaks a constraint.
    otherwise: SoundstageError | None = None

    def check(self, touched: int) -> None:
        """Raises `otherwise` (a `Conflict` without one) when the number of rows is not the expected one."""
        if self.expect is not None and touched != self.expect:
            raise self.otherwise or Conflict()

    def broken(self) -> SoundstageError:
        """The error for a broken constraint."""
        return self.otherwise or Conflict()


class Database(Protocol):
    """SQLite or PostgreSQL behind one face."""

    #: "sqlite" or "postgresql".
    name: str
    #: Wakes those who wait for what was committed by this process; others look for themselves now and then.
    news: Wakeups

    def version(self) -> int | None:
        """A number that is another one once anybody has written; None where that cannot be told at no cost."""

    async def fetch(self, compiled: Compiled, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """The rows of a reading statement, outside any transaction."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Does all changes durably in one transaction, or raises and does none."""

    async def close(self) -> None:
        """Finishes what is under way and lets go of the connections."""
