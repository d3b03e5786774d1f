"""What the reconciler makes of environments: order, failure, retries, scaling, automatic shutdown, events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.engines.base import Cause, EngineUnavailable, UnitStatus
from app.engines.memory import Behaviour, Call
from app.environments.lifecycle import RETRY_LIMIT, RETRY_SECONDS
from app.environments.models import EnvironmentStatus, EventKind
from app.environments.repository import EVENTS_KEPT
from tests.support.lifecycles import World

pytestmark = pytest.mark.anyio


def _applied(world: World) -> list[str]:
    """Units in the order of their start: "web/0"."""
    return [call.unit_id.partition("/")[2] for call in world.memory.calls if call.name == "apply"]


def _blueprint(**services: dict[str, Any]) -> dict[str, Any]:
    return {"services": {name.replace("_", "-"): {"run": name, **service} for name, service in services.items()}}


async def test_an_environment_comes_up_and_says_so(world: World) -> None:
    made = await world.running("db", "web")

    environment = await world.environment(made)
    story = await world.story(made)
    assert environment.status is EnvironmentStatus.RUNNING
    assert environment.ready_at == world.clock.present
    assert (environment.reason, environment.message, environment.failures) == ("", "", 0)
    assert {unit.status for unit in (await world.units(made)).values()} == {UnitStatus.RUNNING}
    assert story[0].kind is EventKind.REQUESTED
    assert (story[-1].status, story[-1].ready, story[-1].total) == (EnvironmentStatus.RUNNING, 2, 2)


async def test_a_version_counts_visible_changes_only(world: World) -> None:
    """Also when the rows of the units come in another order than the Blueprint's."""
    made = await world.running("db", "web", "api")
    world.memory.set_status(f"{made}/db/0", UnitStatus.UNHEALTHY)
    await world.step(made)
    version = (await world.environment(made)).version

    for _ in range(3):
        await world.step(made)

    assert (await world.environment(made)).version == version


async def test_a_pass_before_its_time_is_no_further_failure(world: World) -> None:
    world.memory.foreign_ports.add(4711)
    made = await world.running(blueprint=_blueprint(web={"ports": [4711]}))
    before = await world.environment(made)

    for _ in range(5):
        world.clock.forward(1)
        await world.step(made)

    after = await world.environment(made)
    assert (after.failures, after.retry_at, after.version) == (1, before.retry_at, before.version)


async def test_what_runs_is_not_touched_by_another_pass(world: World) -> None:
    made = await world.running("db", "web")
    before, version = len(_applied(world)), (await world.environment(made)).version

    for _ in range(3):
        await world.step(made)

    assert len(_applied(world)) == before
    assert (await world.environment(made)).version == version


@pytest.mark.parametrize("condition", ["started", "healthy"])
async def test_a_service_waits_for_what_it_depends_on(world: World, condition: str) -> None:
    world.memory.behaviour["db"] = Behaviour(ready_after=3600)
    db = {"ports": ["store"], "health": {"tcp": "store"}}
    made = await world.create(blueprint=_blueprint(web={"depends_on": {"db": condition}}, db=db))

    await world.step(made)

    assert ("web/0" in _applied(world)) == (condition == "started")
    assert (await world.environment(made)).status is EnvironmentStatus.PROVISIONING
    world.memory.set_status(f"{made}/db/0", UnitStatus.RUNNING)
    await world.settle(made)
    assert _applied(world)[0] == "db/0"
    assert (await world.environment(made)).status is EnvironmentStatus.RUNNING


async def test_a_service_waits_for_a_task_to_be_completed(world: World) -> None:
    world.memory.behaviour["migrate"] = Behaviour(exit_after=3600)
    services = {"web": {"depends_on": {"migrate": "completed"}}, "migrate": {"completes": True}}
    made = await world.create(blueprint=_blueprint(**services))

    await world.step(made)
    assert _applied(world) == ["migrate/0"]
    world.memory.set_status(f"{made}/migrate/0", UnitStatus.COMPLETED)
    await world.settle(made)

    assert (await world.environment(made)).status is EnvironmentStatus.RUNNING
    assert (await world.units(made))["migrate/0"].status is UnitStatus.COMPLETED


