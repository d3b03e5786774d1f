"""The tree's hashes in tiles of 256, in the way of C2SP tlog-tiles (https://c2sp.org/tlog-tiles).

A tile of level 0 holds leaf hashes, one of level 1 the roots of full tiles of level 0, and so on. A full tile never
changes; only the last of each level grows. Any subtree's root is found in one tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.audit.merkle import Range, fold, node_hash, perfect

HEIGHT = 8
WIDTH = 1 << HEIGHT
HASH = 32

#: Where a tile stands: level and number.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tile:
    """Up to 256 hashes, one after the other."""

    level: int
    number: int
    hashes: bytes

    @property
    def width(self) -> int:
        """How many hashes it holds."""
        return len(self.hashes) // HASH

    def hash(self, index: int) -> bytes:
        """One of its hashes."""
        return self.hashes[index * HASH : (index + 1) * HASH]


def place_of(height: int, index: int) -> Place:
    """The tile in which the root of a perfect subtree is found."""
    level, inner = divmod(height, HEIGHT)
    return level, (index << inner) >> HEIGHT


def places(path: Iterable[Range]) -> set[Place]:
    """The tiles that a proof or a root is made from."""
    return {place_of(height, index) for part in path for height, index in perfect(part)}


def subtree(tiles: Callable[[Place], Tile], height: int, index: int) -> bytes:
    """The root of a perfect subtree: 2^height leaves, the index-th of that height."""
    inner = height % HEIGHT
    tile = tiles(place_of(height, index))
    first = (index << inner) % WIDTH
    return perfect_root([tile.hash(first + offset) for offset in range(1 << inner)])


def perfect_root(level: Sequence[bytes]) -> bytes:
    """The root over hashes whose number is a power of two."""
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


@lru_cache(maxsize=64)
def full_root(hashes: bytes) -> bytes:
    """The root of a full tile."""
    return perfect_root([hashes[at : at + HASH] for at in range(0, len(hashes), HASH)])


def edge(size: int) -> list[Place]:
    """The last tiles, those that grow when the tree of this size does: one a level, where there is one."""
    found, level = [], 0
    while size >> (HEIGHT * level):
        count = size >> (HEIGHT * level)
        if count % WIDTH:
            found.append((level, count // WIDTH))
        level += 1
    return found


def extended(size: int, tails: Iterable[Tile], leaves: Sequence[bytes]) -> Iterator[Tile]:
    """The tiles that change when leaves are appended to the tree of `size`, whose growing tiles are `tails`."""
    growing = {tile.level: tile.hashes for tile in tails}
    level, added = 0, list(leaves)
    while added:
        number = (size >> (HEIGHT * level)) // WIDTH
        joined = growing.get(level, b"") + b"".join(added)
        added = []
        for start in range(0, len(joined), WIDTH * HASH):
            part = joined[start : start + WIDTH * HASH]
            yield Tile(level, number, part)
            if len(part) == WIDTH * HASH:
                added.append(full_root(part))
            number += 1
        level += 1


def root(tiles: Callable[[Place], Tile], size: int) -> bytes:
    """The root of the tree of this size."""
    return fold([subtree(tiles, height, index) for height, index in perfect((0, size))])
