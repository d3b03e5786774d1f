"""What every engine keeps. A test class derives from this one and gives the fixture `engine`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from app.engines.base import (
    Engine,
    EngineRefused,
    LogBatch,
    PortTaken,
    Restart,
    RestartPolicy,
    StaleEpoch,
    UnitStatus,
)
from tests.engines.support import assert_covers, collect, lines_of, one, shell, unit, until, until_status

ALIVE = (UnitStatus.RUNNING,)


class EngineContract:
    async def say(self, engine: Engine, text: str, service: str = "api") -> None:
        """Let the unit, which `speaker` described, print the text."""
        raise AssertionError("a derived class says how")

    def speaker(self, service: str = "api") -> Any:
        return unit(service)

    async def test_applying_twice_is_the_same_as_once(self, engine: Engine) -> None:
        first = await engine.apply(unit(), epoch=1)
        second = await engine.apply(unit(), epoch=1)

        assert first.handle
        assert second.handle == first.handle
        assert [seen.handle for seen in await engine.observe("env1")] == [first.handle]
        assert (await one(engine, "env1/api/0")).status is UnitStatus.RUNNING

    async def test_calls_at_once_start_one_process(self, engine: Engine) -> None:
        seen = await asyncio.gather(*(engine.apply(unit(), epoch=1) for _ in range(20)))

        assert len({observation.handle for observation in seen}) == 1

    @pytest.mark.parametrize("changed", [{"variables": {"A": "2"}}, {"attempt": 1}])
    async def test_a_changed_unit_is_started_afresh(self, engine: Engine, changed: dict[str, Any]) -> None:
        before = await engine.apply(unit(variables={"A": "1"}), epoch=1)
        after = await engine.apply(unit(**({"variables": {"A": "1"}} | changed)), epoch=1)

        assert after.handle != before.handle
        assert after.attempt == changed.get("attempt", 0)
        assert after.revision > before.revision
        assert len(await engine.observe("env1")) == 1

    async def test_a_stale_epoch_changes_nothing(self, engine: Engine) -> None:
        seen = await engine.apply(unit(), epoch=5)

        for call in (
            engine.apply(unit(attempt=1), epoch=4),
            engine.stop("env1", epoch=4),
            engine.destroy("env1", epoch=4),
            engine.reserve("env1", {"api/http/0": 0}, epoch=4),
        ):
            with pytest.raises(StaleEpoch):
                await call
        assert (await one(engine, "env1/api/0")).handle == seen.handle

    async def test_epochs_of_environments_are_apart(self, engine: Engine) -> None:
        await engine.apply(unit(), epoch=5)
        await engine.apply(unit(environment="env2"), epoch=1)

        assert {seen.environment_id for seen in await engine.observe()} == {"env1", "env2"}
        assert len(await engine.observe("env2")) == 1

    async def test_an_unknown_environment_is_empty(self, engine: Engine) -> None:
        assert await engine.observe("nowhere") == []
        assert await collect(engine.logs("nowhere")) == []
        assert await engine.tail("nowhere", lines=5) == []
        await engine.stop("nowhere", epoch=1)
        await engine.destroy("nowhere", epoch=1)

    async def test_ports_are_kept_and_never_given_twice(self, engine: Engine) -> None:
        first = await engine.reserve("env1", {"api/http/0": 0, "api/admin/0": 0}, epoch=1)
        again = await engine.reserve("env1", {"api/http/0": 0, "web/http/0": 0}, epoch=1)
        other = await engine.reserve("env2", {"api/http/0": first["api/http/0"]}, epoch=1)

        assert again["api/http/0"] == first["api/http/0"]
        numbers = [*first.values(), again["web/http/0"], *other.values()]
        assert len(set(numbers)) == 4

    async def test_a_preferred_port_is_given_when_free(self, engine: Engine) -> None:
        port = (await engine.reserve("env1", {"a/http/0": 0}, epoch=1))["a/http/0"]
        await engine.destroy("env1", epoch=1)

        assert await engine.reserve("env2", {"b/http/0": port}, epoch=1) == {"b/http/0": port}

    async def test_a_fixed_port_that_is_taken_is_an_error(self, engine: Engine) -> None:
        port = (await engine.reserve("env1", {"a/http/0": 0}, epoch=1))["a/http/0"]

        with pytest.raises(PortTaken, match=str(port)):
            await engine.reserve("env2", {"b/x/0": 0, "b/http/0": port}, epoch=1, fixed=["b/http/0"])

    async def test_a_stopped_unit_can_run_again(self, engine: Engine) -> None:
        before = await engine.apply(unit(), epoch=1)
        await engine.stop("env1", epoch=1)
        stopped = await one(engine, "env1/api/0")
        after = await engine.apply(unit(), epoch=1)

        assert (stopped.status, stopped.handle, stopped.pid) == (UnitStatus.STOPPED, "", None)
        assert after.handle not in ("", before.handle)

    async def test_one_service_or_replica_is_stopped(self, engine: Engine) -> None:
        for service, replica in (("api", 0), ("api", 1), ("web", 0)):
            await engine.apply(unit(service, replica=replica), epoch=1)

        await engine.stop("env1", "api", 1, epoch=1)
        after_replica = {s.unit_id: s.status.value for s in await engine.observe("env1")}
        await engine.stop("env1", "api", epoch=1)
        after_service = {s.unit_id: s.status.value for s in await engine.observe("env1")}

        assert after_replica == {"env1/api/0": "running", "env1/api/1": "stopped", "env1/web/0": "running"}
        assert after_service == {"env1/api/0": "stopped", "env1/api/1": "stopped", "env1/web/0": "running"}

    async def test_nothing_is_left_after_destroy(self, engine: Engine) -> None:
        await engine.apply(self.speaker(), epoch=1)
        await self.say(engine, "hello\n")

        await engine.destroy("env1", epoch=1)
        await engine.destroy("env1", epoch=1)

        assert await engine.observe("env1") == []
        assert await collect(engine.logs("env1")) == []

    async def test_a_unit_without_a_command_is_refused(self, engine: Engine) -> None:
        with pytest.raises(EngineRefused):
            await engine.apply(unit("api").__class__("env1", "api", 0, ()), epoch=1)

    async def test_a_one_shot_unit_completes_or_fails(self, engine: Engine) -> None:
        never = Restart(RestartPolicy.NEVER)
        await engine.apply(shell("exit 0", "migrate", one_shot=True, restart=never), epoch=1)
        await engine.apply(shell("exit 3", "broken", one_shot=True, restart=never), epoch=1)

        await until_status(engine, "env1/migrate/0", UnitStatus.COMPLETED)
        broken = await until_status(engine, "env1/broken/0", UnitStatus.FAILED)

        assert broken.cause is not None
        assert (broken.cause.kind, broken.cause.exit_code) == ("exit", 3)

    async def test_changes_are_told(self, engine: Engine) -> None:
        hints = engine.changes()
        first = asyncio.ensure_future(anext(hints))
        await asyncio.sleep(0)

        async def told() -> bool:
            await engine.apply(unit(attempt=len(await engine.observe("env1"))), epoch=1)
            return first.done()

        await until(told)
        assert await first == "env1"
        await hints.aclose()  # type: ignore[attr-defined]

    async def test_logs_resume_at_any_line(self, engine: Engine) -> None:
        await engine.apply(self.speaker(), epoch=1)
        await self.say(engine, "one\ntwo\n")
        await self.say(engine, "drei ü\nhalf")

        async def whole() -> list[LogBatch]:
            batches = await collect(engine.logs("env1"))
            return batches if lines_of(batches)[-1:] == ["half"] else []

        batches = await until(whole)
        end = assert_covers(batches)

        assert lines_of(batches) == ["one", "two", "drei ü", "half"]
        assert end == len("one\ntwo\ndrei ü\nhalf".encode())
        assert lines_of(await collect(engine.logs("env1", after={"env1/api/0": 4}))) == ["two", "drei ü", "half"]
        assert await collect(engine.logs("env1", "web")) == []

    async def test_a_follower_sees_the_past_the_present_and_new_units(self, engine: Engine) -> None:
        await engine.apply(self.speaker(), epoch=1)
        await self.say(engine, "past\n")
        seen: list[LogBatch] = []
        follower = asyncio.create_task(follow(engine.logs("env1", follow=True), seen))

        await until(lambda: has(seen, "past"))
        await self.say(engine, "present\n")
        await until(lambda: has(seen, "present"))
        await engine.apply(self.speaker("web"), epoch=1)
        await self.say(engine, "new unit\n", "web")
        await until(lambda: has(seen, "new unit"))
        await engine.destroy("env1", epoch=1)

        await asyncio.wait_for(follower, 5)
        assert_covers([batch for batch in seen if batch.service == "api"])

    async def test_the_tail_is_ordered_by_time(self, engine: Engine) -> None:
        await engine.apply(self.speaker(), epoch=1)
        await engine.apply(self.speaker("web"), epoch=1)
        for number in range(3):
            await self.say(engine, f"a{number}\n", "api")
            await self.settle(engine, "api", f"a{number}")
            await self.say(engine, f"w{number}\n", "web")
            await self.settle(engine, "web", f"w{number}")

        tail = await engine.tail("env1", lines=4)

        assert lines_of(tail) == ["a1", "w1", "a2", "w2"]
        assert lines_of(await engine.tail("env1", "api", lines=1)) == ["a2"]

    async def test_the_tail_since_a_moment(self, engine: Engine) -> None:
        await engine.apply(self.speaker(), epoch=1)
        await self.say(engine, "old\n")
        await self.settle(engine, "api", "old")
        moment = datetime.now(UTC)
        await self.say(engine, "new\n")
        await self.settle(engine, "api", "new")

        assert lines_of(await engine.tail("env1", lines=10, since=moment)) == ["new"]

    async def settle(self, engine: Engine, service: str, line: str) -> None:
        """Wait until the engine knows the line and its time."""
        await until(lambda: _ends_with(engine, service, line))


async def _ends_with(engine: Engine, service: str, line: str) -> bool:
    return lines_of(await engine.tail("env1", service, lines=1)) == [line]


async def follow(stream: AsyncIterator[LogBatch], seen: list[LogBatch]) -> None:
    async for batch in stream:
        seen.append(batch)


async def has(seen: list[LogBatch], line: str) -> bool:
    return line in lines_of(seen)