async def test_a_failed_task_keeps_back_what_waits_for_it(world: World) -> None:
    world.memory.behaviour["migrate"] = Behaviour(exit_code=1)
    services = {"web": {"depends_on": {"migrate": "completed"}}, "migrate": {"completes": True}}
    made = await world.running(blueprint=_blueprint(**services))

    assert _applied(world) == ["migrate/0"]
    assert (await world.environment(made)).status is EnvironmentStatus.FAILED


async def test_a_build_runs_once_before_the_replicas(world: World) -> None:
    made = await world.running(blueprint=_blueprint(web={"build": "make", "replicas": 3}))

    assert _applied(world)[0] == "web.build/0"
    assert sorted(_applied(world)[1:]) == ["web/0", "web/1", "web/2"]
    assert (await world.units(made))["web.build/0"].status is UnitStatus.COMPLETED
    assert (await world.environment(made)).status is EnvironmentStatus.RUNNING


async def test_services_stop_before_what_they_need(world: World) -> None:
    made = await world.running(blueprint=_blueprint(web={"depends_on": ["api"]}, api={"depends_on": ["db"]}, db={}))
    await world.do("stop", made)

    await world.settle(made)

    stopped = [call.unit_id for call in world.memory.calls if call.name == "stop" and call.unit_id]
    assert stopped[:3] == ["web", "api", "db"]
    assert {unit.status for unit in (await world.units(made)).values()} == {UnitStatus.STOPPED}


async def test_a_stopped_environment_keeps_its_ports_and_resumes_with_them(world: World) -> None:
    made = await world.running(blueprint=_blueprint(web={"ports": ["http"]}))
    ports = (await world.environment(made)).ports
    await world.do("stop", made)
    await world.settle(made)
    stopped = await world.environment(made)

    await world.do("resume", made)
    await world.settle(made)

    assert ports
    assert (stopped.status, stopped.ports, stopped.ready_at) == (EnvironmentStatus.STOPPED, ports, None)
    assert (await world.environment(made)).ports == ports
    assert (await world.environment(made)).status is EnvironmentStatus.RUNNING


async def test_a_deleted_environment_leaves_nothing(world: World) -> None:
    blueprint = _blueprint(web={"ports": ["http"], "env": {"A": "${secrets.A}"}})
    made = await world.running(blueprint=blueprint, secrets={"A": "hunter2"})
    await world.do("delete", made)

    await world.settle(made)

    environment = await world.environment(made)
    assert environment.status is EnvironmentStatus.TERMINATED
    assert (environment.ports, environment.secrets, environment.next_at) == ({}, "", None)
    assert await world.units(made) == {}
    assert await world.engine.observe(made) == []
    assert (await world.story(made))[-1].status is EnvironmentStatus.TERMINATED


async def test_deleting_wins_over_everything(world: World) -> None:
    world.memory.behaviour["web"] = Behaviour(exit_code=1)
    made = await world.running("web")
    await world.do("delete", made)

    await world.settle(made)

    assert (await world.environment(made)).status is EnvironmentStatus.TERMINATED


async def test_a_failure_has_a_reason_a_cause_and_a_next_try(world: World) -> None:
    world.memory.behaviour["web"] = Behaviour(exit_code=3)
    made = await world.running("db", "web")

    environment, unit = await world.environment(made), (await world.units(made))["web/0"]
    assert environment.status is EnvironmentStatus.FAILED
    assert environment.reason == "SERVICE_FAILED"
    assert environment.message == "web is failed: Exited with code 3."
    assert unit.cause is not None
    assert (unit.cause["kind"], unit.cause["exit_code"]) == ("exit", 3)
    assert environment.retry_at == world.clock.present + timedelta(seconds=RETRY_SECONDS)
    assert environment.next_at == environment.retry_at
    assert (await world.units(made))["db/0"].status is UnitStatus.RUNNING, "what runs is left alone"
    assert [event.kind for event in await world.story(made)].count(EventKind.FAILURE) == 2


async def test_retries_come_later_each_time_up_to_a_limit(world: World) -> None:
    world.memory.behaviour["web"] = Behaviour(exit_code=3)
    made = await world.running("web")

    waits = []
    for _ in range(8):
        retry_at = (await world.environment(made)).retry_at
        assert retry_at is not None
        waits.append((retry_at - world.clock.present).total_seconds())
        world.clock.forward(waits[-1] - 1)
        before = len(_applied(world))
        await world.settle(made)
        assert len(_applied(world)) == before, "too early"
        world.clock.forward(1)
        await world.settle(made)
        assert len(_applied(world)) == before + 1

    assert waits == [min(RETRY_LIMIT, RETRY_SECONDS * 2**number) for number in range(8)]


