"""Budgets: exact on one server, never exceeded by many, whole again with the next minute."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.database.changes import Database
from app.database.statements import everywhere, statement
from app.database.unit_of_work import UnitOfWork
from app.limits.leases import BLOCKS, KEPT, LeasedLimiter, forget_old_windows
from app.limits.local import LocalLimiter
from app.limits.models import RateWindow, RateWindowTable
from app.limits.quotas import Limiter, Quota
from tests.support.clock import MockClock
from tests.support.databases import Databases

pytestmark = pytest.mark.anyio

HUNDRED = Quota("rest", 100)
ALL_WINDOWS = statement(everywhere(RateWindowTable), RateWindow)


async def _admitted(limiters: list[Limiter], times: int, quota: Quota, cost: int = 1) -> int:
    """How many of so many takings at once are admitted, in turn at each limiter."""
    asked = (limiters[number % len(limiters)].take("org_a", quota, cost) for number in range(times))
    return sum(each.admitted for each in await asyncio.gather(*asked))


async def test_in_one_process_exactly_the_limit_is_admitted() -> None:
    assert await _admitted([LocalLimiter()], 1_000, HUNDRED) == 100


async def test_one_server_with_leases_admits_exactly_the_limit(database: Database, clock: MockClock) -> None:
    assert await _admitted([LeasedLimiter(database, clock)], 1_000, HUNDRED) == 100


@pytest.mark.parametrize("servers", [2, 5])
async def test_many_servers_together_never_admit_more(database: Database, clock: MockClock, servers: int) -> None:
    """What is missing to the limit is at most the rest of one block for each other server."""
    limiters: list[Limiter] = [LeasedLimiter(database, clock) for _ in range(servers)]

    admitted = await _admitted(limiters, 1_000, HUNDRED)
    by_the_first = await _admitted(limiters[:1], 100, HUNDRED)

    assert 100 - (servers - 1) * (100 // BLOCKS) <= admitted + by_the_first <= 100


async def test_servers_that_are_asked_evenly_lose_nothing(database: Database, clock: MockClock) -> None:
    limiters: list[Limiter] = [LeasedLimiter(database, clock) for _ in range(2)]

    assert await _admitted(limiters, 1_000, HUNDRED) == 100


async def test_the_next_minute_is_a_new_budget(database: Database, clock: MockClock) -> None:
    limiter = LeasedLimiter(database, clock)
    await _admitted([limiter], 101, HUNDRED)

    clock.forward(60)

    assert (await limiter.take("org_a", HUNDRED)).remaining == 99


async def test_organizations_and_names_are_counted_apart(database: Database, clock: MockClock) -> None:
    for limiter in (LocalLimiter(), LeasedLimiter(database, clock)):
        await _admitted([limiter], 101, HUNDRED)

        assert not (await limiter.take("org_a", HUNDRED)).admitted
        assert (await limiter.take("org_b", HUNDRED)).admitted
        assert (await limiter.take("org_a", Quota("graphql", 100))).admitted


async def test_what_is_refused_takes_nothing(database: Database, clock: MockClock) -> None:
    for limiter in (LocalLimiter(), LeasedLimiter(database, clock)):
        refused = await limiter.take("org_a", HUNDRED, 101)
        rest = await limiter.take("org_a", HUNDRED, 100)

        assert (refused.admitted, refused.remaining) == (False, 100)
        assert (rest.admitted, rest.remaining) == (True, 0)


async def test_looking_costs_nothing(database: Database, clock: MockClock) -> None:
    for limiter in (LocalLimiter(), LeasedLimiter(database, clock)):
        seen = [(await limiter.take("org_a", HUNDRED, 0)).remaining for _ in range(3)]

        assert seen == [100, 100, 100]


async def test_a_server_that_is_over_asks_the_database_no_more(database: Database, clock: MockClock) -> None:
    limiter, trips = LeasedLimiter(database, clock), 0
    await _admitted([limiter], 100, HUNDRED)
    fetch = database.fetch

    async def counted(*arguments: object) -> object:
        nonlocal trips
        trips += 1
        return await fetch(*arguments)  # type: ignore[arg-type]

    database.fetch = counted  # type: ignore[assignment,method-assign]

    assert await _admitted([limiter], 500, HUNDRED) == 0
    assert trips == 0


async def test_windows_that_are_over_are_removed(database: Database, clock: MockClock) -> None:
    await LeasedLimiter(database, clock).take("org_a", HUNDRED)
    clock.forward((KEPT + timedelta(minutes=2)).total_seconds())
    await LeasedLimiter(database, clock).take("org_b", HUNDRED)

    await forget_old_windows(database, clock)

    kept = await UnitOfWork(database, None).all(ALL_WINDOWS)
    assert [row.organization_id for row in kept] == ["org_b"]


@settings(max_examples=25, deadline=None)
@given(costs=st.lists(st.integers(1, 60), max_size=40), limit=st.integers(1, 200))
def test_whatever_the_costs_the_limit_holds(databases: Databases, costs: list[int], limit: int) -> None:
    async def spend() -> tuple[int, int]:
        async with databases.opened("sqlite") as database:
            limiters = [LeasedLimiter(database, MockClock()) for _ in range(3)]
            quota = Quota("rest", limit)
            asked = await asyncio.gather(
                *(limiters[number % 3].take("org_a", quota, cost) for number, cost in enumerate(costs))
            )
            [row] = await UnitOfWork(database, None).all(ALL_WINDOWS) or [None]
            return sum(each.cost for each in asked if each.admitted), row.taken if row else 0

    spent, taken = asyncio.run(spend())

    assert spent <= taken <= limit
