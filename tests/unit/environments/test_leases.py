"""Leases: of two reconcilers on one database, only one acts on an environment at a time, and the engine sees to it."""

from __future__ import annotations

import asyncio

import pytest

from app.engines.base import StaleEpoch
from app.environments.models import EnvironmentStatus
from app.environments.reconciler import LEASE, RENEW, LeaseLost, Reconciler
from tests.support.clock import MockClock
from tests.support.lifecycles import World
from tests.support.tenants import Tenant
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


async def test_a_second_node_keeps_off_while_the_lease_lasts(world: World) -> None:
    made = await world.running("web")
    other = world.new_reconciler("node_b")
    calls = len(world.memory.calls)

    world.clock.forward(LEASE.total_seconds() - 1)
    assert await other.reconcile(made) is None
    assert len(world.memory.calls) == calls, "it asked the engine"
    world.clock.forward(2)
    assert await other.reconcile(made) is not None

    environment = await world.environment(made)
    assert (environment.lease_owner, environment.lease_epoch) == ("node_b", 2)


async def test_a_lease_is_renewed_before_it_ends(world: World) -> None:
    made = await world.running("web")
    before = await world.environment(made)

    world.clock.forward((LEASE - RENEW).total_seconds() + 1)
    await world.step(made)

    after = await world.environment(made)
    assert after.lease_epoch == before.lease_epoch, "the same holder: no new epoch"
    assert after.lease_until == world.clock.present + LEASE


async def test_who_lost_the_lease_writes_nothing(world: World) -> None:
    made = await world.running("web")
    taken_over: list[Reconciler] = []

    class Slow:
        """Between the step and its result somebody else takes over."""

        def __init__(self, inner: object) -> None:
            self.inner = inner

        async def step(self, environment: object, units: object) -> object:
            outcome = await self.inner.step(environment, units)  # type: ignore[attr-defined]
            if not taken_over:
                taken_over.append(world.new_reconciler("node_b"))
                world.clock.forward(LEASE.total_seconds() + 1)
                await taken_over[0].reconcile(made)
            return outcome

    await world.do("stop", made)
    slow = world.new_reconciler("node_a")
    slow.lifecycle = Slow(slow.lifecycle)  # type: ignore[assignment]

    with pytest.raises(LeaseLost):
        await slow.reconcile(made)

    environment = await world.environment(made)
    assert (environment.lease_owner, environment.status) == ("node_b", EnvironmentStatus.STOPPED)


async def test_the_engine_refuses_an_older_epoch(world: World) -> None:
    made = await world.running("web")
    world.clock.forward(LEASE.total_seconds() + 1)
    await world.do("scale", made, "web", 2)
    await world.new_reconciler("node_b").reconcile(made)

    with pytest.raises(StaleEpoch):
        await world.engine.stop(made, epoch=1)

    assert (await world.engine.observe(made))[0].status == "running"


async def test_two_reconcilers_that_race_never_both_hold_an_epoch(organization: Tenant, clock: MockClock) -> None:
    world = World(organization, clock)
    holders: dict[tuple[str, int], set[str]] = {}
    made = [await world.create("web") for _ in range(5)]

    async def work_at(owner: str) -> None:
        reconciler = world.new_reconciler(owner)
        take = reconciler._take

        async def noted(*arguments, **options):  # type: ignore[no-untyped-def]
            leased = await take(*arguments, **options)
            holders.setdefault((leased.id, leased.lease_epoch), set()).add(leased.lease_owner)
            return leased

        reconciler._take = noted  # type: ignore[method-assign]
        for _ in range(12):
            for environment_id in made:
                try:
                    await reconciler.reconcile(environment_id)
                except (LeaseLost, StaleEpoch):
                    await asyncio.sleep(0)
            clock.forward(LEASE.total_seconds() + 1)

    await asyncio.gather(*(work_at(f"node_{name}") for name in "abcd"))

    assert len(holders) > 10
    assert {len(owners) for owners in holders.values()} == {1}
    for environment_id in made:
        await world.settle(environment_id, world.new_reconciler("node_a"))
        assert (await world.environment(environment_id)).status is EnvironmentStatus.RUNNING
        positions = [event.position for event in await world.story(environment_id)]
        assert positions == list(range(1, len(positions) + 1))


async def test_a_node_that_starts_again_takes_up_its_own_leases_at_once(world: World) -> None:
    made = await world.running("web")
    await world.do("stop", made)
    reborn = world.new_reconciler("node_a")

    await reborn.start()

    async def stopped() -> bool:
        return (await world.environment(made)).status is EnvironmentStatus.STOPPED

    await until(stopped)
    await reborn.close()


async def test_a_hint_that_was_lost_is_made_up_by_the_scan(world: World) -> None:
    made = await world.create("web")
    reconciler = world.new_reconciler()
    await reconciler.start()

    async def running() -> bool:
        return (await world.environment(made)).status is EnvironmentStatus.RUNNING

    await until(running)
    later = await world.create("web")  # nobody wakes the reconciler

    async def later_running() -> bool:
        return (await world.environment(later)).status is EnvironmentStatus.RUNNING

    await until(later_running)
    await reconciler.close()


async def test_a_defect_in_one_environment_does_not_stop_the_others(world: World) -> None:
    bad, good = await world.create("web"), await world.create("web")
    reconciler = world.new_reconciler()
    step = reconciler.lifecycle.step

    class Defective:
        engine = world.engine

        async def step(self, environment, units):  # type: ignore[no-untyped-def]
            if environment.id == bad:
                raise ZeroDivisionError
            return await step(environment, units)

    reconciler.lifecycle = Defective()  # type: ignore[assignment]
    await reconciler.start()

    async def running() -> bool:
        return (await world.environment(good)).status is EnvironmentStatus.RUNNING

    await until(running)
    await reconciler.close()
