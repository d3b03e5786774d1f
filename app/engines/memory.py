"""An engine without processes, for tests: units do at once, or by script, what a real one would do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from app.engines.base import (
    Capabilities,
    Cause,
    EngineRefused,
    Isolation,
    IsolationUnavailable,
    LogBatch,
    Observation,
    PortTaken,
    StaleEpoch,
    Unit,
    UnitStatus,
)
from app.engines.hints import Hints
from app.engines.log_lines import Source, Splitter, last_lines
from app.engines.memory_terminals import MemoryTerminals
from app.runner.codec import digest


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The script of a service's units, from each start. Times are in seconds; 0 is at once."""

    ready_after: float = 0.0
    #: It ends with this code, `exit_after` the start; None runs on (a one-shot unit ends with 0).
    exit_code: int | None = None
    exit_after: float = 0.0
    #: Printed at the start.
    output: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """What the engine was asked."""

    name: str
    environment_id: str
    unit_id: str = ""
    epoch: int = 0


@dataclass(slots=True)
class _Output:
    content: bytearray = field(default_factory=bytearray)
    #: (size, time) after each write.
    times: list[tuple[int, float]] = field(default_factory=list)


@dataclass(slots=True)
class _Running:
    unit: Unit
    digest: str
    seen: Observation
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


@dataclass(slots=True)
class _Environment:
    epoch: int = 0
    ports: dict[str, int] = field(default_factory=dict)
    units: dict[str, _Running] = field(default_factory=dict)
    output: dict[Source, _Output] = field(default_factory=dict)
    #: Grows with each destroy: followers of what was before end.
    life: int = 0
    destroyed: bool = False


