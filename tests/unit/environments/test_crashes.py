"""Whatever call a crash comes before or after, a new life of the node brings the environment where it was to be."""

from __future__ import annotations

import pytest

from app.database.changes import Database
from tests.support.clock import MockClock
from tests.support.lifecycles import Failpoints, World, live_through
from tests.support.tenants import found

pytestmark = pytest.mark.anyio


async def test_a_life_without_a_crash(database: Database, clock: MockClock) -> None:
    calls = await live_through(World(await found(database), clock), Failpoints())

    assert calls > 40, "the failpoints are not passed"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_call_is_overcome(database: Database, clock: MockClock, after: bool) -> None:
    calls = await live_through(World(await found(database), clock), Failpoints())

    for crash_at in range(1, calls + 1):
        points = Failpoints(crash_at, after=after)
        await live_through(World(await found(database), clock), points)
        assert points.calls >= crash_at, "the crash did not come"
