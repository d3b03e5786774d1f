"""The small parts without a domain: ids, cursors, streams, the vault."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidRequest, SoundstageError
from app.core.ids import is_id, new_id
from app.core.paging import decode_cursor, encode_cursor, page_size
from app.core.streams import End, Gap, Items, Wakeups, follow
from app.core.vault import Vault, VaultKeyMissing

pytestmark = pytest.mark.anyio


def test_ids_are_unique_and_sort_by_time() -> None:
    made = [new_id("env") for _ in range(2_000)]

    assert len(set(made)) == 2_000
    assert all(is_id(each, "env") and not is_id(each, "org") for each in made)
    assert made == sorted(made), "within a millisecond, too"


@given(st.text())
def test_a_cursor_gives_its_key_back(key: str) -> None:
    assert decode_cursor(encode_cursor(key)) == (key or None)


@given(st.text())
def test_no_text_breaks_a_cursor(text: str) -> None:
    """It is read, or refused; no other error comes of it."""
    with suppress(InvalidRequest):
        decode_cursor(text)


def test_pages_have_a_size() -> None:
    assert (page_size(None, 1_000), page_size(None, 50), page_size(50, 50)) == (100, 50, 50)
    for wrong in (0, -1, 51):
        with pytest.raises(InvalidRequest):
            page_size(wrong, 50)


def _errors(base: type[SoundstageError]) -> list[type[SoundstageError]]:
    return [each for child in base.__subclasses__() for each in (child, *_errors(child))]


@pytest.mark.parametrize("error", _errors(SoundstageError), ids=lambda error: error.__name__)
def test_an_error_says_what_is_wrong(error: type[SoundstageError]) -> None:
    assert (error.__doc__ or "").strip()
    assert re.fullmatch(r"[A-Z][A-Z_]+", error.code)
    assert 400 <= error.status < 600
    assert error().message == (error.__doc__ or "").strip().splitlines()[0]


class Store:
    """Items at positions, of which old ones may be gone."""

    def __init__(self) -> None:
        self.items: dict[int, str] = {}
        self.end: End | None = None
        self.wakeups = Wakeups()

    def add(self, position: int, *, wake: bool = True) -> None:
        self.items[position] = f"item {position}"
        if wake:
            self.wakeups.notify("key")

    async def load(self, after: int) -> Items[str]:
        found = [(position, item) for position, item in sorted(self.items.items()) if position > after]
        return Items(found, self.end)

    def follow(self, after: int = 0):  # type: ignore[no-untyped-def]
        return follow(self.load, self.wakeups, "key", after)


async def test_a_stream_gives_what_was_missed_then_what_comes_then_its_end() -> None:
    store = Store()
    store.add(1)
    seen = []

    async def watch() -> None:
        async for item in store.follow():
            seen.append(item)

    task = asyncio.create_task(watch())
    for position in (2, 3):
        await asyncio.sleep(0)
        store.add(position)
    store.end = End("done")
    store.wakeups.notify("key")
    await asyncio.wait_for(task, 5)

    assert seen == [(1, "item 1"), (2, "item 2"), (3, "item 3"), End("done")]
    assert store.wakeups.waiting == 0


async def test_what_is_gone_is_told_as_a_gap() -> None:
    store = Store()
    for position in (4, 5, 9):
        store.add(position)
    store.end = End("done")

    assert [item async for item in store.follow(1)] == [
        Gap(2, 3), (4, "item 4"), (5, "item 5"), Gap(6, 8), (9, "item 9"), End("done")
    ]  # fmt: skip


async def test_a_lost_wake_up_is_made_up_for() -> None:
    store = Store()
    stream = store.follow()
    first = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)

    store.add(1, wake=False)

    assert await asyncio.wait_for(first, 5) == (1, "item 1")
    await stream.aclose()
    assert store.wakeups.waiting == 0


async def test_who_leaves_is_forgotten() -> None:
    store = Store()
    tasks = [asyncio.create_task(anext(store.follow())) for _ in range(100)]
    await asyncio.sleep(0)
    waiting = store.wakeups.waiting

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert (waiting, store.wakeups.waiting) == (100, 0)


def test_a_vault_opens_what_it_sealed_and_nothing_else(tmp_path: Path) -> None:
    vault = Vault.at(tmp_path / "secret.key")
    sealed = vault.seal({"A": "hunter2"})

    assert "hunter2" not in sealed
    assert Vault.at(tmp_path / "secret.key").open(sealed) == {"A": "hunter2"}
    assert (vault.seal({}), vault.open("")) == ("", {})
    with pytest.raises(VaultKeyMissing):
        Vault.at(tmp_path / "other.key").open(sealed)