class MemoryEngine:
    """`behaviour` is by service. `calls` records what was asked; `on_call` may raise before anything is done."""

    def __init__(
        self,
        behaviour: Mapping[str, Behaviour] | None = None,
        *,
        isolation: Collection[Isolation] = (Isolation.PLAIN,),
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        self.behaviour = dict(behaviour or {})
        self.calls: list[Call] = []
        self.on_call = on_call
        #: Ports that "other programs" listen on.
        self.foreign_ports: set[int] = set()
        self._isolation = tuple(isolation)
        self._environments: dict[str, _Environment] = {}
        self._hints = Hints()
        self.terminals = MemoryTerminals(self._isolation)
        self._followers: set[asyncio.Event] = set()
        self._closed = False
        self._revision = 0
        self._pid = 1000

    # --- the interface

    async def capabilities(self) -> Capabilities:
        limits = dict.fromkeys(("cpu", "memory", "pids", "open_files"), "none")
        return Capabilities("memory", self._isolation, runs_images=True, limits=limits)

    async def reserve(
        self, environment_id: str, wanted: Mapping[str, int], *, epoch: int, fixed: Collection[str] = ()
    ) -> dict[str, int]:
        environment = self._enter(Call("reserve", environment_id, epoch=epoch))
        chosen = dict(environment.ports)
        used = {port for other in self._environments.values() for port in other.ports.values()} | self.foreign_ports
        for name, preferred in wanted.items():
            if name in chosen and (name not in fixed or chosen[name] == preferred):
                continue
            if name in fixed and preferred in used:
                raise PortTaken(f"Port {preferred} (for {name}) is taken.", port=preferred)
            any_free = (port for port in range(20_000, 30_000) if port not in used)
            chosen[name] = preferred if preferred and preferred not in used else next(any_free)
            used.add(chosen[name])
        environment.ports = chosen
        return {name: chosen[name] for name in wanted}

    async def apply(self, unit: Unit, *, epoch: int) -> Observation:
        environment = self._enter(Call("apply", unit.environment_id, unit.id, epoch))
        if unit.isolation not in self._isolation:
            raise IsolationUnavailable(demanded=unit.isolation.value)
        if not unit.command and not unit.image:
            raise EngineRefused(f"The service {unit.service} has no command.")
        environment.destroyed = False
        wanted = digest(unit)
        known = environment.units.get(unit.id)
        if known is not None and known.digest == wanted and known.seen.status is not UnitStatus.STOPPED:
            return known.seen
        if known is not None:
            self._cancel(known)
        self._start(environment, unit, wanted)
        return environment.units[unit.id].seen

    async def observe(self, environment_id: str | None = None) -> list[Observation]:
        self._note(Call("observe", environment_id or ""))
        chosen = [e for name, e in self._environments.items() if environment_id in (None, name)]
        return [running.seen for environment in chosen for running in environment.units.values()]

    async def changes(self) -> AsyncIterator[str]:
        async for environment_id in self._hints.listen():
            yield environment_id

    async def stop(self, environment_id: str, service: str = "", replica: int | None = None, *, epoch: int) -> None:
        environment = self._enter(Call("stop", environment_id, service, epoch))
        for running in environment.units.values():
            if service in ("", running.unit.service) and replica in (None, running.unit.replica):
                self._cancel(running)
                self._see(running, UnitStatus.STOPPED, None)

    async def destroy(self, environment_id: str, *, epoch: int) -> None:
        environment = self._enter(Call("destroy", environment_id, epoch=epoch))
        for running in environment.units.values():
            self._cancel(running)
        environment.units, environment.output, environment.ports = {}, {}, {}
        environment.life += 1
        environment.destroyed = True
        self._changed(environment_id)

    async def logs(
        self, environment_id: str, service: str = "", after: Mapping[str, int] | None = None, *, follow: bool = False
    ) -> AsyncIterator[LogBatch]:
        environment = self._environments.setdefault(environment_id, _Environment())
        life = environment.life
        positions = dict(after or {})
        wake = asyncio.Event()
        self._followers.add(wake)
        try:
            while not self._closed and environment.life == life and not (follow and environment.destroyed):
                wake.clear()
                for source, output in list(environment.output.items()):
                    if service not in ("", source.service):
                        continue
                    for batch in _batches(source, output, positions.get(source.unit_id, 0), whole=not follow):
                        positions[source.unit_id] = batch.end
                        yield batch
                if not follow:
                    return
                await wake.wait()
        finally:
            self._followers.discard(wake)

    async def tail(
        self, environment_id: str, service: str = "", *, lines: int, since: datetime | None = None
    ) -> list[LogBatch]:
        environment = self._environments.get(environment_id, _Environment())
        found: list[tuple[LogBatch, list[bytes]]] = []
        for source, output in environment.output.items():
            if service not in ("", source.service):
                continue
            for batch in _batches(source, output, 0, whole=True):
                if since is None or batch.at > since:
                    raw = bytes(output.content[batch.start : batch.end]).removesuffix(b"\n").split(b"\n")
                    found.append((batch, raw))
        found.sort(key=lambda piece: piece[0].at)
        return last_lines(found, lines)

    async def close(self) -> None:
        self._closed = True
        self._hints.close()
        self.terminals.stop()
        for environment in self._environments.values():
            for running in environment.units.values():
                self._cancel(running)
        self._wake()

    # --- what tests do to it

    def print(self, unit_id: str, text: str | bytes) -> None:
        """Output of a unit, as if it had printed it."""
        environment_id, service, replica = unit_id.split("/")
        environment = self._environments.setdefault(environment_id, _Environment())
        output = environment.output.setdefault(Source(environment_id, service, int(replica)), _Output())
        output.content += text.encode() if isinstance(text, str) else text
        output.times.append((len(output.content), time.time()))
        self._wake()

    def set_status(self, unit_id: str, status: UnitStatus, cause: Cause | None = None) -> None:
        """Let something happen to a unit."""
        environment_id = unit_id.split("/", 1)[0]
        self._see(self._environments[environment_id].units[unit_id], status, cause)

    # --- inside

    def _note(self, call: Call) -> None:
        self.calls.append(call)
        if self.on_call is not None:
            self.on_call(call)

    def _enter(self, call: Call) -> _Environment:
        self._note(call)
        environment = self._environments.setdefault(call.environment_id, _Environment())
        if call.epoch < environment.epoch:
            raise StaleEpoch(seen=environment.epoch, given=call.epoch)
        environment.epoch = call.epoch
        return environment

    def _start(self, environment: _Environment, unit: Unit, wanted: str) -> None:
        script = self.behaviour.get(unit.service, Behaviour())
        self._pid += 1
        now = datetime.now(UTC)
        seen = Observation(
            unit.id,
            unit.environment_id,
            unit.service,
            unit.replica,
            UnitStatus.STARTING,
            handle=f"{self._pid}:0",
            pid=self._pid,
            attempt=unit.attempt,
            started_at=now,
            isolation=unit.isolation,
            enforced={name: "none" for name in ("cpu", "memory", "pids", "open_files") if getattr(unit.limits, name)},
        )
        running = environment.units[unit.id] = _Running(unit, wanted, seen)
        environment.output.setdefault(Source(unit.environment_id, unit.service, unit.replica), _Output())
        if script.output:
            self.print(unit.id, script.output)
        self._later(running, script.ready_after, lambda: self._see(running, UnitStatus.RUNNING, None))
        code = 0 if script.exit_code is None and unit.one_shot else script.exit_code
        if code is not None:
            self._later(running, script.exit_after, lambda: self._exit(running, code))

    def _later(self, running: _Running, delay: float, act: Callable[[], None]) -> None:
        if delay > 0:
            running.timers.append(asyncio.get_running_loop().call_later(delay, act))
        else:
            act()

    def _exit(self, running: _Running, code: int) -> None:
        cause = Cause("exit", f"Exited with code {code}.", code) if code else None
        self._cancel(running)
        self._see(running, UnitStatus.FAILED if code else UnitStatus.COMPLETED, cause)

    def _see(self, running: _Running, status: UnitStatus, cause: Cause | None) -> None:
        self._revision += 1
        seen = replace(running.seen, status=status, cause=cause, revision=self._revision)
        if status is UnitStatus.RUNNING and seen.ready_at is None:
            seen = replace(seen, ready_at=datetime.now(UTC))
        if status in (UnitStatus.STOPPED, UnitStatus.FAILED, UnitStatus.COMPLETED, UnitStatus.RESTARTING):
            seen = replace(seen, handle="", pid=None)
        running.seen = seen
        self._changed(running.unit.environment_id)

    @staticmethod
    def _cancel(running: _Running) -> None:
        for timer in running.timers:
            timer.cancel()
        running.timers.clear()

    def _changed(self, environment_id: str) -> None:
        self._hints.publish(environment_id)
        self._wake()

    def _wake(self) -> None:
        for follower in self._followers:
            follower.set()


def _batches(source: Source, output: _Output, position: int, *, whole: bool) -> Iterator[LogBatch]:
    """From the position to the end; without `whole` an incomplete last line waits."""
    splitter = Splitter(source, position)
    at = time.time()
    for size, at in output.times:
        if size > splitter.read_position:
            yield from splitter.feed(bytes(output.content[splitter.read_position : size]), at)
    if whole and splitter.waiting:
        yield splitter.flush(at)