async def test_a_retry_that_succeeds_ends_the_count_of_failures(world: World) -> None:
    world.memory.behaviour["web"] = Behaviour(exit_code=3)
    made = await world.running("web")
    world.memory.behaviour.clear()

    world.clock.forward(RETRY_SECONDS)
    await world.settle(made)

    environment = await world.environment(made)
    assert environment.status is EnvironmentStatus.RUNNING
    assert (environment.failures, environment.retry_at, environment.reason) == (0, None, "")


async def test_a_retry_by_hand_starts_only_what_failed(world: World) -> None:
    world.memory.behaviour["web"] = Behaviour(exit_code=3)
    made = await world.running("db", "web")
    world.memory.behaviour.clear()
    before = len(_applied(world))

    await world.do("retry", made)
    await world.settle(made)

    assert _applied(world)[before:].count("web/0") == 1
    assert [unit.attempt for unit in (await world.units(made)).values()] == [0, 1]
    assert (await world.environment(made)).status is EnvironmentStatus.RUNNING


async def test_a_service_that_fails_later_degrades_the_environment(world: World) -> None:
    made = await world.running("db", "web")

    world.memory.set_status(f"{made}/web/0", UnitStatus.FAILED, Cause("signal", "Ended by SIGSEGV.", None, "SIGSEGV"))
    await world.step(made)

    environment = await world.environment(made)
    assert environment.status is EnvironmentStatus.DEGRADED
    assert environment.message == "web is failed: Ended by SIGSEGV."


@pytest.mark.parametrize("status", [UnitStatus.UNHEALTHY, UnitStatus.RESTARTING])
async def test_an_unstable_service_degrades_and_recovers(world: World, status: UnitStatus) -> None:
    made = await world.running("db", "web")

    world.memory.set_status(f"{made}/web/0", status)
    await world.step(made)
    degraded = (await world.environment(made)).status
    world.memory.set_status(f"{made}/web/0", UnitStatus.RUNNING)
    await world.settle(made)

    assert degraded is EnvironmentStatus.DEGRADED
    assert (await world.environment(made)).status is EnvironmentStatus.RUNNING


async def test_scaling_up_starts_and_scaling_down_stops_replicas(world: World) -> None:
    made = await world.running(blueprint=_blueprint(web={"ports": ["http"]}, db={}))
    pids = {name: unit.pid for name, unit in (await world.units(made)).items()}

    await world.do("scale", made, "web", 3)
    await world.settle(made)
    up = await world.units(made)
    await world.do("scale", made, "web", 1)
    await world.settle(made)
    down = await world.units(made)
    await world.do("scale", made, "web", 0)
    await world.settle(made)

    assert sorted(up) == ["db/0", "web/0", "web/1", "web/2"]
    assert sorted(down) == ["db/0", "web/0"]
    assert sorted(await world.units(made)) == ["db/0"]
    assert {name: up[name].pid for name in pids} == pids, "what ran before goes on running"
    assert (await world.environment(made)).status is EnvironmentStatus.RUNNING


async def test_every_replica_has_a_port_of_its_own(world: World) -> None:
    made = await world.running(blueprint=_blueprint(web={"ports": ["http"], "replicas": 4}))

    ports = (await world.environment(made)).ports
    assert len(ports) == len(set(ports.values())) == 4


async def test_a_fixed_port_that_is_taken_fails_with_its_number_and_is_tried_again(world: World) -> None:
    world.memory.foreign_ports.add(4711)
    made = await world.running(blueprint=_blueprint(web={"ports": [4711]}))
    failed = await world.environment(made)

    world.memory.foreign_ports.clear()
    world.clock.forward(RETRY_SECONDS)
    await world.settle(made)

    assert (failed.status, failed.reason) == (EnvironmentStatus.FAILED, "PORT_TAKEN")
    assert "4711" in failed.message
    assert (await world.environment(made)).status is EnvironmentStatus.RUNNING


async def test_an_environment_stops_by_itself_when_its_time_is_over(world: World) -> None:
    made = await world.running("web", auto_shutdown=600)
    due = (await world.environment(made)).shutdown_at

    world.clock.forward(599)
    await world.settle(made)
    still = (await world.environment(made)).status
    world.clock.forward(1)
    await world.step(made)
    await world.settle(made)

    stopped = await world.environment(made)
    assert due == world.clock.present
    assert still is EnvironmentStatus.RUNNING
    assert (stopped.status, stopped.reason) == (EnvironmentStatus.STOPPED, "AUTO_SHUTDOWN")
    assert "600 s" in stopped.message


