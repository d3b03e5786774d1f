"""Probes, restarts, causes, and stopping whole trees: with real processes."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from app.engines.base import (
    Cause,
    EngineRefused,
    Isolation,
    Probe,
    ProbeKind,
    Restart,
    RestartPolicy,
    Shutdown,
    Unit,
    UnitStatus,
)
from app.engines.process import ProcessEngine
from app.runner.restarts import Verdict, backoff, cause_of_exit, judge
from tests.engines.support import Machine, one, shell, unit, until, until_status

pytestmark = pytest.mark.anyio
NEVER = Restart(RestartPolicy.NEVER)
#: Leaves its session, forgets its parent and does not want to end.
STUBBORN = "(setsid sh -c \"trap '' TERM; sleep 1000\" &)"


async def http_unit(engine: ProcessEngine, status: int, **fields: object) -> Unit:
    port = (await engine.reserve("env1", {"web/http/0": 0}, epoch=1))["web/http/0"]
    program = (
        "import http.server as h\n"
        f"class H(h.BaseHTTPRequestHandler):\n    def do_GET(self): self.send_response({status}); self.end_headers()\n"
        f"h.HTTPServer(('127.0.0.1', {port}), H).serve_forever()"
    )
    probe = Probe(ProbeKind.HTTP, "/health", interval=0.05, retries=10)
    return unit("web", "/usr/bin/python3", "-c", program, ports={"http": port}, probe=probe, **fields)


async def test_an_http_probe_makes_ready(process_engine: ProcessEngine) -> None:
    seen = await process_engine.apply(await http_unit(process_engine, 302), epoch=1)
    ready = await until_status(process_engine, "env1/web/0", UnitStatus.RUNNING)

    assert seen.status is UnitStatus.STARTING
    assert ready.ready_at is not None
    assert ready.started_at is not None
    assert ready.ready_at > ready.started_at


async def test_a_unit_that_never_becomes_healthy_fails(process_engine: ProcessEngine, machine: Machine) -> None:
    await process_engine.apply(await http_unit(process_engine, 500), epoch=1)
    failed = await until_status(process_engine, "env1/web/0", UnitStatus.FAILED)

    assert failed.cause is not None
    assert failed.cause.kind == "probe"
    assert "0.5 s" in failed.cause.message
    assert machine.processes() == []


async def test_a_tcp_probe_sees_a_fast_service_at_once(process_engine: ProcessEngine) -> None:
    port = (await process_engine.reserve("env1", {"db/tcp/0": 0}, epoch=1))["db/tcp/0"]
    probe = Probe(ProbeKind.TCP, interval=5)
    program = f"import socket,time; s=socket.create_server(('127.0.0.1',{port})); time.sleep(1000)"
    began = time.monotonic()
    await process_engine.apply(
        unit("db", "/usr/bin/python3", "-S", "-c", program, ports={"tcp": port}, probe=probe), epoch=1
    )

    await until_status(process_engine, "env1/db/0", UnitStatus.RUNNING)

    assert time.monotonic() - began < 2, "the first probes do not wait for the interval"


async def test_an_exec_probe_has_the_units_variables_and_a_deadline(
    process_engine: ProcessEngine, machine: Machine
) -> None:
    hangs = "test -e passed || { touch passed; sleep 1000; }; test $COLOUR = green"
    probe = Probe(ProbeKind.EXEC, command=("/bin/sh", "-c", hangs), interval=0.05, timeout=0.2)
    await process_engine.apply(unit(variables={"COLOUR": "green"}, probe=probe), epoch=1)

    await until_status(process_engine, "env1/api/0", UnitStatus.RUNNING)

    async def only_the_unit() -> bool:
        return len([pid for pid in machine.processes() if _command(pid) == "sleep"]) == 1

    await until(only_the_unit)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


async def test_a_log_probe_sees_lines_of_this_run_only(process_engine: ProcessEngine) -> None:
    probe = Probe(ProbeKind.LOG, r"listening on \d+")
    script = (
        "test -e go || { touch go; echo listening on 80; exec sleep 99; }; sleep 0.3; echo listening on 81; sleep 99"
    )
    await process_engine.apply(shell(script, probe=probe), epoch=1)
    await until_status(process_engine, "env1/api/0", UnitStatus.RUNNING)
    again = await process_engine.apply(shell(script, probe=probe, attempt=1), epoch=1)

    ready = await until_status(process_engine, "env1/api/0", UnitStatus.RUNNING)

    assert again.status is UnitStatus.STARTING
    assert ready.ready_at is not None
    assert ready.started_at is not None
    assert (ready.ready_at - ready.started_at).total_seconds() > 0.25


async def test_a_healthy_unit_may_become_unhealthy_and_recover(process_engine: ProcessEngine, machine: Machine) -> None:
    probe = Probe(ProbeKind.EXEC, command=("test", "!", "-e", "sick"), interval=0.02, retries=2)
    await process_engine.apply(unit(probe=probe), epoch=1)
    before = await until_status(process_engine, "env1/api/0", UnitStatus.RUNNING)

    sick = machine.data / "environments/env1/work/sick"
    sick.touch()
    await until_status(process_engine, "env1/api/0", UnitStatus.UNHEALTHY)
    sick.unlink()
    after = await until_status(process_engine, "env1/api/0", UnitStatus.RUNNING)

    assert (after.handle, after.cause, after.restarts) == (before.handle, None, 0)


async def test_probes_that_cannot_work_are_refused(process_engine: ProcessEngine) -> None:
    for probe in (Probe(ProbeKind.HTTP), Probe(ProbeKind.EXEC), Probe(ProbeKind.LOG, "(")):
        with pytest.raises(EngineRefused):
            await process_engine.apply(unit(probe=probe), epoch=1)


async def test_an_exit_during_start_is_noticed_at_once(process_engine: ProcessEngine) -> None:
    began = time.monotonic()
    probe = Probe(ProbeKind.LOG, "never", interval=30)
    await process_engine.apply(shell("exit 7", probe=probe, restart=NEVER), epoch=1)

    failed = await until_status(process_engine, "env1/api/0", UnitStatus.FAILED)

    assert failed.cause == Cause("exit", "Exited with code 7.", 7)
    assert time.monotonic() - began < 2


async def test_restarts_wait_longer_each_time_and_give_up(process_engine: ProcessEngine, machine: Machine) -> None:
    restart = Restart(backoff=0.05, max=3)
    await process_engine.apply(shell("date +%s.%N >> times; exit 1", restart=restart), epoch=1)

    failed = await until_status(process_engine, "env1/api/0", UnitStatus.FAILED)

    times = [float(line) for line in (machine.data / "environments/env1/work/times").read_text().split()]
    waits = [after - before for before, after in itertools.pairwise(times)]
    assert failed.restarts == 3
    assert [wait > least for wait, least in zip(waits, (0.045, 0.09, 0.18), strict=True)] == [True] * 3


async def test_a_unit_killed_by_a_signal_is_restarted_under_the_same_policy(process_engine: ProcessEngine) -> None:
    seen = await process_engine.apply(unit(restart=Restart(backoff=0.3)), epoch=1)
    assert seen.pid is not None
    os.kill(seen.pid, signal.SIGSEGV)

    waiting = await until_status(process_engine, "env1/api/0", UnitStatus.RESTARTING)
    again = await until_status(process_engine, "env1/api/0", UnitStatus.RUNNING)

    assert waiting.cause == Cause("signal", "Ended by SIGSEGV.", signal="SIGSEGV")
    assert waiting.next_restart_at is not None
    assert again.restarts == 1
    assert again.handle != seen.handle


async def test_a_service_that_ends_well_is_completed(process_engine: ProcessEngine) -> None:
    await process_engine.apply(shell("exit 0"), epoch=1)

    assert (await until_status(process_engine, "env1/api/0", UnitStatus.COMPLETED)).cause is None


async def test_a_missing_command_is_named(process_engine: ProcessEngine) -> None:
    seen = await process_engine.apply(unit("api", "no-such-program", restart=NEVER), epoch=1)

    assert seen.status is UnitStatus.FAILED
    assert seen.cause is not None
    assert (seen.cause.kind, seen.cause.exit_code) == ("spawn", 127)
    assert "no-such-program" in seen.cause.message


async def test_a_port_taken_by_another_program_is_a_cause(process_engine: ProcessEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        seen = await process_engine.apply(unit(ports={"http": port}, restart=NEVER), epoch=1)

    assert seen.cause is not None
    assert seen.cause.kind == "port"
    assert f"{port} (http)" in seen.cause.message
    assert f"pid {os.getpid()}" in seen.cause.message


async def test_stop_waits_for_the_graceful_end(process_engine: ProcessEngine, machine: Machine) -> None:
    script = "trap 'sleep 0.2; echo bye > farewell; exit 0' TERM; echo up; while :; do sleep 0.02; done"
    await process_engine.apply(shell(script, probe=Probe(ProbeKind.LOG, "up")), epoch=1)
    await until_status(process_engine, "env1/api/0", UnitStatus.RUNNING)

    await process_engine.stop("env1", epoch=1)

    assert (machine.data / "environments/env1/work/farewell").read_text() == "bye\n"
    assert machine.processes() == []


async def test_a_shutdown_command_replaces_the_signal(process_engine: ProcessEngine, machine: Machine) -> None:
    shutdown = Shutdown(command=("/bin/sh", "-c", "echo $NAME > asked; kill -9 $(cat pid)"))
    await process_engine.apply(
        shell("echo $$ > pid; exec sleep 1000", variables={"NAME": "x"}, shutdown=shutdown), epoch=1
    )
    pid = machine.data / "environments/env1/work/pid"
    await until(lambda: asyncio.to_thread(lambda: pid.exists() and pid.read_text()))

    await process_engine.stop("env1", epoch=1)

    assert (machine.data / "environments/env1/work/asked").read_text() == "x\n"


async def test_grandchildren_that_left_the_session_die_too(process_engine: ProcessEngine, machine: Machine) -> None:
    nameless = "(env -i setsid setsid sleep 1000 &)"
    await process_engine.apply(shell(f"{STUBBORN}; {nameless}; sleep 1000", shutdown=Shutdown(grace=0.2)), epoch=1)
    inside = machine.cgroups()

    async def all_there() -> list[int]:
        pids = [int(line) for folder in inside for line in (folder / "cgroup.procs").read_text().split()]
        return pids if len(set(pids)) >= 4 else []

    pids = await until(all_there) if inside else machine.processes()

    await process_engine.stop("env1", epoch=1)

    assert [pid for pid in pids if _command(pid)] == []


async def test_what_a_unit_leaves_behind_dies_with_it(process_engine: ProcessEngine, machine: Machine) -> None:
    await process_engine.apply(shell(f"{STUBBORN}; sleep 0.1; exit 1", restart=NEVER), epoch=1)

    await until_status(process_engine, "env1/api/0", UnitStatus.FAILED)

    assert machine.processes() == []


async def test_destroy_does_not_wait_for_grace(process_engine: ProcessEngine, machine: Machine) -> None:
    await process_engine.apply(
        shell("trap '' TERM; echo up; while :; do sleep 1; done", shutdown=Shutdown(grace=60)), epoch=1
    )
    stopping = asyncio.create_task(process_engine.stop("env1", epoch=1))
    await until_status(process_engine, "env1/api/0", UnitStatus.STOPPING)

    began = time.monotonic()
    await process_engine.destroy("env1", epoch=1)
    await stopping

    assert time.monotonic() - began < 3
    assert machine.processes() == []
    assert not (machine.data / "environments/env1").exists()


async def test_destroy_wins_over_applies_in_flight(process_engine: ProcessEngine, machine: Machine) -> None:
    applies = [process_engine.apply(unit(f"s{n}"), epoch=1) for n in range(20)]
    tasks = [asyncio.create_task(call) for call in applies]
    await asyncio.sleep(0.005)
    await process_engine.destroy("env1", epoch=1)
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert all(not isinstance(result, BaseException) or isinstance(result, EngineRefused) for result in results)
    started_later = {seen.handle.split(":")[0] for seen in await process_engine.observe("env1")}
    assert {str(pid) for pid in machine.processes()} == started_later


async def test_a_unit_sees_its_own_variables_only(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    engine = machine.engine()
    await engine.apply(shell("env > seen", volumes={"my-data": "/data"}, restart=NEVER), epoch=1)
    await until_status(engine, "env1/api/0", UnitStatus.COMPLETED)
    await engine.close()

    folder = machine.data / "environments/env1"
    seen = (folder / "work/seen").read_text()
    assert "DATABASE_PASSWORD" not in seen
    assert f"SOUNDSTAGE_VOLUME_MY_DATA={folder}/volumes/my-data" in seen


async def test_folders_are_kept_over_a_stop(process_engine: ProcessEngine, machine: Machine) -> None:
    script = "echo run >> data/kept; echo run >> here; exec sleep 1000"
    for _ in range(2):
        await process_engine.apply(shell(script, volumes={"v": "data"}, working_directory="sub/.."), epoch=1)
        await until_status(process_engine, "env1/api/0", UnitStatus.RUNNING)
        kept = machine.data / "environments/env1/volumes/v/kept"
        await until(lambda: asyncio.to_thread(kept.exists))  # noqa: B023
        await process_engine.stop("env1", epoch=1)

    assert (machine.data / "environments/env1/work/here").read_text() == "run\nrun\n"


@pytest.mark.parametrize("fields", [{"working_directory": "../.."}, {"volumes": {"v": "../x"}}])
async def test_a_path_may_not_leave_the_environment(process_engine: ProcessEngine, fields: dict[str, object]) -> None:
    seen = await process_engine.apply(unit(restart=NEVER, **fields), epoch=1)

    assert seen.cause is not None
    assert "leaves the environment's folder" in seen.cause.message


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden"])
async def test_names_may_not_become_paths(process_engine: ProcessEngine, name: str) -> None:
    with pytest.raises(EngineRefused):
        await process_engine.apply(unit(name), epoch=1)
    with pytest.raises(EngineRefused):
        await process_engine.destroy(name, epoch=1)


def test_the_restart_policy_decides() -> None:
    failure = Cause("exit", "", 1)
    service = unit(restart=Restart(max=2))

    assert judge(service, None, 0) == Verdict(UnitStatus.COMPLETED)
    assert judge(service, failure, 1).status is UnitStatus.RESTARTING
    assert judge(service, failure, 2) == Verdict(UnitStatus.FAILED)
    assert judge(unit(restart=Restart(RestartPolicy.ALWAYS)), None, 0).status is UnitStatus.RESTARTING
    assert judge(unit(restart=Restart(RestartPolicy.ALWAYS), one_shot=True), None, 0).status is UnitStatus.COMPLETED
    assert 54 <= backoff(Restart(), 100_000) <= 66


def test_an_exit_is_explained() -> None:
    plain = {"out_of_memory": False, "isolation": Isolation.PLAIN}

    assert cause_of_exit(0, **plain) is None  # type: ignore[arg-type]
    assert cause_of_exit(None, **plain).kind == "lost"  # type: ignore[arg-type,union-attr]
    assert cause_of_exit(-9, out_of_memory=True, isolation=Isolation.PLAIN).kind == "out_of_memory"  # type: ignore[union-attr]
    assert cause_of_exit(137, out_of_memory=False, isolation=Isolation.NAMESPACE).signal == "SIGKILL"  # type: ignore[union-attr]


async def test_a_unit_that_ended_while_applied_again_is_seen(process_engine: ProcessEngine) -> None:
    await process_engine.apply(shell("exit 0"), epoch=1)
    await until_status(process_engine, "env1/api/0", UnitStatus.COMPLETED)

    again = await process_engine.apply(shell("exit 0"), epoch=1)

    assert again.status is UnitStatus.COMPLETED
    assert (await one(process_engine, "env1/api/0")).restarts == 0


async def test_units_end_while_their_probes_run(process_engine: ProcessEngine, machine: Machine) -> None:
    """A cancellation that meets the end of a probe is not lost."""
    probe = Probe(ProbeKind.EXEC, command=("true",), interval=0.005)
    for number in range(5):
        environment = f"env{number}"
        units = [unit(f"s{n}", environment=environment, probe=probe) for n in range(10)]
        await asyncio.gather(*(process_engine.apply(u, epoch=1) for u in units))
        await asyncio.wait_for(process_engine.destroy(environment, epoch=1), 5)

    assert machine.processes() == []
