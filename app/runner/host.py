"""All environments of one runner, and the verbs that the control plane calls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from app.runner import cgroups, probes, process_table
from app.runner.cgroups import Cgroups
from app.runner.context import Context, Revisions, kill_all, run_helper
from app.runner.folders import DataFolder, check_name, make_private
from app.runner.isolation import Isolator, number_of
from app.runner.log_keeper import DEFAULT_LIMIT, LogKeeper
from app.runner.model import Capabilities, EngineRefused, EngineUnavailable, Observation, Unit, UnitStatus
from app.runner.ports import Ports
from app.runner.process_table import HELPER_MARK, UNIT_MARK, Process, ProcessTable, Snapshot
from app.runner.reaper import Reaper
from app.runner.records import EnvironmentRecord, Records, UnitRecord, runner_id
from app.runner.supervisor import Supervisor, check_epoch
from app.runner.terminals import Terminals

_log = logging.getLogger(__name__)
#: Seconds for which the epoch of a destroyed environment is remembered.
_REMEMBER_DESTROYED = 7 * 24 * 3600.0


class Environment:
    def __init__(self, record: EnvironmentRecord) -> None:
        self.record = record
        self.units: dict[str, Supervisor] = {}
        self.destroying: asyncio.Task[None] | None = None


class Host:
    def __init__(
        self,
        data: DataFolder,
        changed: Callable[[str], None],
        ports: Ports,
        log_limit: int = DEFAULT_LIMIT,
        tell: Callable[[str, str], None] = lambda kind, name: None,
    ) -> None:
        make_private(data.root / "environments")
        identity = runner_id(data)
        reaper = Reaper()

        async def attempt(command: Sequence[str]) -> int | None:
            marks = {HELPER_MARK: identity, "PATH": "/usr/bin:/bin"}
            return await run_helper(reaper, command, marks, Path("/"), timeout=5)

        self._data = data
        self._ports = ports
        self._environments: dict[str, Environment] = {}
        self._closing = False
        self._context = Context(
            runner_id=identity,
            data=data,
            records=Records(data),
            table=ProcessTable(),
            reaper=reaper,
            cgroups=Cgroups(identity),
            isolator=Isolator(data.root, attempt),
            keeper=LogKeeper(self._logs_of_running, log_limit),
            revisions=Revisions(),
            boot=process_table.boot_id(),
            changed=changed,
        )
        self.terminals = Terminals(self._context, tell)
        self._tasks: list[asyncio.Task[None]] = []

    # --- start and end of the runner

    async def begin(self) -> None:
        """Adopt what runs, and end what nobody knows, before anything new starts."""
        self._load()
        supervisors = list(self._supervisors())
        await self._ports.retake([p for e in self._environments.values() for p in e.record.ports.values()])
        for supervisor in supervisors:
            supervisor.adopt()
        await self._sweep()
        self.terminals.load()
        # A stop may take its time; the socket does not wait for it.
        self._tasks += [asyncio.create_task(s.halt()) for s in supervisors if s.is_stopping]
        self._tasks.append(asyncio.create_task(self._context.keeper.run()))
        self._tasks.append(asyncio.create_task(self.terminals.keep()))
        for environment in list(self._environments.values()):
            if environment.record.doomed and not environment.record.destroyed:
                await self.destroy(environment.record.id, environment.record.epoch)
        self._tasks.append(asyncio.create_task(asyncio.to_thread(shutil.rmtree, self._data.trash, ignore_errors=True)))

    def _load(self) -> None:
        forgotten = time.time() - _REMEMBER_DESTROYED
        for record in self._context.records.environments():
            path = self._data.runner / "environments" / f"{record.id}.json"
            if record.destroyed and path.stat().st_mtime < forgotten:
                path.unlink()
            else:
                self._environments[record.id] = Environment(record)
        for unit_record in self._context.records.units():
            unit = unit_record.unit
            environment = self._environment(unit.environment_id)
            environment.units[unit.id] = Supervisor(self._context, environment.record, unit_record)

    async def _sweep(self) -> None:
        """Kill marked processes of this data directory that belong to no unit which runs."""
        identity = self._context.runner_id
        running = {f"{identity}:{s.record.unit.id}" for s in self._supervisors() if s.has_process}
        kept = {folder for s in self._supervisors() for folder in s.record.cgroups}

        def strays(snapshot: Snapshot) -> list[Process]:
            found = []
            for pid, marks in snapshot.marks.items():
                mark = marks.get(UNIT_MARK, "")
                stray = mark.startswith(f"{identity}:") and mark not in running
                if stray or marks.get(HELPER_MARK) == identity:
                    found.append(Process(pid, snapshot.stats[pid].start))
            return found

        await kill_all(self._context.table, strays)
        leftovers = [folder for folder in self._context.cgroups.leftovers() if folder not in kept]
        for folder in leftovers:
            await kill_all(self._context.table, partial(_members, folder))
        await cgroups.remove(leftovers)

    async def let_go(self) -> None:
        """The runner ends, the services do not."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.terminals.close_all("lost")
        await asyncio.gather(*(supervisor.let_go() for supervisor in self._supervisors()))
        self._context.keeper.look()
        self._context.reaper.close()
        self._context.cgroups.close()

    async def stop_all(self) -> None:
        self._closing = True
        halting = [supervisor.halt() for supervisor in self._supervisors()]
        await asyncio.gather(self.terminals.close_all(), *halting)

    # --- the verbs

    async def capabilities(self) -> Capabilities:
        mechanisms = {name: self._context.cgroups.mechanism(name) for name in ("cpu", "memory", "pids")}
        if mechanisms["memory"] == "none":
            mechanisms["memory"] = "rlimit"
        levels = await self._context.isolator.levels()
        return Capabilities("process", levels, runs_images=False, limits={**mechanisms, "open_files": "rlimit"})

    async def reserve(
        self, environment_id: str, wanted: Mapping[str, int], epoch: int, fixed: Collection[str]
    ) -> dict[str, int]:
        record = self._enter(environment_id, epoch).record
        chosen = self._ports.choose(record.ports, wanted, fixed)
        if chosen != record.ports:
            record.ports = chosen
            self._context.records.save_environment(record)
        return {name: chosen[name] for name in wanted}

    async def apply(self, unit: Unit, epoch: int) -> Observation:
        check_unit(unit)
        await self._context.isolator.require(unit.isolation)
        environment = self._enter(unit.environment_id, epoch)
        supervisor = environment.units.get(unit.id)
        if supervisor is None:
            nothing_yet = UnitRecord(unit, "", epoch, UnitStatus.STOPPED)
            supervisor = environment.units[unit.id] = Supervisor(self._context, environment.record, nothing_yet)
        return await supervisor.apply(unit, epoch)

    def observe(self, environment_id: str | None) -> list[Observation]:
        if environment_id is None:
            return [s.observation() for s in self._supervisors() if s.record.digest]
        environment = self._environments.get(environment_id)
        return [s.observation() for s in environment.units.values() if s.record.digest] if environment else []

    async def stop(self, environment_id: str, service: str, replica: int | None, epoch: int) -> None:
        environment = self._environments.get(environment_id)
        if environment is None or environment.record.destroyed:
            return
        self._see_epoch(environment, epoch)
        chosen = [
            supervisor
            for supervisor in environment.units.values()
            if service in ("", supervisor.record.unit.service) and replica in (None, supervisor.record.unit.replica)
        ]
        results = await asyncio.gather(*(supervisor.stop(epoch) for supervisor in chosen), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def destroy(self, environment_id: str, epoch: int) -> None:
        environment = self._environment(environment_id)
        self._see_epoch(environment, epoch)
        if environment.destroying is None:
            environment.record.doomed = True
            environment.record.destroyed = False
            self._context.records.save_environment(environment.record)
            environment.destroying = asyncio.create_task(self._destroy(environment))
        await asyncio.shield(environment.destroying)

    async def _destroy(self, environment: Environment) -> None:
        record = environment.record
        try:
            for supervisor in environment.units.values():
                supervisor.hurry()
            await asyncio.gather(*(supervisor.destroy() for supervisor in environment.units.values()))
            prefix = f"{self._context.runner_id}:{record.id}/"
            await kill_all(self._context.table, lambda snapshot: _marked(snapshot, prefix))
            await asyncio.to_thread(self._discard_folder, record.id)
            self._context.records.remove_units(record.id)
            self._ports.release(record.ports.values())
            environment.units.clear()
            record.ports, record.doomed, record.destroyed = {}, False, True
            self._context.records.save_environment(record)
        finally:
            environment.destroying = None
        self._context.changed(record.id)

    def _discard_folder(self, environment_id: str) -> None:
        """At once out of sight, then removed: followers of its logs see one moment of its end."""
        folder = self._data.environment(environment_id).root
        trash = make_private(self._data.trash) / f"{environment_id}-{secrets.token_hex(4)}"
        with contextlib.suppress(FileNotFoundError):
            folder.rename(trash)
        shutil.rmtree(trash, ignore_errors=True)
        if trash.exists():
            _log.warning("%s could not be removed as a whole", trash)

    # --- who is here

    def environment_ids(self) -> list[str]:
        return [
            environment.record.id for environment in self._environments.values() if not environment.record.destroyed
        ]

    def _environment(self, environment_id: str) -> Environment:
        environment = self._environments.get(environment_id)
        if environment is None:
            check_name("environment id", environment_id)
            environment = self._environments[environment_id] = Environment(EnvironmentRecord(environment_id))
        return environment

    def _enter(self, environment_id: str, epoch: int) -> Environment:
        """For calls that start something."""
        if self._closing:
            raise EngineUnavailable("The runner is shutting down.")
        environment = self._environment(environment_id)
        if environment.record.doomed:
            check_epoch(environment.record, epoch)
            raise EngineRefused(f"The environment {environment_id} is being destroyed.")
        self._see_epoch(environment, epoch)
        if environment.record.destroyed:
            environment.record.destroyed = False
            self._context.records.save_environment(environment.record)
        return environment

    def _see_epoch(self, environment: Environment, epoch: int) -> None:
        record = environment.record
        check_epoch(record, epoch)
        if epoch > record.epoch:
            record.epoch = epoch
            self._context.records.save_environment(record)

    def _supervisors(self) -> Iterator[Supervisor]:
        for environment in self._environments.values():
            yield from environment.units.values()

    def _logs_of_running(self) -> Iterator[Path]:
        for supervisor in self._supervisors():
            if supervisor.has_process:
                yield supervisor.log


def check_unit(unit: Unit) -> None:
    check_name("service", unit.service)
    for volume in unit.volumes:
        check_name("volume", volume)
    probes.validate(unit)
    number_of(unit.shutdown.signal)
    if not unit.command:
        raise EngineRefused(f"The service {unit.service} has no command.")
    texts = (*unit.command, *unit.variables, *unit.variables.values())
    if any("\0" in text for text in texts) or any("=" in name or not name for name in unit.variables):
        raise EngineRefused(f"The command or a variable of {unit.service} holds a character that programs cannot get.")


def _members(folder: str, snapshot: Snapshot) -> list[Process]:
    return [Process(pid, snapshot.stats[pid].start) for pid in cgroups.members([folder]) if pid in snapshot.stats]


def _marked(snapshot: Snapshot, prefix: str) -> list[Process]:
    return [
        Process(pid, snapshot.stats[pid].start)
        for pid, marks in snapshot.marks.items()
        if marks.get(UNIT_MARK, "").startswith(prefix)
    ]
