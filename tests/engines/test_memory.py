"""The memory engine keeps the contract, and does what its script says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.engines.base import Cause, Engine, EngineUnavailable, Isolation, IsolationUnavailable, PortTaken, UnitStatus
from app.engines.memory import Behaviour, Call, MemoryEngine
from tests.engines.contract import EngineContract
from tests.engines.support import one, unit, until_status

pytestmark = pytest.mark.anyio


@pytest.fixture
async def engine() -> AsyncIterator[MemoryEngine]:
    engine = MemoryEngine({"broken": Behaviour(exit_code=3)})
    yield engine
    await engine.close()


class TestContract(EngineContract):
    async def say(self, engine: Engine, text: str, service: str = "api") -> None:
        assert isinstance(engine, MemoryEngine)
        engine.print(f"env1/{service}/0", text)


async def test_a_unit_becomes_ready_when_its_script_says(engine: MemoryEngine) -> None:
    engine.behaviour["slow"] = Behaviour(ready_after=0.02)

    started = await engine.apply(unit("slow"), epoch=1)
    ready = await until_status(engine, "env1/slow/0", UnitStatus.RUNNING)

    assert started.status is UnitStatus.STARTING
    assert ready.ready_at is not None


async def test_calls_are_recorded_and_may_be_made_to_fail(engine: MemoryEngine) -> None:
    def fail(call: Call) -> None:
        if call.name == "apply":
            raise EngineUnavailable

    engine.on_call = fail
    with pytest.raises(EngineUnavailable):
        await engine.apply(unit(), epoch=3)

    assert engine.calls == [Call("apply", "env1", "env1/api/0", 3)]
    assert await engine.observe("env1") == []


async def test_a_test_lets_things_happen(engine: MemoryEngine) -> None:
    await engine.apply(unit(), epoch=1)
    engine.set_status("env1/api/0", UnitStatus.FAILED, Cause("out_of_memory", "Too much."))

    seen = await one(engine, "env1/api/0")
    assert (seen.status, seen.handle, seen.cause) == (UnitStatus.FAILED, "", Cause("out_of_memory", "Too much."))


async def test_a_demanded_isolation_is_never_lowered(engine: MemoryEngine) -> None:
    with pytest.raises(IsolationUnavailable):
        await engine.apply(unit(isolation=Isolation.NAMESPACE), epoch=1)


async def test_a_fixed_port_of_another_program_is_taken(engine: MemoryEngine) -> None:
    engine.foreign_ports.add(8080)

    with pytest.raises(PortTaken):
        await engine.reserve("env1", {"api/http/0": 8080}, epoch=1, fixed=["api/http/0"])
