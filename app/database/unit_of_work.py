"""The unit of work: reads now, writes together at the end. It also keeps organizations apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from app.core.errors import SoundstageError
from app.database.changes import Change, Database
from app.database.statements import ORGANIZATION, Compiled, Statement

R = TypeVar("R")


class TenancyError(RuntimeError):
    """A statement that is not bound to the actor's organization was about to run for an actor."""


class UnitOfWork:
    """What one request or job reads and writes.

    Writes are collected and done in one transaction by `commit`, which the request's owner calls once; services never
    do. Guards (`expect`, `otherwise`) take the place of locks: they are checked inside the transaction.
    With an organization, only statements that start from `readable` and its kin run, bound to that organization.
    """

    def __init__(self, database: Database, organization_id: str | None) -> None:
        self.database = database
        self.organization_id = organization_id
        self._changes: list[Change] = []
        self._after: list[Callable[[], None]] = []

    async def one(self, statement: Statement[R], **parameters: Any) -> R | None:
        """The first row as a record, or None."""
        rows = await self._fetch(statement, parameters)
        return rows[0] if rows else None

    async def all(self, statement: Statement[R], **parameters: Any) -> list[R]:
        """All rows as records."""
        return await self._fetch(statement, parameters)

    async def _fetch(self, statement: Statement[R], parameters: dict[str, Any]) -> list[R]:
        compiled = statement.compiled(self.database.name)
        rows = await self.database.fetch(compiled, compiled.arguments(self._bound(compiled, parameters)))
        return [statement.record_from(compiled, row) for row in rows]

    def write(
        self,
        statement: Statement[None],
        *,
        expect: int | None = None,
        otherwise: SoundstageError | None = None,
        **parameters: Any,
    ) -> None:
        """Adds a change to the transaction of `commit`; `otherwise` is raised there if it touches not `expect` rows."""
        compiled = statement.compiled(self.database.name)
        arguments = compiled.arguments(self._bound(compiled, parameters))
        self._changes.append(Change(compiled, arguments, expect, otherwise))

    def include(self, other: UnitOfWork) -> None:
        """Takes over the changes of another one, so that both happen in one transaction.

        How a request records, beside its own changes, what the system's unit of work changed for it.
        """
        self._changes += other._changes
        self._after += other._after
        other.discard()

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Calls back once the changes are durable; not at all when the commit fails."""
        self._after.append(callback)

    async def commit(self) -> None:
        """Does all changes durably, or raises and does none. Afterwards the unit of work is empty again."""
        changes, self._changes = self._changes, []
        callbacks, self._after = self._after, []
        await self.database.commit(changes)
        for callback in callbacks:
            callback()

    def discard(self) -> None:
        """Forgets the changes that were not committed."""
        self._changes.clear()
        self._after.clear()

    @property
    def has_changes(self) -> bool:
        """Whether `commit` has something to do."""
        return bool(self._changes)

    def _bound(self, compiled: Compiled, parameters: dict[str, Any]) -> dict[str, Any]:
        if self.organization_id is None:
            return parameters
        if not compiled.scoped or parameters.get(ORGANIZATION, self.organization_id) != self.organization_id:
            raise TenancyError(f"not bound to the actor's organization: {compiled.text}")
        return {**parameters, ORGANIZATION: self.organization_id}
