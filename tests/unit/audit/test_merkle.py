"""The tree against the test vectors of Certificate Transparency, and its proofs for every size."""

from __future__ import annotations

import random
from functools import partial
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.merkle import (
    EMPTY,
    Peaks,
    consistency_path,
    hashes,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from app.audit.tiles import HASH, WIDTH, Place, Tile, edge, extended, root, subtree

#: The inputs that the reference implementations of RFC 6962 publish, with the roots of their trees of size 1 to 8.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(data) for data in INPUTS]
#: Leaf and tree size (leaves from 1, as published) -> the hashes of the proof.
INCLUSION = {
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (3, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (2, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
MANY = [leaf_hash(f"leaf {number}".encode()) for number in range(600)]
MANY_ROOTS = [EMPTY]


def _grown() -> Peaks:
    peaks = Peaks()
    for leaf in MANY:
        peaks.add(leaf)
        MANY_ROOTS.append(peaks.root)
    return peaks


_grown()


class Stored:
    """Tiles as they are stored, grown in steps."""

    def __init__(self) -> None:
        self.size = 0
        self.tiles: dict[Place, Tile] = {}

    def append(self, leaves: list[bytes]) -> None:
        tails = [self.tiles[place] for place in edge(self.size)]
        for tile in extended(self.size, tails, leaves):
            self.tiles[tile.level, tile.number] = tile
        self.size += len(leaves)

    def subtree(self, height: int, index: int) -> bytes:
        return subtree(self.tiles.__getitem__, height, index)


def _by_definition(leaves: list[bytes]) -> bytes:
    """MTH as RFC 9162 §2.1.1 writes it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(_by_definition(leaves[:split]), _by_definition(leaves[split:]))


@pytest.fixture(scope="module")
def stored() -> Stored:
    made = Stored()
    made.append(MANY)
    return made


def test_the_published_roots() -> None:
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [root_of(LEAVES[:size]).hex() for size in range(1, 9)] == ROOTS


@pytest.mark.parametrize(("leaf", "size"), INCLUSION)
def test_the_published_inclusion_proofs(leaf: int, size: int) -> None:
    tree = Stored()
    tree.append(LEAVES)

    proof = hashes(inclusion_path(leaf - 1, size), tree.subtree)

    assert [part.hex() for part in proof] == INCLUSION[leaf, size]
    assert verify_inclusion(LEAVES[leaf - 1], leaf - 1, size, proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_the_published_consistency_proofs(old: int, new: int) -> None:
    tree = Stored()
    tree.append(LEAVES)

    proof = hashes(consistency_path(old, new), tree.subtree)

    assert [part.hex() for part in proof] == CONSISTENCY[old, new]
    assert verify_consistency(old, new, proof, bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1]))


def test_the_root_is_that_of_the_definition_for_every_size() -> None:
    assert [MANY_ROOTS[size] for size in range(0, 601, 7)] == [_by_definition(MANY[:size]) for size in range(0, 601, 7)]


def test_every_root_is_found_in_the_tiles(stored: Stored) -> None:
    assert [root(stored.tiles.__getitem__, size) for size in range(1, 601)] == MANY_ROOTS[1:]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8))
def test_tiles_grown_in_steps_are_those_grown_at_once(steps: list[int]) -> None:
    steps = [step for at, step in enumerate(steps) if sum(steps[: at + 1]) <= len(MANY)] or [1]
    in_steps, at_once = Stored(), Stored()

    for step in steps:
        in_steps.append(MANY[in_steps.size : in_steps.size + step])
    at_once.append(MANY[: in_steps.size])

    assert in_steps.tiles == at_once.tiles
    assert all(tile.width <= WIDTH and len(tile.hashes) % HASH == 0 for tile in at_once.tiles.values())


def test_a_large_tree_has_three_levels() -> None:
    leaves = [number.to_bytes(32) for number in range(70_000)]
    tree = Stored()

    for start in range(0, len(leaves), 4_096):
        tree.append(leaves[start : start + 4_096])

    assert {level for level, _ in tree.tiles} == {0, 1, 2}
    assert root(tree.tiles.__getitem__, 70_000) == root_of(leaves)
    proof = hashes(inclusion_path(65_536, 70_000), tree.subtree)
    assert verify_inclusion(leaves[65_536], 65_536, 70_000, proof, root_of(leaves))


def test_every_leaf_of_every_size_is_proven(stored: Stored) -> None:
    for size in range(1, 601):
        for index in {0, size - 1, size // 2, size // 3, (size * 7) // 9}:
            proof = hashes(inclusion_path(index, size), stored.subtree)
            assert verify_inclusion(MANY[index], index, size, proof, MANY_ROOTS[size])


def test_every_pair_of_sizes_is_consistent(stored: Stored) -> None:
    chance = random.Random(9162)
    pairs = [(old, new) for new in range(1, 601) for old in {1, new, (new + 1) // 2, chance.randint(1, new)}]
    for old, new in pairs:
        proof = hashes(consistency_path(old, new), stored.subtree)
        assert verify_consistency(old, new, proof, MANY_ROOTS[old], MANY_ROOTS[new]), (old, new)


@given(st.integers(2, 600), st.data())
def test_a_changed_inclusion_proof_fails(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = hashes(inclusion_path(index, size), partial(subtree, _tiles().__getitem__))
    at = data.draw(st.integers(0, len(proof) - 1))

    wrong_hash = [*proof[:at], sha256(proof[at]).digest(), *proof[at + 1 :]]
    wrong_place = (index + data.draw(st.integers(1, size - 1))) % size

    assert verify_inclusion(MANY[index], index, size, proof, MANY_ROOTS[size])
    assert not verify_inclusion(MANY[index], index, size, wrong_hash, MANY_ROOTS[size])
    assert not verify_inclusion(MANY[index], index, size, proof[:-1], MANY_ROOTS[size])
    assert not verify_inclusion(MANY[index], index, size, [*proof, proof[0]], MANY_ROOTS[size])
    assert not verify_inclusion(MANY[index], wrong_place, size, proof, MANY_ROOTS[size])
    assert not verify_inclusion(MANY[index - 1], index, size, proof, MANY_ROOTS[size])
    assert not verify_inclusion(MANY[index], index, size, proof, MANY_ROOTS[size - 1])


@given(st.integers(2, 600), st.data())
def test_a_changed_consistency_proof_fails(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    proof = hashes(consistency_path(old, new), partial(subtree, _tiles().__getitem__))
    at = data.draw(st.integers(0, len(proof) - 1))
    wrong = [*proof[:at], sha256(proof[at]).digest(), *proof[at + 1 :]]
    roots = MANY_ROOTS[old], MANY_ROOTS[new]

    assert verify_consistency(old, new, proof, *roots)
    assert not verify_consistency(old, new, wrong, *roots)
    assert not verify_consistency(old, new, proof[:-1], *roots)
    assert not verify_consistency(old, new, [*proof, proof[0]], *roots)
    assert not verify_consistency(old, new, proof, roots[1], roots[0])
    assert not verify_consistency(old, new, proof, MANY_ROOTS[old - 1], roots[1])


_made: dict[Place, Tile] = {}


def _tiles() -> dict[Place, Tile]:
    if not _made:
        tree = Stored()
        tree.append(MANY)
        _made.update(tree.tiles)
    return _made
