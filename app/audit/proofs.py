"""Proofs for whoever does not trust the server: each leads to a signed checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from app.audit import repository
from app.audit.errors import NotSealed
from app.audit.models import AuditCheckpoint, AuditEvent
from app.audit.tree import StoredTree
from app.core.errors import InvalidRequest, NotFound
from app.database.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an event is in the tree of a checkpoint (RFC 9162 §2.1.3)."""

    event: AuditEvent
    checkpoint: AuditCheckpoint
    hashes: list[bytes]

    @property
    def index(self) -> int:
        """The number of the event's leaf, from 0."""
        return self.event.sequence - 1


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the tree of one size is the beginning of that of another (RFC 9162 §2.1.4)."""

    old_size: int
    old_root: bytes
    new_size: int
    new_root: bytes
    hashes: list[bytes]


class Proofs:
    """Proofs over an organization's log."""

    def __init__(self, work: UnitOfWork, organization_id: str) -> None:
        self.work, self.tree = work, StoredTree(work, organization_id)

    async def checkpoint(self, size: int | None = None) -> AuditCheckpoint | None:
        """The newest checkpoint, or the one of this size."""
        if size is None:
            return await self.work.one(repository.NEWEST_CHECKPOINT)
        found = await self.work.one(repository.CHECKPOINT_FROM, size=_positive(size))
        return found if found is not None and found.size == size else None

    async def inclusion(self, event_id: str, size: int | None = None) -> InclusionProof:
        """The proof for the newest checkpoint, or the one of `size`. Raises `NotFound`, and `NotSealed` just after."""
        event = await self.work.one(repository.EVENT, id=event_id)
        if event is None:
            raise NotFound()
        checkpoint = await self.checkpoint(size)
        if checkpoint is None and size is not None:
            raise NotFound(f"No checkpoint of size {size} is kept. Leave `size` away for the newest.")
        if checkpoint is None or checkpoint.size < event.sequence:
            raise NotSealed()
        return InclusionProof(event, checkpoint, await self.tree.inclusion(event.sequence - 1, checkpoint.size))

    async def consistency(self, old: int, new: int) -> ConsistencyProof:
        """The proof for any two sizes up to the newest checkpoint's. Raises `InvalidRequest`."""
        if not 1 <= old <= new:
            raise InvalidRequest(f"`from` is {old} and `to` is {new}; it has to be 1 ≤ from ≤ to.")
        newest = await self.checkpoint()
        if newest is None or newest.size < new:
            covered = newest.size if newest is not None else 0
            raise InvalidRequest(f"`to` is {new}; the newest checkpoint covers {covered} events.")
        return ConsistencyProof(
            old, await self.tree.root(old), new, await self.tree.root(new), await self.tree.consistency(old, new)
        )


def _positive(size: int) -> int:
    if size < 1:
        raise InvalidRequest(f"`size` is {size}; the smallest tree has 1 event.")
    return size
