"""Another Blueprint for an environment that is there."""

from __future__ import annotations

from typing import Any

import pytest

from app.blueprints.errors import BlueprintInvalid
from app.core.errors import PreconditionFailed
from app.engines.memory import Behaviour
from app.environments.errors import EnvironmentDeleted
from app.environments.models import EnvironmentStatus
from tests.support.clock import MockClock
from tests.support.lifecycles import World
from tests.support.tenants import Tenant

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(organization: Tenant, clock: MockClock) -> World:
    return World(organization, clock, behaviour={"bad": Behaviour(exit_code=3)})


def _of(**services: Any) -> dict[str, Any]:
    return {"services": services}


async def test_what_is_the_same_runs_on_what_differs_starts_afresh_what_is_gone_ends(world: World) -> None:
    before = _of(same={"run": "a"}, other={"run": "b"}, gone={"run": "c"})
    made = await world.running(blueprint=before)
    pids = {name: unit.pid for name, unit in (await world.units(made)).items()}

    await world.do("change_blueprint", made, _of(same={"run": "a"}, other={"run": "x"}, new={"run": "d"}))
    await world.settle(made)

    units = await world.units(made)
    assert set(units) == {"same/0", "other/0", "new/0"}
    assert units["same/0"].pid == pids["same/0"]
    assert units["other/0"].pid != pids["other/0"]
    alive = {seen.unit_id.split("/")[1] for seen in await world.engine.observe(made) if seen.status == "running"}
    assert alive == {"same", "other", "new"}


async def test_a_stopped_environment_stays_stopped(world: World) -> None:
    made = await world.running("web")
    await world.do("stop", made)
    await world.settle(made)

    await world.do("change_blueprint", made, _of(api={"run": "api"}))
    await world.settle(made)
    found = await world.environment(made)
    await world.do("resume", made)
    await world.settle(made)

    assert (found.status, list(found.blueprint["services"])) == (EnvironmentStatus.STOPPED, ["api"])
    assert set(await world.units(made)) == {"api/0"}


async def test_what_failed_is_tried_with_the_new_definition(world: World) -> None:
    made = await world.running(blueprint=_of(bad={"run": "bad", "restart": "never"}))
    assert (await world.environment(made)).status is EnvironmentStatus.FAILED
    world.memory.behaviour.clear()

    changed = await world.do("change_blueprint", made, _of(bad={"run": "good", "restart": "never"}))
    await world.settle(made)

    assert changed.status is EnvironmentStatus.PROVISIONING
    assert (await world.environment(made)).status is EnvironmentStatus.RUNNING


async def test_secrets_join_those_that_are_there(world: World) -> None:
    env = {"A": "${secrets.A}", "B": "${secrets.B}"}
    made = await world.running(blueprint=_of(web={"run": "web", "env": {"A": "${secrets.A}"}}), secrets={"A": "1"})

    with pytest.raises(BlueprintInvalid):
        await world.do("change_blueprint", made, _of(web={"run": "web", "env": env}))
    await world.do("change_blueprint", made, _of(web={"run": "web", "env": env}), secrets={"B": "2"})

    assert world.vault.open((await world.environment(made)).secrets) == {"A": "1", "B": "2"}


async def test_a_build_is_made_again_before_what_it_builds(world: World) -> None:
    world.memory.behaviour["web.build"] = Behaviour(exit_code=0)
    made = await world.running(blueprint=_of(web={"run": "web", "build": "make"}))

    await world.do("redefine", made, _of(web={"run": "web", "build": "make"}), again=["web"])
    await world.settle(made)

    applied = [call.unit_id.partition("/")[2] for call in world.memory.calls if call.name == "apply"]
    assert applied[-2:] == ["web.build/0", "web/0"]
    assert {unit.attempt for unit in (await world.units(made)).values()} == {1}


async def test_numbers_of_replicas_are_kept_for_what_stays(world: World) -> None:
    made = await world.running("web", "api")
    await world.do("scale", made, "web", 2)
    await world.do("scale", made, "api", 3)
    await world.settle(made)

    await world.do("change_blueprint", made, _of(web={"run": "web"}))
    await world.settle(made)

    assert (await world.environment(made)).replicas == {"web": 2}
    assert set(await world.units(made)) == {"web/0", "web/1"}


async def test_another_version_and_a_deleted_one_are_refused(world: World) -> None:
    made = await world.running("web")

    with pytest.raises(PreconditionFailed):
        await world.do("change_blueprint", made, _of(web={"run": "x"}), expected_version=99)
    await world.do("delete", made)
    with pytest.raises(EnvironmentDeleted):
        await world.do("change_blueprint", made, _of(web={"run": "x"}))
