"""The Merkle tree of RFC 9162 §2.1 (that of RFC 6962): hashes, proofs, and their verification. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

#: The root of the tree without leaves.
EMPTY = sha256(b"").digest()
#: The hash of the leaves from `start` up to, not including, `end`: what a proof is made of.
Range = tuple[int, int]


def leaf_hash(data: bytes) -> bytes:
    """A leaf's hash; the prefix keeps leaves and nodes apart."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two children."""
    return sha256(b"\x01" + left + right).digest()


class Peaks:
    """The roots of the perfect subtrees that a growing tree consists of, largest first: log2(size) hashes."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Appends a leaf by its hash."""
        carry, size = leaf, self.size
        while size & 1:
            carry = node_hash(self._peaks.pop(), carry)
            size >>= 1
        self._peaks.append(carry)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root of the tree as it is now."""
        return fold(self._peaks)


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees, largest first."""
    if not peaks:
        return EMPTY
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    peaks = Peaks()
    for leaf in leaves:
        peaks.add(leaf)
    return peaks.root


def perfect(part: Range) -> Iterator[tuple[int, int]]:
    """The perfect subtrees of a proof's range, from the left, as (height, index among those of its height)."""
    start, end = part
    while start < end:
        height = (end - start).bit_length() - 1
        yield height, start >> height
        start += 1 << height


def inclusion_path(index: int, size: int) -> list[Range]:
    """What proves that leaf `index` is in the tree of this size (RFC 9162 §2.1.3.1), from the leaf up."""
    path: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_path(old: int, new: int) -> list[Range]:
    """What proves that the tree of size `old` is the beginning of that of size `new` (RFC 9162 §2.1.4.1)."""
    path: list[Range] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start, whole = middle, False
    return [*([] if whole else [(start, end)]), *path[::-1]]


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def hashes(path: Iterable[Range], subtree: Callable[[int, int], bytes]) -> list[bytes]:
    """The hashes of a proof; `subtree(height, index)` gives the root of a perfect subtree."""
    return [fold([subtree(height, index) for height, index in perfect(part)]) for part in path]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows this leaf at this place of the tree (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for part in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(part, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, part)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the proof shows that the old tree is the beginning of the new one (RFC 9162 §2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    parts = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not parts:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = parts[0]
    for part in parts[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(part, before), node_hash(part, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, part)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root
