"""Every verb in every state: it is done, or refused with the documented error, and a refusal changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import PreconditionFailed, SoundstageError
from app.engines.base import UnitStatus
from app.engines.memory import Behaviour
from app.environments.errors import (
    BadDuration,
    BadName,
    BadReplicas,
    EnvironmentChanged,
    EnvironmentDeleted,
    EnvironmentNotFound,
    NotFailed,
    NotStopped,
    UnknownService,
)
from app.environments.models import Desired, EnvironmentStatus
from tests.support.lifecycles import World

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """The other tests here run on both databases; this table is about verbs."""
    name: str = request.param
    return name


VERBS: dict[str, tuple[Any, ...]] = {
    "update": (),
    "scale": ("web", 2),
    "stop": (),
    "resume": (),
    "retry": (),
    "delete": (),
}
OK = None
GONE = EnvironmentDeleted
#: State -> verb -> the error, or None where it is done.
TABLE: dict[str, dict[str, type[SoundstageError] | None]] = {
    "pending": {"update": OK, "scale": OK, "stop": OK, "resume": NotStopped, "retry": NotFailed, "delete": OK},
    "provisioning": {"update": OK, "scale": OK, "stop": OK, "resume": NotStopped, "retry": NotFailed, "delete": OK},
    "running": {"update": OK, "scale": OK, "stop": OK, "resume": NotStopped, "retry": NotFailed, "delete": OK},
    "degraded": {"update": OK, "scale": OK, "stop": OK, "resume": NotStopped, "retry": OK, "delete": OK},
    "failed": {"update": OK, "scale": OK, "stop": OK, "resume": NotStopped, "retry": OK, "delete": OK},
    "stopping": {"update": OK, "scale": OK, "stop": OK, "resume": OK, "retry": NotFailed, "delete": OK},
    "stopped": {"update": OK, "scale": OK, "stop": OK, "resume": OK, "retry": NotFailed, "delete": OK},
    "resuming": {"update": OK, "scale": OK, "stop": OK, "resume": OK, "retry": NotFailed, "delete": OK},
    "deleting": {"update": GONE, "scale": GONE, "stop": GONE, "resume": GONE, "retry": GONE, "delete": OK},
    "terminated": {"update": GONE, "scale": GONE, "stop": GONE, "resume": GONE, "retry": GONE, "delete": OK},
}


async def _in(world: World, state: str) -> str:
    """The id of an environment in this state."""
    memory = world.memory
    if state == "pending":
        return await world.create("db", "web")
    if state == "provisioning":
        memory.behaviour["web"] = Behaviour(ready_after=3600)
        made = await world.create("db", "web")
        await world.step(made)
        return made
    if state == "failed":
        memory.behaviour["web"] = Behaviour(exit_code=1)
        return await world.running("web", "db")
    made = await world.running("db", "web")
    if state == "degraded":
        memory.set_status(f"{made}/db/0", UnitStatus.FAILED)
        await world.step(made)
    if state in ("stopping", "stopped", "resuming"):
        await world.do("stop", made)
        if state != "stopping":
            await world.settle(made)
        if state == "resuming":
            await world.do("resume", made)
    if state in ("deleting", "terminated"):
        await world.do("delete", made)
        if state == "terminated":
            await world.settle(made)
    return made


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(EnvironmentStatus)
    assert all(set(row) == set(VERBS) for row in TABLE.values())


@pytest.mark.parametrize("state", TABLE)
@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_in_a_state(world: World, state: str, verb: str) -> None:
    made = await _in(world, state)
    before = await world.environment(made)
    assert before.status == state
    world.memory.behaviour.clear()
    refusal = TABLE[state][verb]
    arguments: dict[str, Any] = {"name": "renamed"} if verb == "update" else {}

    if refusal is not None:
        with pytest.raises(refusal):
            await world.do(verb, made, *VERBS[verb], **arguments)
        assert await world.environment(made) == before
        return
    await world.do(verb, made, *VERBS[verb], **arguments)
    if state == "provisioning" and verb in ("update", "scale"):
        world.memory.set_status(f"{made}/web/0", UnitStatus.RUNNING)
    for _ in range(3):
        world.clock.forward(3600 if verb != "stop" and state in ("failed", "degraded") else 0)
        await world.settle(made)

    after = await world.environment(made)
    wanted = {"stop": Desired.STOPPED, "resume": Desired.RUNNING, "delete": Desired.DELETED}
    assert after.desired == wanted.get(verb, before.desired)
    if after.desired is Desired.STOPPED:
        assert after.status is EnvironmentStatus.STOPPED
    if after.desired is Desired.DELETED:
        assert after.status is EnvironmentStatus.TERMINATED
    if after.desired is Desired.RUNNING and state not in ("degraded", "failed", "provisioning"):
        assert after.status is EnvironmentStatus.RUNNING


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_on_nothing_is_not_found(world: World, verb: str) -> None:
    with pytest.raises(EnvironmentNotFound):
        await world.do(verb, "env_" + "0" * 26, *VERBS[verb])


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_for_another_version_is_refused(world: World, verb: str) -> None:
    made = await _in(world, "stopped" if verb == "resume" else "failed" if verb == "retry" else "running")
    version = (await world.environment(made)).version
    arguments: dict[str, Any] = {"name": "renamed"} if verb == "update" else {}

    with pytest.raises(PreconditionFailed):
        await world.do(verb, made, *VERBS[verb], **arguments, expected_version=version - 1)
    await world.do(verb, made, *VERBS[verb], **arguments, expected_version=version)

    assert (await world.environment(made)).version == version + 1


@pytest.mark.parametrize("verb", ["stop", "delete"])
async def test_stopping_and_deleting_twice_is_the_same_as_once(world: World, verb: str) -> None:
    made = await world.running("web")
    await world.do(verb, made)
    once = await world.environment(made)

    await world.do(verb, made)

    assert await world.environment(made) == once


async def test_of_two_changes_at_the_same_moment_one_wins(world: World) -> None:
    made = await world.running("web")
    (first, one), (second, other) = world.verbs(), world.verbs()
    await first.stop(made)
    await second.scale(made, "web", 4)

    await one.commit()
    with pytest.raises(EnvironmentChanged):
        await other.commit()

    found = await world.environment(made)
    assert (found.desired, found.replicas) == (Desired.STOPPED, {})


@pytest.mark.parametrize(
    ("verb", "arguments", "options", "error"),
    [
        ("scale", ("nobody", 1), {}, UnknownService),
        ("scale", ("", 1), {}, UnknownService),
        ("scale", ("web", -1), {}, BadReplicas),
        ("scale", ("web", 21), {}, BadReplicas),
        ("update", (), {"name": " "}, BadName),
        ("update", (), {"name": "x" * 101}, BadName),
        ("update", (), {"auto_shutdown": 0}, BadDuration),
        ("update", (), {"auto_shutdown": 365 * 24 * 3600 + 1}, BadDuration),
    ],
)
async def test_a_wrong_argument_is_refused(
    world: World, verb: str, arguments: tuple[Any, ...], options: dict[str, Any], error: type[SoundstageError]
) -> None:
    made = await world.running("web")

    with pytest.raises(error):
        await world.do(verb, made, *arguments, **options)


async def test_settings_change_only_where_they_are_given(world: World) -> None:
    made = await world.create("web", name="one", auto_shutdown=60)

    await world.do("update", made, name="two")
    renamed = await world.environment(made)
    await world.do("update", made, never_shut_down=True)
    endless = await world.environment(made)

    assert (renamed.name, renamed.auto_shutdown) == ("two", 60)
    assert (endless.name, endless.auto_shutdown) == ("two", None)
