"""The runner and the server are killed at the worst moments: services live, nothing is orphaned, no line is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.engines.base import (
    EngineUnavailable,
    Observation,
    Probe,
    ProbeKind,
    Restart,
    RestartPolicy,
    Shutdown,
    StaleEpoch,
    UnitStatus,
)
from app.engines.process import ProcessEngine
from app.runner import spawn
from app.runner.process_table import Process, is_alive, stat_of
from tests.engines.support import Machine, collect, lines_of, one, shell, unit, until, until_status

pytestmark = pytest.mark.anyio
COUNTER = "import itertools, time\nfor n in itertools.count(): print(n, flush=True); time.sleep(0.001)"


async def gone(pid: int) -> bool:
    stat = stat_of(pid)
    return stat is None or stat.dead


async def test_services_outlive_the_runner_and_are_adopted(process_engine: ProcessEngine, machine: Machine) -> None:
    await process_engine.apply(shell("exit 1", "flaky", restart=Restart(backoff=0.01, max=None)), epoch=1)
    await process_engine.apply(unit(restart=Restart(backoff=0.01)), epoch=7)
    first = await one(process_engine, "env1/api/0")
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    before = await until(lambda: restarted(process_engine, 1))

    killed = machine.kill_runner()
    after = await one(process_engine, "env1/api/0")

    assert machine.runner_pid() != killed
    assert (after.status, after.handle, after.restarts) == (UnitStatus.RUNNING, before.handle, 1)
    assert after.revision >= before.revision
    with pytest.raises(StaleEpoch):
        await process_engine.stop("env1", epoch=6)
    assert (await process_engine.apply(unit(restart=Restart(backoff=0.01)), epoch=7)).handle == before.handle


async def restarted(engine: ProcessEngine, times: int) -> Observation | None:
    seen = await one(engine, "env1/api/0")
    return seen if seen.restarts == times and seen.status is UnitStatus.RUNNING else None


async def test_the_connection_comes_back_without_a_call(process_engine: ProcessEngine, machine: Machine) -> None:
    await process_engine.apply(unit(), epoch=1)
    hints = process_engine.changes()
    first = asyncio.ensure_future(anext(hints))
    await asyncio.sleep(0)
    killed = machine.kill_runner()

    assert await asyncio.wait_for(first, 5) == "env1"
    assert machine.runner_pid() != killed
    await hints.aclose()  # type: ignore[attr-defined]


async def test_sigterm_of_the_runner_leaves_services(process_engine: ProcessEngine, machine: Machine) -> None:
    seen = await process_engine.apply(unit(), epoch=1)
    pid = machine.kill_runner(signal.SIGTERM)
    await until(lambda: gone(pid))

    assert (await one(process_engine, "env1/api/0")).handle == seen.handle


async def test_a_unit_that_ended_unseen_is_lost_and_restarted(process_engine: ProcessEngine, machine: Machine) -> None:
    seen = await process_engine.apply(unit(restart=Restart(backoff=0.2)), epoch=1)
    await process_engine.apply(unit("once", restart=Restart(RestartPolicy.NEVER)), epoch=1)
    once = await one(process_engine, "env1/once/0")
    await process_engine.close()
    pid = machine.kill_runner()
    await until(lambda: gone(pid))
    for service in (seen, once):
        assert service.pid is not None
        os.kill(service.pid, signal.SIGKILL)

    engine = machine.engine()
    waiting = await until_status(engine, "env1/api/0", UnitStatus.RESTARTING)
    failed = await one(engine, "env1/once/0")
    again = await until_status(engine, "env1/api/0", UnitStatus.RUNNING)
    await engine.close()

    assert waiting.cause is not None
    assert waiting.cause.kind == "lost"
    assert failed.status is UnitStatus.FAILED
    assert again.restarts == 1


async def test_an_adopted_unit_that_ends_is_noticed(process_engine: ProcessEngine, machine: Machine) -> None:
    seen = await process_engine.apply(unit(restart=Restart(RestartPolicy.NEVER)), epoch=1)
    machine.kill_runner()
    await process_engine.observe()
    assert seen.pid is not None
    os.kill(seen.pid, signal.SIGKILL)

    failed = await until_status(process_engine, "env1/api/0", UnitStatus.FAILED)

    assert failed.cause is not None
    assert failed.cause.kind == "lost"


async def test_a_start_goes_on_being_probed(process_engine: ProcessEngine, machine: Machine) -> None:
    probe = Probe(ProbeKind.EXEC, command=("test", "-e", "ready"), interval=0.05)
    await process_engine.apply(unit(probe=probe), epoch=1)
    machine.kill_runner()
    assert (await one(process_engine, "env1/api/0")).status is UnitStatus.STARTING
    (machine.data / "environments/env1/work/ready").touch()

    await until_status(process_engine, "env1/api/0", UnitStatus.RUNNING)


async def test_no_line_is_lost_while_runners_die(process_engine: ProcessEngine, machine: Machine) -> None:
    await process_engine.apply(unit("api", "/usr/bin/python3", "-S", "-c", COUNTER), epoch=1)
    seen: list[str] = []

    async def follow() -> None:
        async for batch in process_engine.logs("env1", follow=True):
            seen.extend(batch.lines)

    follower = asyncio.create_task(follow())
    for _ in range(3):
        here = len(seen)
        await until(lambda: asyncio.sleep(0, len(seen) > here + 50))  # noqa: B023
        machine.kill_runner()
        await process_engine.observe()
    await process_engine.stop("env1", epoch=1)
    written = lines_of(await collect(process_engine.logs("env1")))
    await until(lambda: asyncio.sleep(0, len(seen) >= len(written)))
    follower.cancel()
    await asyncio.gather(follower, return_exceptions=True)

    assert [int(line) for line in written] == list(range(len(written)))
    assert seen == written


async def test_stop_is_finished_by_the_next_runner(process_engine: ProcessEngine, machine: Machine) -> None:
    command = "trap '' TERM; echo deaf; while :; do sleep 1; done"
    wanted = shell(command, shutdown=Shutdown(grace=60), probe=Probe(ProbeKind.LOG, "deaf", interval=0.05))
    await process_engine.apply(wanted, epoch=1)
    await until_status(process_engine, "env1/api/0", UnitStatus.RUNNING)
    stopping = asyncio.create_task(process_engine.stop("env1", epoch=1))
    await until_status(process_engine, "env1/api/0", UnitStatus.STOPPING)
    machine.kill_runner()
    await process_engine.destroy("env1", epoch=1)
    await stopping

    assert machine.processes() == []


async def test_a_gate_that_nobody_opens_lets_nothing_through(tmp_path: Path) -> None:
    """The runner dies between spawn and record: a program that is no longer ours to find must not run."""
    ran = tmp_path / "ran"
    code = (
        "import os, signal, sys; from pathlib import Path; from app.runner import spawn\n"
        f"child = spawn.spawn(['touch', {str(ran)!r}], dict(os.environ), Path('/'), 2)\n"
        "print(child.pid, child.process().start, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], capture_output=True, check=False)
    pid, start = map(int, died.stdout.split())

    async def ended() -> bool:
        return not is_alive(Process(pid, start))

    await until(ended)
    assert died.returncode == -signal.SIGKILL
    assert not ran.exists()


async def test_a_gate_lets_through_when_opened(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as output:
        child = spawn.spawn(["/bin/sh", "-c", "pwd; exit 3"], {"PATH": "/bin"}, tmp_path, output.fileno())
        assert stat_of(child.pid) is not None
        child.open()
        _, status = await asyncio.to_thread(os.waitpid, child.pid, 0)

    assert os.waitstatus_to_exitcode(status) == 3
    assert (tmp_path / "out").read_text() == f"{tmp_path}\n"


async def test_twenty_kills_while_environments_come_and_go(process_engine: ProcessEngine, machine: Machine) -> None:
    seed = int(os.environ.get("SEED", time.time_ns() % 100_000))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    stop = asyncio.Event()
    await process_engine.start()

    async def live(environment: str) -> int:
        rounds = 0
        while not stop.is_set():
            rounds += 1
            with contextlib.suppress(EngineUnavailable):
                units = [shell("setsid sleep 1000 & sleep 1000", f"s{n}", environment=environment) for n in range(3)]
                await asyncio.gather(*(process_engine.apply(u, epoch=1) for u in units))
                if chance.random() < 0.5:
                    await process_engine.stop(environment, epoch=1)
                if chance.random() < 0.5:
                    await process_engine.destroy(environment, epoch=1)
        return rounds

    lives = [asyncio.create_task(live(f"e{n}")) for n in range(3)]
    for _ in range(20):
        await asyncio.sleep(chance.uniform(0.0, 0.15))
        with contextlib.suppress(ProcessLookupError):
            machine.kill_runner()
        await until(lambda: alive_again(machine))
    stop.set()
    rounds = await asyncio.gather(*lives)

    known = {seen.pid for seen in await process_engine.observe()} - {None}
    leaders = {pid for pid in machine.processes() if (stat := stat_of(pid)) and stat.parent not in machine.processes()}
    assert all(rounds)
    assert known <= set(machine.processes())
    for n in range(3):
        await process_engine.destroy(f"e{n}", epoch=1)
    assert machine.processes() == [], f"orphans of {leaders}, known {known}"


async def alive_again(machine: Machine) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return not await gone(machine.runner_pid())
    return False


async def test_the_server_may_be_killed(machine: Machine) -> None:
    program = (
        "import asyncio, os, signal, sys; from pathlib import Path\n"
        "from app.engines.process import ProcessEngine; from app.engines.base import Unit\n"
        "async def main():\n"
        f"    engine = ProcessEngine(Path({str(machine.data)!r}))\n"
        "    print((await engine.apply(Unit('env1', 'api', 0, ('sleep', '1000')), epoch=1)).handle, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())"
    )
    died = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], capture_output=True, check=False)
    runner = machine.runner_pid()
    engine = machine.engine()
    seen = await one(engine, "env1/api/0")
    await engine.close()

    assert died.returncode == -signal.SIGKILL
    assert seen.handle == died.stdout.decode().strip()
    assert machine.runner_pid() == runner


async def test_one_runner_lives_however_many_start_it(machine: Machine) -> None:
    engines = [machine.engine() for _ in range(5)]
    await asyncio.gather(*(engine.apply(unit(), epoch=1) for engine in engines))
    handles = {(await one(engine, "env1/api/0")).handle for engine in engines}
    for engine in engines:
        await engine.close()

    assert len(handles) == 1
    assert len(machine.processes()) == 1


async def test_a_runner_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "runner").mkdir()
    (tmp_path / "environments").write_text("in the way")
    engine = ProcessEngine(tmp_path)

    with pytest.raises(EngineUnavailable, match="environments"):
        await engine.start()
    await engine.close()


async def test_a_long_data_path_gets_a_short_socket(tmp_path: Path) -> None:
    machine = Machine(tmp_path / ("long" * 30) / "data")
    engine = machine.engine()
    await engine.apply(unit(), epoch=1)

    assert len((machine.data / "runner/address").read_text()) < 100
    assert (machine.data / "runner").stat().st_mode & 0o777 == 0o700
    await engine.shutdown()


async def test_records_that_may_hold_secrets_are_private(process_engine: ProcessEngine, machine: Machine) -> None:
    await process_engine.apply(unit(variables={"TOKEN": "hunter2"}), epoch=1)

    record = machine.data / "runner/units/env1/api.0.json"
    assert record.stat().st_mode & 0o777 == 0o600
    assert b"hunter2" in record.read_bytes()
    assert "hunter2" not in (machine.data / "runner/runner.log").read_text()


async def test_a_runner_ends_with_its_data_folder(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "data")
    engine = machine.engine()
    seen = await engine.apply(unit(), epoch=1)
    await engine.close()
    runner = machine.runner_pid()
    shutil.rmtree(machine.data)

    await until(lambda: gone(runner))
    assert seen.pid is not None
    await until(lambda: gone(seen.pid or 0))
