"""Isolation levels and limits, as far as this machine has them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engines.base import Cause, Isolation, IsolationUnavailable, Limits, Restart, RestartPolicy, Unit, UnitStatus
from app.engines.process import ProcessEngine
from app.runner.cgroups import Cgroups, memory_kills, own_groups
from app.runner.folders import EnvironmentFolder
from app.runner.isolation import Isolator
from tests.engines.support import Machine, collect, lines_of, one, shell, unit, until, until_status

pytestmark = pytest.mark.anyio
NEVER = Restart(RestartPolicy.NEVER)


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder which no level lets a unit write to."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    yield folder
    shutil.rmtree(folder)


async def need(engine: ProcessEngine, level: Isolation) -> None:
    if level not in (await engine.capabilities()).isolation:
        pytest.skip(f"this machine does not offer {level.value}")


async def output_of(engine: ProcessEngine) -> list[str]:
    await until_status(engine, "env1/api/0", UnitStatus.COMPLETED, UnitStatus.FAILED)
    return lines_of(await collect(engine.logs("env1")))


@pytest.mark.parametrize("level", [Isolation.NAMESPACE, Isolation.LANDLOCK])
async def test_a_unit_writes_in_its_environment_only(
    process_engine: ProcessEngine, machine: Machine, outside: Path, level: Isolation
) -> None:
    await need(process_engine, level)
    script = (
        f"(echo x > {outside}/file) 2>/dev/null && echo wrote outside; echo x > here && echo x > /tmp/it && "
        'echo x > "$SOUNDSTAGE_VOLUME_DATA/kept" && echo x > /dev/null && echo wrote inside; pwd'
    )
    seen = await process_engine.apply(shell(script, isolation=level, volumes={"data": "/data"}, restart=NEVER), epoch=1)

    folder = machine.data / "environments/env1"
    assert await output_of(process_engine) == ["wrote inside", str(folder / "work")]
    assert seen.isolation is level
    assert (folder / "volumes/data/kept").exists()
    assert not (outside / "file").exists()
    Path("/tmp/it").unlink(missing_ok=True)


async def test_a_namespace_hides_processes_and_the_data_folder(process_engine: ProcessEngine, machine: Machine) -> None:
    await need(process_engine, Isolation.NAMESPACE)
    script = f"ls /proc | grep -c '^[0-9]'; ls {machine.data}; echo x > /data/kept; cat /data/kept; touch /x /usr/x"
    await process_engine.apply(
        shell(script, isolation=Isolation.NAMESPACE, volumes={"data": "/data"}, restart=NEVER), epoch=1
    )

    processes, *listed, kept, _, _ = await output_of(process_engine)
    assert int(processes) < 8
    assert listed == ["environments"]
    assert kept == "x"
    assert (machine.data / "environments/env1/volumes/data/kept").exists()


async def test_a_volume_path_that_cannot_be_made_is_told(process_engine: ProcessEngine) -> None:
    await need(process_engine, Isolation.NAMESPACE)
    seen = await process_engine.apply(
        unit(isolation=Isolation.NAMESPACE, volumes={"data": "/var/lib/nowhere/data"}, restart=NEVER), epoch=1
    )

    assert seen.cause is not None
    assert "SOUNDSTAGE_VOLUME" in seen.cause.message


@pytest.mark.parametrize("level", [Isolation.NAMESPACE, Isolation.LANDLOCK])
async def test_an_isolated_unit_stops_gracefully_and_whole(
    process_engine: ProcessEngine, machine: Machine, level: Isolation
) -> None:
    await need(process_engine, level)
    script = "trap 'sleep 0.2; echo bye; exit 0' TERM; (setsid sleep 1000 &); echo up; while :; do sleep 0.02; done"
    await process_engine.apply(shell(script, isolation=level), epoch=1)

    async def up() -> bool:
        return lines_of(await collect(process_engine.logs("env1"))) == ["up"]

    await until(up)
    began = time.monotonic()
    await process_engine.stop("env1", epoch=1)
    assert time.monotonic() - began < 5

    lines = lines_of(await collect(process_engine.logs("env1")))
    assert [line for line in lines if line != "Terminated"] == ["up", "bye"]
    assert machine.processes() == []


async def test_an_isolated_exit_code_is_known(process_engine: ProcessEngine) -> None:
    await need(process_engine, Isolation.NAMESPACE)
    await process_engine.apply(shell("kill -KILL $$", isolation=Isolation.NAMESPACE, restart=NEVER), epoch=1)

    failed = await until_status(process_engine, "env1/api/0", UnitStatus.FAILED)
    assert failed.cause == Cause("signal", "Ended by SIGKILL.", signal="SIGKILL")


async def test_a_level_that_is_missing_is_refused(tmp_path: Path) -> None:
    async def fails(command: object) -> int:
        return 1

    isolator = Isolator(tmp_path, fails)

    assert await isolator.levels() == (Isolation.PLAIN,)
    await isolator.require(Isolation.PLAIN)
    with pytest.raises(IsolationUnavailable, match="bubblewrap"):
        await isolator.require(Isolation.NAMESPACE)


def test_plain_changes_nothing_of_the_command(tmp_path: Path) -> None:
    async def unused(command: object) -> int:
        return 0

    folder = EnvironmentFolder(tmp_path)
    assert Isolator(tmp_path, unused).command(Isolation.PLAIN, unit(), folder, tmp_path) == ["sleep", "1000"]


async def test_open_files_are_limited(process_engine: ProcessEngine) -> None:
    seen = await process_engine.apply(shell("ulimit -n", limits=Limits(open_files=77), restart=NEVER), epoch=1)

    assert await output_of(process_engine) == ["77"]
    assert dict(seen.enforced) == {"open_files": "rlimit"}


async def test_too_much_memory_is_a_cause(process_engine: ProcessEngine) -> None:
    mechanism = (await process_engine.capabilities()).limits["memory"]
    if mechanism != "cgroup":
        pytest.skip("control groups are not writable here")
    program = "x = bytearray(200 * 1024 * 1024)"
    limits = Limits(memory=40 * 1024 * 1024)
    seen = await process_engine.apply(
        unit("api", "/usr/bin/python3", "-c", program, limits=limits, restart=NEVER), epoch=1
    )
    failed = await until_status(process_engine, "env1/api/0", UnitStatus.FAILED)

    assert dict(seen.enforced) == {"memory": "cgroup"}
    assert failed.cause is not None
    assert failed.cause.kind == "out_of_memory"


async def test_processes_and_processor_time_are_limited(process_engine: ProcessEngine, machine: Machine) -> None:
    if (await process_engine.capabilities()).limits["pids"] != "cgroup":
        pytest.skip("control groups are not writable here")
    limits = Limits(pids=3, cpu=0.5)
    await process_engine.apply(
        shell("for i in 1 2 3 4 5 6; do sleep 1000 & done; wait", limits=limits, restart=NEVER), epoch=1
    )
    await until(lambda: fork_failed(process_engine))

    quotas = [path.read_text().strip() for folder in machine.cgroups() for path in folder.glob("cpu.cfs_quota_us")]
    assert quotas in (["50000"], [])
    assert dict((await one(process_engine, "env1/api/0")).enforced) == {"cpu": "cgroup", "pids": "cgroup"}
    await process_engine.destroy("env1", epoch=1)
    assert machine.cgroups() == []


async def fork_failed(engine: ProcessEngine) -> bool:
    return any("ork" in line for line in lines_of(await collect(engine.logs("env1"))))


def fake_mount(tmp_path: Path, controllers: str) -> Path:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/cgroup.controllers").write_text(controllers)
    (tmp_path / "own/cgroup.subtree_control").write_text(controllers)
    return tmp_path


def test_version_2_is_taken_first(tmp_path: Path) -> None:
    groups = Cgroups("id", fake_mount(tmp_path, "cpu memory pids"), "0::/own\n")
    placed = groups.place("env1/api/0", 42, Limits(cpu=1.5, memory=1000, pids=5))
    folder = tmp_path / "own/soundstage-id/env1:api:0"

    assert groups.version == 2
    assert placed == [str(folder)]
    read = {path.name: path.read_text() for path in folder.iterdir()}
    assert read == {
        "cpu.max": "150000 100000",
        "memory.max": "1000",
        "memory.swap.max": "0",
        "pids.max": "5",
        "cgroup.procs": "42",
    }
    (folder / "memory.events").write_text("low 0\noom 2\noom_kill 1\n")
    assert memory_kills(placed) == 1


def test_a_machine_without_control_groups_says_so(tmp_path: Path) -> None:
    groups = Cgroups("id", tmp_path, "0::/\n")

    assert not groups.available
    assert groups.mechanism("memory") == "none"


def test_our_own_groups_are_read() -> None:
    text = "9:name=systemd:/\n4:cpu,cpuacct:/a\n0::/own\n"

    assert own_groups(text) == {"name=systemd": "/", "cpu": "/a", "cpuacct": "/a", "": "/own"}


async def test_capabilities_name_what_is_there(process_engine: ProcessEngine) -> None:
    seen = await process_engine.capabilities()

    assert (seen.name, seen.runs_images) == ("process", False)
    assert seen.isolation[-1] is Isolation.PLAIN
    assert set(seen.limits) == {"cpu", "memory", "pids", "open_files"}


async def test_a_namespace_is_stopped_gracefully_also_while_it_starts(machine: Machine) -> None:
    engine = machine.engine()
    if Isolation.NAMESPACE not in (await engine.capabilities()).isolation:
        pytest.skip("this machine does not offer namespace")

    for number in range(20):
        made = Unit(f"env_{number}", "web", 0, ("sleep", "1000"), isolation=Isolation.NAMESPACE)
        await engine.apply(made, epoch=1)
        await asyncio.sleep(number * 0.0005)
        began = time.monotonic()
        await engine.stop(made.environment_id, epoch=1)

        assert time.monotonic() - began < 5, "the signal was lost, and the grace of 10 s was waited for"
    await engine.close()


@pytest.mark.parametrize("level", list(Isolation))
async def test_a_unit_works_in_a_folder_that_is_not_its_environment_s(
    process_engine: ProcessEngine, machine: Machine, level: Isolation
) -> None:
    await need(process_engine, level)
    copy, repository, other = (machine.data / "copies" / name for name in ("mine", "repository", "others"))
    for folder in (copy / "sub", repository, other):
        folder.mkdir(parents=True)
        (folder / "secret").write_text(folder.name)
    script = f"pwd; cat {repository}/secret; echo; echo x > ../here; ls {copy.parent}; echo x > {repository}/written"
    wanted = {"folder": "copies/mine", "reads": ("copies/repository",), "working_directory": "sub"}
    await process_engine.apply(shell(script, isolation=level, restart=NEVER, **wanted), epoch=1)

    where, read, *seen = await output_of(process_engine)
    assert (where, read, (copy / "here").exists()) == (str(copy / "sub"), "repository", True)
    if level is Isolation.NAMESPACE:  # Landlock leaves /tmp writable, where this test's data directory is
        assert not (repository / "written").exists()
        assert seen[:2] == ["mine", "repository"], "what belongs to others is not to be seen"


@pytest.mark.parametrize("folder", ["../elsewhere", "/etc", ".", "a/../.."])
async def test_a_folder_outside_of_the_data_directory_is_refused(process_engine: ProcessEngine, folder: str) -> None:
    seen = await process_engine.apply(shell("true", folder=folder, restart=NEVER), epoch=1)

    assert seen.cause is not None
    assert (seen.status, seen.cause.kind) == (UnitStatus.FAILED, "spawn")