async def test_a_resumed_environment_gets_its_whole_time_again(world: World) -> None:
    made = await world.running("web", auto_shutdown=600)
    world.clock.forward(600)
    await world.step(made)
    await world.settle(made)

    await world.do("resume", made)
    await world.settle(made)

    assert (await world.environment(made)).shutdown_at == world.clock.present + timedelta(seconds=600)


async def test_the_time_to_shutdown_can_be_changed_while_it_runs(world: World) -> None:
    made = await world.running("web", auto_shutdown=600)
    world.clock.forward(100)

    await world.do("update", made, auto_shutdown=50)
    await world.settle(made, most=30)
    shortened = await world.environment(made)

    assert shortened.status is EnvironmentStatus.STOPPED
    endless = await world.running("web", auto_shutdown=600)
    await world.do("update", endless, never_shut_down=True)
    world.clock.forward(10_000)
    await world.settle(endless)
    assert (await world.environment(endless)).status is EnvironmentStatus.RUNNING


async def test_an_engine_that_does_not_answer_changes_nothing(world: World) -> None:
    made = await world.running("web")
    before = await world.environment(made)

    def silent(call: Call) -> None:
        raise EngineUnavailable("The runner does not answer.")

    world.memory.on_call = silent
    with pytest.raises(EngineUnavailable):
        await world.step(made)

    assert await world.environment(made) == before


async def test_secrets_are_sealed_where_they_are_stored_and_reach_the_service(world: World) -> None:
    seen = []
    apply = world.memory.apply

    async def watched(unit: Any, *, epoch: int) -> Any:
        seen.append(dict(unit.variables))
        return await apply(unit, epoch=epoch)

    world.memory.apply = watched  # type: ignore[method-assign]
    blueprint = _blueprint(web={"env": {"PASSWORD": "${secrets.PASSWORD}"}})
    made = await world.running(blueprint=blueprint, secrets={"PASSWORD": "hunter2"})

    environment = await world.environment(made)
    assert seen[0]["PASSWORD"] == "hunter2"
    assert "hunter2" not in str(environment.__dict__)
    assert world.vault.open(environment.secrets) == {"PASSWORD": "hunter2"}
    assert "hunter2" not in str([event.__dict__ for event in await world.story(made)])
    assert "hunter2" not in str([unit.__dict__ for unit in (await world.units(made)).values()])


async def test_a_lost_vault_key_fails_with_what_to_do(world: World) -> None:
    from cryptography.fernet import Fernet

    from app.core.vault import Vault

    blueprint = _blueprint(web={"env": {"PASSWORD": "${secrets.PASSWORD}"}})
    made = await world.create(blueprint=blueprint, secrets={"PASSWORD": "hunter2"})
    world.vault = Vault(Fernet.generate_key())

    await world.settle(made, world.new_reconciler())

    environment = await world.environment(made)
    assert (environment.status, environment.reason) == (EnvironmentStatus.FAILED, "VAULT_KEY_MISSING")
    assert "secret.key" in environment.message


async def test_positions_of_events_count_up_by_one(world: World) -> None:
    made = await world.running("db", "web")
    for verb in ("stop", "resume", "stop", "resume"):
        await world.do(verb, made)
        await world.settle(made)

    positions = [event.position for event in await world.story(made)]
    assert len(positions) > 8
    assert positions == list(range(1, len(positions) + 1))


async def test_old_events_become_a_gap(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await world.running("web")
    for number in range(EVENTS_KEPT + 50):
        environments, work = world.verbs()
        await environments.update(made, name=f"n{number}")
        await work.commit()
    world.memory.set_status(f"{made}/web/0", UnitStatus.UNHEALTHY)
    await world.step(made)

    story = await world.story(made)
    environments, _ = world.verbs()
    stream = environments.progress(made, 0)
    first = await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]

    assert len(story) == EVENTS_KEPT
    assert story[-1].position - story[0].position == EVENTS_KEPT - 1
    assert first.__class__.__name__ == "Gap"
    assert (first.start, first.end) == (1, story[0].position - 1)  # type: ignore[union-attr]
