"""Operations are planned when they come again, and what is kept of them is bounded."""

from __future__ import annotations

import tracemalloc
from hashlib import sha256

import pytest
from graphql import parse

from resolvers.plans import store as module
from resolvers.plans.store import MOST_KEPT, Store
from tests.unit.plans import torture

TEXT = "{ sure { id name } }"


@pytest.fixture
def store() -> Store:
    return Store(torture.SCHEMA)


def test_an_operation_is_planned_once_it_was_run_by_graphql_core(store: Store) -> None:
    assert store.find(TEXT, None) is None

    store.seen(TEXT, None)

    found = store.find(TEXT, None)
    assert found is not None
    assert store.find(TEXT, None) is found


def test_a_document_of_our_own_is_known_from_the_start(store: Store) -> None:
    document_id = store.add(TEXT, parse(TEXT))

    assert document_id == sha256(TEXT.encode()).hexdigest()
    assert store.text(document_id) == TEXT
    assert store.find(TEXT, None) is not None


def test_what_cannot_be_planned_is_tried_once(store: Store) -> None:
    reasons: list[str] = []
    store.refused = reasons.append
    text = "{ sure { ... @defer { id } } }"
    store.seen(text, None)

    found = [store.find(text, None) for _ in range(3)]

    assert found == [None, None, None]
    assert reasons == ["incremental"]


def test_a_large_document_is_not_kept(store: Store) -> None:
    text = f"{{ sure {{ id }} }} # {'x' * module.LARGEST_KEPT}"

    store.seen(text, None)

    assert store.find(text, None) is None


def test_what_was_used_longest_ago_makes_room(store: Store) -> None:
    texts = [f"{{ a{number}: sure {{ id }} }}" for number in range(MOST_KEPT + 10)]
    for text in texts:
        store.seen(text, None)

    assert store.find(texts[0], None) is None
    assert store.find(texts[-1], None) is not None


def test_plans_together_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FIELDS_KEPT", 50)
    for number in range(20):
        text = f"{{ a{number}: sure {{ id name status level cpu }} }}"
        store.seen(text, None)
        found = store.find(text, None)
        assert found is not None
        found.prepare({})

    assert sum(each.operation.size for each in store._repeated.values() if each.operation) <= 60


def test_100_000_distinct_documents_take_no_more_memory_than_the_bound(store: Store) -> None:
    def send(numbers: range) -> None:
        for number in numbers:
            text = f"{{ a{number}: sure {{ id name }} }}"
            if store.find(text, None) is None:
                store.seen(text, None)
            if number % 50 == 0:
                found = store.find(text, None)
                assert found is not None
                found.prepare({})

    send(range(5_000))
    tracemalloc.start()
    send(range(5_000, 15_000))
    before = tracemalloc.get_traced_memory()[0]
    send(range(15_000, 100_000))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert len(store._repeated) <= MOST_KEPT
    assert grown < 5_000_000, "what is forgotten would be ten times as much"
