"""Usage is counted in memory, added up in the database by month, and lost to nobody but a kill."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from app.core.actor import Actor, Role
from app.core.errors import Forbidden, InvalidRequest, StorageUnavailable
from app.database.changes import Database
from app.limits.counters import Metric, UsageCounters
from app.limits.service import Usage
from tests.support.clock import MockClock
from tests.support.tenants import Tenant

pytestmark = pytest.mark.anyio


async def _used(tenant: Tenant, period: str) -> dict[Metric, int]:
    return {
        metric: value for metric, value in (await Usage(tenant.work(), tenant.actor).period(period)).items() if value
    }


@pytest.fixture
def november(clock: MockClock) -> MockClock:
    clock.forward((datetime(2026, 11, 30, 23, 59, 30, tzinfo=UTC) - clock()).total_seconds())
    return clock


async def test_counts_of_several_servers_add_up(database: Database, organization: Tenant, november: MockClock) -> None:
    servers = [UsageCounters(database, november) for _ in range(3)]

    for number, server in enumerate(servers, start=1):
        server.record(organization.id, Metric.REQUESTS, number)
        server.record(organization.id, Metric.MODEL_TOKENS, 3_000_000_000)
    await asyncio.gather(*(server.flush() for server in servers))
    servers[0].record(organization.id, Metric.REQUESTS)
    await servers[0].flush()

    assert await _used(organization, "2026-11") == {Metric.REQUESTS: 7, Metric.MODEL_TOKENS: 9_000_000_000}


async def test_an_agent_counts_once_a_month(database: Database, organization: Tenant, november: MockClock) -> None:
    servers = [UsageCounters(database, november) for _ in range(2)]

    for server in servers:
        for agent in ("agt_a", "agt_b", "agt_a"):
            server.record_distinct(organization.id, Metric.AGENTS, agent)
        await server.flush()
    november.forward(60)
    servers[0].record_distinct(organization.id, Metric.AGENTS, "agt_a")
    await servers[0].flush()

    assert await _used(organization, "2026-11") == {Metric.AGENTS: 2}
    assert await _used(organization, "2026-12") == {Metric.AGENTS: 1}


async def test_a_month_that_is_over_is_left_as_it_was(
    database: Database, organization: Tenant, november: MockClock
) -> None:
    counters = UsageCounters(database, november)

    counters.record(organization.id, Metric.REQUESTS, 2)
    november.forward(60)
    counters.record(organization.id, Metric.REQUESTS, 3)
    await counters.flush()

    assert await _used(organization, "2026-11") == {Metric.REQUESTS: 2}
    assert await _used(organization, "2026-12") == {Metric.REQUESTS: 3}


async def test_what_could_not_be_stored_is_stored_the_next_time(
    database: Database, organization: Tenant, november: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = UsageCounters(database, november)
    counters.record(organization.id, Metric.REQUESTS, 2)
    counters.record_distinct(organization.id, Metric.AGENTS, "agt_a")

    async def full(*_: object) -> None:
        raise StorageUnavailable()

    with monkeypatch.context() as patched:
        patched.setattr(database, "commit", full)
        with pytest.raises(StorageUnavailable):
            await counters.flush()
    counters.record(organization.id, Metric.REQUESTS)
    await counters.flush()

    assert await _used(organization, "2026-11") == {Metric.REQUESTS: 3, Metric.AGENTS: 1}


async def test_organizations_are_counted_apart(database: Database, organization: Tenant, november: MockClock) -> None:
    counters = UsageCounters(database, november)
    counters.record("org_other", Metric.REQUESTS, 5)
    await counters.flush()

    assert await _used(organization, "2026-11") == {}


async def test_many_rows_are_stored_in_batches(database: Database, organization: Tenant, november: MockClock) -> None:
    counters = UsageCounters(database, november)
    for number in range(1_200):
        counters.record_distinct(organization.id, Metric.AGENTS, f"agt_{number}")

    await counters.flush()

    assert await _used(organization, "2026-11") == {Metric.AGENTS: 1_200}


async def test_usage_is_for_who_may_read_billing(organization: Tenant) -> None:
    member = Actor(organization.id, organization.user_id, Role.MEMBER)

    with pytest.raises(Forbidden):
        await Usage(organization.work(), member).period("2026-11")


@pytest.mark.parametrize("period", ["2026", "2026-13", "2026-00", "2026-1", "x", "2026-11-01", ""])
async def test_a_period_is_a_month(organization: Tenant, period: str) -> None:
    with pytest.raises(InvalidRequest):
        await Usage(organization.work(), organization.actor).period(period)


def test_what_is_counted_by_who_it_is_takes_a_name(november: MockClock) -> None:
    with pytest.raises(ValueError):
        UsageCounters(None, november).record("org_a", Metric.AGENTS)  # type: ignore[arg-type]


def test_recording_takes_microseconds(november: MockClock) -> None:
    counters = UsageCounters(None, november)  # type: ignore[arg-type]

    began = time.perf_counter()
    for _ in range(10_000):
        counters.record("org_a", Metric.REQUESTS)

    assert time.perf_counter() - began < 1.0
