"""An organization's tree as it is stored: roots and proofs from tiles, with two or three rows each."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from app.audit import repository
from app.audit.merkle import Range, consistency_path, hashes, inclusion_path
from app.audit.tiles import Place, Tile, places, root, subtree
from app.database.unit_of_work import UnitOfWork


class StoredTree:
    """The tiles of the unit of work's organization; each is read once."""

    def __init__(self, work: UnitOfWork, organization_id: str) -> None:
        self.work, self.organization_id = work, organization_id
        self._tiles: dict[Place, Tile] = {}

    async def root(self, size: int) -> bytes:
        """The root of the tree of this size. Raises `LookupError` where tiles are missing."""
        await self._read(places([(0, size)]))
        return root(self._tiles.__getitem__, size)

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """The proof that leaf `index` is in the tree of this size."""
        return await self._proof(inclusion_path(index, size))

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the old tree is the beginning of the new one."""
        return await self._proof(consistency_path(old, new))

    async def tail(self, wanted: Iterable[Place]) -> list[Tile]:
        """These tiles."""
        wanted = list(wanted)
        await self._read(wanted)
        return [self._tiles[place] for place in wanted]

    async def _proof(self, path: list[Range]) -> list[bytes]:
        await self._read(places(path))
        return hashes(path, partial(subtree, self._tiles.__getitem__))

    async def _read(self, wanted: Iterable[Place]) -> None:
        for level, number in wanted:
            if (level, number) not in self._tiles:
                found = await self.work.one(
                    repository.TILE, organization_id=self.organization_id, level=level, number=number
                )
                if found is None:
                    raise LookupError(f"the tile {level}/{number} is missing")
                self._tiles[level, number] = Tile(level, number, bytes(found.hashes))
