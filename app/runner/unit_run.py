"""One run of a unit, from the spawn of its process until nothing of its tree is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from app.runner import cgroups, ports, probes, process_table, spawn
from app.runner.context import Context, kill_all, run_helper
from app.runner.folders import EnvironmentFolder, make_private
from app.runner.isolation import number_of
from app.runner.model import Cause, EngineRefused, Isolation, Limits, Unit
from app.runner.process_table import Process, Snapshot
from app.runner.records import UnitRecord

#: Seconds that a namespace has to start its program, before it is signalled all the same.
_ENTERING = 0.5


class CannotStart(Exception):
    """The process could not be started; the restart policy decides what follows."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.message)
        self.cause = cause


class UnitRun:
    """A process that runs, with all that it starts."""

    def __init__(self, context: Context, record: UnitRecord, ended: asyncio.Future[int | None], *, ours: bool) -> None:
        self._context = context
        self.record = record
        self.unit = record.unit
        self.process = Process(record.pid, record.start)
        #: The exit code, once the first process has ended.
        self.ended = ended
        # A group's number may be trusted if its leader was alive under our eyes.
        self._leader = self.process if ours or not ended.done() else None
        self._folder = context.data.folder_of(self.unit)

    @property
    def mark(self) -> str:
        return f"{self._context.runner_id}:{self.unit.id}"

    @classmethod
    def adopt(cls, context: Context, record: UnitRecord) -> UnitRun:
        process = Process(record.pid, record.start)
        if record.boot == context.boot and process_table.is_alive(process):
            return cls(context, record, context.reaper.adopt(process), ours=False)
        gone: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        gone.set_result(None)
        return cls(context, record, gone, ours=False)

    @classmethod
    def start(cls, context: Context, record: UnitRecord) -> UnitRun:
        """One step of the event loop, without a pause: nobody can cancel it halfway."""
        unit = record.unit
        try:
            folder = context.data.folder_of(unit)
            directory = prepare_folders(folder, unit)
            variables = spawn.variables_of(unit, folder, context.runner_id)
            _check_ports(unit)
            _check_program(unit, variables, directory)
            command = context.isolator.command(unit.isolation, unit, folder, directory)
            context.keeper.shrink_between_runs(folder.log(unit))
            return cls._spawn(context, record, command, variables, directory)
        except EngineRefused as error:
            raise CannotStart(Cause("spawn", error.message)) from error
        except OSError as error:
            reason = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
            raise CannotStart(Cause("spawn", f"It could not be started: {reason}.")) from error

    @classmethod
    def _spawn(
        cls, context: Context, record: UnitRecord, command: Sequence[str], variables: dict[str, str], directory: Path
    ) -> UnitRun:
        unit = record.unit
        log = context.data.environment(unit.environment_id).log(unit)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            record.log_offset = os.fstat(output).st_size
            child = spawn.spawn(command, variables, _gate_directory(unit, directory), output)
        finally:
            os.close(output)
        ended = context.reaper.child(child.pid)
        try:
            process = child.process()
            record.pid, record.start, record.boot = process.pid, process.start, context.boot
            record.started_at = time.time()
            record.isolation = unit.isolation
            _enforce(context, record)
            record.revision = context.revisions.next()
            context.records.save_unit(record)
        except BaseException:
            child.abandon()
            record.pid = record.start = 0
            raise
        child.open()
        return cls(context, record, ended, ours=True)

    def out_of_memory(self) -> bool:
        return cgroups.memory_kills(self.record.cgroups) > self.record.memory_kills

    def check(self) -> probes.Check:
        """The unit's probe; `exec` ones run where the unit runs."""
        return probes.check_of(self.unit, self._succeeds, self._folder.log(self.unit), self.record.log_offset)

    async def _succeeds(self, command: Sequence[str], timeout: float) -> bool:
        return await self._help(command, timeout) == 0

    async def _help(self, command: Sequence[str], timeout: float) -> int | None:
        directory = self._folder.working_directory(self.unit)
        full = self._context.isolator.command(self.unit.isolation, self.unit, self._folder, directory, command)
        variables = spawn.variables_of(self.unit, self._folder, self._context.runner_id, helper=True)
        folder = _gate_directory(self.unit, directory)
        return await run_helper(self._context.reaper, full, variables, folder, timeout)

    async def stop(self, hurry: asyncio.Event) -> None:
        """Gracefully, unless in a hurry; returns when nothing is left."""
        grace = self.unit.shutdown.grace
        if self._leader is not None and not hurry.is_set() and grace > 0:
            hurried = asyncio.create_task(hurry.wait())
            polite = asyncio.create_task(self._stop_politely(grace))
            try:
                await asyncio.wait({hurried, polite}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                hurried.cancel()
                polite.cancel()
                await asyncio.gather(hurried, polite, return_exceptions=True)
        await self.clear()

    async def _stop_politely(self, grace: float) -> None:
        async with asyncio.timeout(grace):
            if self.unit.shutdown.command:
                await self._help(self.unit.shutdown.command, grace)
            else:
                await self._entered()
                self._signal_group(number_of(self.unit.shutdown.signal))
            await asyncio.shield(self.ended)
            # Under bubblewrap its outer process ends first, while the program inside is still busy with its end.
            delay = 0.005
            while self._group_is_alive():
                await asyncio.sleep(delay)
                delay = min(delay * 1.5, 0.1)

    async def _entered(self) -> None:
        """A namespace's first process ignores signals: one sent before the program is there would be lost."""
        if self.unit.isolation is Isolation.NAMESPACE:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ENTERING):
                    while not self.ended.done() and not self._program_is_there():  # noqa: ASYNC110 - no event tells
                        await asyncio.sleep(0.002)

    def _signal_group(self, number: int) -> None:
        if not self.ended.done() and process_table.is_alive(self.process):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def _group_is_alive(self) -> bool:
        # Our own dead children count as alive until they are reaped, which the event loop does meanwhile.
        try:
            os.killpg(self.process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return self._program_is_there()

    def _program_is_there(self) -> bool:
        # bubblewrap's inner process stays for as long as anything lives in the namespace: it is no reason to wait.
        return any(
            stat.group == self.process.pid and stat.name != "bwrap"
            for stat in self._context.table.scan().stats.values()
        )

    async def clear(self) -> None:
        """Kill what is left of the tree, wherever it hides, and remove the control groups."""
        await kill_all(self._context.table, self._family)
        if not self.ended.done():
            await asyncio.wait({self.ended}, timeout=5)
        await cgroups.remove(self.record.cgroups)
        self.record.cgroups = []
        self.record.pid = self.record.start = 0

    def _family(self, snapshot: Snapshot) -> list[Process]:
        return snapshot.family(self.mark, self._leader, cgroups.members(self.record.cgroups))


def prepare_folders(folder: EnvironmentFolder, unit: Unit) -> Path:
    """Make what the unit needs; returns its working directory."""
    folder.make()
    if folder.elsewhere is not None and not folder.elsewhere.is_dir():
        raise EngineRefused("The folder that the service works in is not there any more.")
    for name, mount in unit.volumes.items():
        make_private(folder.volumes / name)
        if unit.isolation is not Isolation.NAMESPACE and not Path(mount).is_absolute():
            _link(folder.work, mount, folder.volumes / name)
    directory = folder.working_directory(unit)
    if directory.is_relative_to(folder.work):
        _stay_inside(directory, folder.work, "working directory")
        if folder.elsewhere is None:
            directory.mkdir(parents=True, exist_ok=True)
        elif not directory.is_dir():
            raise EngineRefused(f"The working copy has no folder {unit.working_directory or '.'!r}.")
    return directory


def _stay_inside(path: Path, folder: Path, kind: str) -> None:
    """Also a link that a unit laid may not lead us to write outside."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise EngineRefused(f"The {kind} {path} leaves the environment's folder.")


def _link(work: Path, mount: str, volume: Path) -> None:
    place = Path(os.path.normpath(work / mount))
    if place == work:
        raise EngineRefused(f"The volume path {mount!r} is the working directory itself.")
    _stay_inside(place.parent, work, "volume path")
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink() and place.readlink() == volume:
        return
    if place.exists():
        raise EngineRefused(f"The volume path {mount!r} is taken by a file of the working directory.")
    place.symlink_to(volume)


def _gate_directory(unit: Unit, directory: Path) -> Path:
    """Where the gate goes before it runs the command; inside a namespace bubblewrap does that."""
    return Path("/") if unit.isolation is Isolation.NAMESPACE else directory


def _check_ports(unit: Unit) -> None:
    for name, port in unit.ports.items():
        if not ports.is_free(port):
            message = f"Port {port} ({name}) is taken by {ports.owner_of(port)}."
            raise CannotStart(Cause("port", message))


def _check_program(unit: Unit, variables: dict[str, str], directory: Path) -> None:
    if not directory.is_dir() and unit.isolation is not Isolation.NAMESPACE:
        raise CannotStart(Cause("spawn", f"The working directory {directory} does not exist."))
    inside = unit.isolation is Isolation.NAMESPACE and "/" in unit.command[0]
    if not inside and spawn.find_program(unit.command[0], variables, directory) is None:
        message = f"The command {unit.command[0]!r} was not found or is not executable. Is it installed and on PATH?"
        raise CannotStart(Cause("spawn", message, 127))


def _enforce(context: Context, record: UnitRecord) -> None:
    """Limits, while the process waits at its gate; the record says which mechanism holds each."""
    limits, pid = record.unit.limits, record.pid
    record.cgroups = _place(context, record, limits)
    record.memory_kills = cgroups.memory_kills(record.cgroups)
    grouped = bool(record.cgroups)
    record.enforced = {}
    for name in ("cpu", "memory", "pids"):
        if getattr(limits, name) is not None:
            record.enforced[name] = context.cgroups.mechanism(name) if grouped else "none"
    if limits.memory is not None and record.enforced["memory"] == "none":
        spawn.limit_data(pid, limits.memory)
        record.enforced["memory"] = "rlimit"
    if limits.open_files is not None:
        spawn.limit_open_files(pid, limits.open_files)
        record.enforced["open_files"] = "rlimit"


def _place(context: Context, record: UnitRecord, limits: Limits) -> list[str]:
    if not context.cgroups.available:
        return []
    try:
        return context.cgroups.place(record.unit.id, record.pid, limits)
    except OSError as error:
        context.cgroups.failed(record.unit.id, error)
        return []
