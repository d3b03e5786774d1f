"""A plan answers as graphql-core does: random operations, over a schema and data in which much goes wrong."""

from __future__ import annotations

import os
from functools import partial
from random import Random, SystemRandom
from typing import Any

import pytest

from tests.unit.plans import torture
from tests.unit.plans.differential import Counts, compare
from tests.unit.plans.documents import Documents
from tests.unit.plans.real import Objects, schema_of

pytestmark = [
    pytest.mark.anyio,
    # What is cancelled before it began is told so by Python, of graphql-core's coroutines as of ours.
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

OPERATIONS, LONG = 1_000, 25_000


def seed() -> int:
    """`PLANS_SEED`, or a new one; printed, so that a failure can be had again."""
    found = int(os.environ.get("PLANS_SEED") or SystemRandom().randrange(10**9))
    print(f"PLANS_SEED={found}")
    return found


def _seen(context: dict[str, Any]) -> Any:
    return context["batches"], context["order"]


def _sent(random: Random) -> dict[str, Any]:
    sent: dict[str, Any] = {"a": random.random() < 0.5, "b": random.random() < 0.5}
    if random.random() < 0.5:
        sent["i"] = random.choice([0, 1, 3, 50, -1, None])
    return sent


async def _tortured(number: int) -> Counts:
    random, counts = Random(seed()), Counts()
    documents, data = Documents(torture.SCHEMA, random), torture.Data(random)
    while counts.compared < number:
        workspaces = data.some()
        text = documents.mutation() if random.random() < 0.15 else documents.query()
        context = partial(torture.context, workspaces)
        await compare(torture.SCHEMA, text, _sent(random), context, counts, _seen)
    print(counts)
    return counts


async def _served(number: int) -> Counts:
    random, counts = Random(seed()), Counts()
    schema = schema_of(Objects(random))
    documents = Documents(schema, random)
    while counts.compared < number:
        made: dict[Any, Any] = {}
        await compare(schema, documents.query(), _sent(random), partial(dict, made=made), counts)
    print(counts)
    return counts


async def test_random_operations_over_wrong_data_are_answered_alike() -> None:
    counts = await _tortured(OPERATIONS)

    assert counts.with_errors > OPERATIONS / 10, "the data has to be wrong enough"
    assert counts.with_data > OPERATIONS / 3
    assert counts.surprises > OPERATIONS / 50, "the generated code has to meet what it does not expect"


async def test_random_operations_over_the_served_schema_are_answered_alike() -> None:
    counts = await _served(OPERATIONS)

    assert counts.with_errors > OPERATIONS / 50
    assert counts.with_data > OPERATIONS / 3


@pytest.mark.long
async def test_very_many_random_operations_are_answered_alike() -> None:
    await _tortured(LONG)
    await _served(LONG)
