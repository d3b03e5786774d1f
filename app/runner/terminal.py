"""One pseudo-terminal, from its opening until nothing of its program is left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import termios
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from app.runner import cgroups, process_table, spawn
from app.runner.context import Context, kill_all
from app.runner.model import EngineRefused, Limits
from app.runner.output_ring import RingWriter
from app.runner.process_table import UNIT_MARK, Process, Snapshot
from app.runner.recording import Recording
from app.runner.terminal_model import INPUT_LIMIT, InputBlocked, TerminalOrder, TerminalOver, TerminalState

_log = logging.getLogger(__name__)
#: Bytes that are taken of a busy program before others have their turn.
_BURST = 32 * 1024
#: So much is taken in so many seconds at most, 52 MB/s: then a viewer that comes late by 15 ms has lost nothing yet.
_WINDOW, _WINDOW_SECONDS = 256 * 1024, 0.005
#: Asked of the kernel at once; it hands out 4 KiB as a rule.
_CHUNK = 64 * 1024
#: Seconds between two wake-ups of the readers while output flows; the first comes at once.
_TELL_INTERVAL = 0.002
#: Seconds between two looks at a terminal that no process has open, while its first process lives.
_LOOK_AGAIN = 0.2
#: Seconds from SIGHUP to SIGKILL.
_GRACE = 1.0
_IUTF8 = 0o40000


class Terminal:
    """A program on a pseudo-terminal. Its output goes to a ring, and never waits for a reader."""

    def __init__(
        self, context: Context, order: TerminalOrder, ring: RingWriter, tell: Callable[[str, str], None]
    ) -> None:
        self._context, self.order, self._ring, self._tell_server = context, order, ring, tell
        self._loop = asyncio.get_running_loop()
        now = time.time()
        self.state = TerminalState(order.id, order.columns, order.rows, now, now, isolation=order.isolation)
        self._recording: Recording | None = None
        self._input = bytearray()
        self._told_at = 0.0
        self._telling: asyncio.TimerHandle | None = None
        self._reading_later: asyncio.TimerHandle | None = None
        self._cause = ""
        self._complained = False
        #: What was taken since when.
        self._taken, self._window_began = 0, 0.0
        self._cgroups: list[str] = []
        self._master = -1
        self.finishing: asyncio.Task[None]

    def start(self, variables: dict[str, str], command: Sequence[str], directory: str) -> None:
        """One step of the event loop, without a pause: nobody can cancel it halfway."""
        order = self.order
        self._master, slave = os.openpty()
        try:
            _prepare(slave, order.columns, order.rows)
            os.set_blocking(self._master, False)
            if order.recording:
                title = " ".join(order.command) or "shell"
                self._recording = Recording(Path(order.recording), order.columns, order.rows, title)
            child = spawn.spawn_on_terminal(command, variables, directory, os.ttyname(slave))
        except BaseException:
            self._let_go()
            raise
        finally:
            os.close(slave)
        self._begin(child)

    def _begin(self, child: spawn.Gated) -> None:
        self._ended = self._context.reaper.child(child.pid)
        try:
            self._process = child.process()
            self._place()
        except BaseException:
            child.abandon()
            self._let_go()
            raise
        child.open()
        self._loop.add_reader(self._master, self._readable)
        self.finishing = asyncio.create_task(self._finish())

    @property
    def mark(self) -> str:
        """In the environment of all its processes."""
        return mark_of(self._context.runner_id, self.order.id)

    @property
    def is_open(self) -> bool:
        """Whether its program runs."""
        return self.state.ended_at is None

    # --- the verbs

    def write(self, data: bytes) -> None:
        """Input for the program; raises `InputBlocked` when too much waits for it."""
        self._check_open()
        if len(self._input) + len(data) > INPUT_LIMIT:
            raise InputBlocked()
        waited = bool(self._input)
        self._input += data
        self._touch()
        if not waited:
            self._writable()

    def resize(self, columns: int, rows: int) -> None:
        """Another size; the kernel tells the program by SIGWINCH."""
        self._check_open()
        termios.tcsetwinsize(self._master, (rows, columns))
        self.state = replace(self.state, columns=columns, rows=rows)
        if self._recording is not None:
            self._recording.resized(columns, rows)
        self._tell()

    def signal(self, number: int) -> None:
        """A signal to the programs in the foreground."""
        self._check_open()
        with contextlib.suppress(ProcessLookupError, OSError):
            os.killpg(os.tcgetpgrp(self._master), number)

    async def close(self, cause: str = "closed") -> None:
        """SIGHUP as when a window is closed, then SIGKILL for all that is left; returns when nothing is."""
        if self.is_open:
            self._cause = self._cause or cause
            await self._hang_up()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await asyncio.shield(self._ended)
            if not self._ended.done():
                process_table.send(self._process, signal.SIGKILL)
        await asyncio.shield(self.finishing)

    # --- output

    def _readable(self) -> None:
        """All that is there, up to a burst: then others have their turn."""
        chunks, size = [], 0
        while size < _BURST:
            try:
                chunk = os.read(self._master, _CHUNK)
            except BlockingIOError:
                break
            except OSError:
                # No process has it open: it may be opened again while the first process lives.
                self._pause(_LOOK_AGAIN)
                break
            chunks.append(chunk)
            size += len(chunk)
        if chunks:
            self._take(b"".join(chunks))
            self._pace(size)

    def _pace(self, size: int) -> None:
        self._taken += size
        if self._taken < _WINDOW:
            return
        now = self._loop.time()
        ends = self._window_began + _WINDOW_SECONDS
        self._taken, self._window_began = 0, max(now, ends)
        if ends > now and self._reading_later is None:
            self._pause(ends - now)

    def _take(self, data: bytes) -> None:
        try:
            self._ring.append(data)
        except OSError as error:
            self._complain("output could not be kept", error)
        if self._recording is not None:
            self._record(self._recording, data)
        self._touch()
        self._tell()

    def _record(self, recording: Recording, data: bytes) -> None:
        try:
            recording.output(data)
        except OSError as error:
            self._complain("the recording ends", error)
            recording.close()
            self._recording = None

    def _complain(self, what: str, error: OSError) -> None:
        """Once: a program that prints would fill the log."""
        if not self._complained:
            self._complained = True
            _log.warning("%s of %s: %s", what, self.order.id, error)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._master)
        self._reading_later = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._reading_later = None
        self._loop.add_reader(self._master, self._readable)

    def _tell(self) -> None:
        """Wakes the readers: at once, but not more often than they could follow."""
        if self._telling is not None:
            return
        wait = self._told_at + _TELL_INTERVAL - self._loop.time()
        if wait <= 0:
            self._tell_now()
        else:
            self._telling = self._loop.call_later(wait, self._tell_now)

    def _tell_now(self) -> None:
        self._telling = None
        self._told_at = self._loop.time()
        self._tell_server("written", self.order.id)

    def _touch(self) -> None:
        self.state = replace(self.state, active_at=time.time(), offset=self._ring.offset)

    # --- input

    def _writable(self) -> None:
        try:
            written = os.write(self._master, self._input)
        except BlockingIOError:
            written = 0
        except OSError:
            written = len(self._input)
        del self._input[:written]
        if self._input:
            self._loop.add_writer(self._master, self._writable)
        else:
            self._loop.remove_writer(self._master)

    # --- the end

    async def _finish(self) -> None:
        code = await asyncio.shield(self._ended)
        # What the program wrote last is still in the kernel; what it left running is not to write on.
        await kill_all(self._context.table, self._family)
        self._drain()
        self._let_go()
        await cgroups.remove(self._cgroups)
        cause, message = self._why(code)
        exit_code = code if code is not None and code >= 0 else None
        self.state = replace(
            self.state,
            ended_at=time.time(),
            offset=self._ring.offset,
            cause=cause,
            exit_code=exit_code,
            message=message,
        )
        try:
            self._context.records.save_terminal(self.state)
            self._ring.finish()
        except OSError as error:
            self._complain("the end could not be noted", error)
        self._ring.close()
        self._tell_now()
        self._tell_server("ended", self.order.id)

    def _drain(self) -> None:
        while True:
            try:
                chunk = os.read(self._master, _CHUNK)
            except OSError:
                return
            if not chunk:
                return
            self._take(chunk)

    def _let_go(self) -> None:
        for timer in (self._telling, self._reading_later):
            if timer is not None:
                timer.cancel()
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)
        if self._recording is not None:
            self._recording.close()

    def _why(self, code: int | None) -> tuple[str, str]:
        if self._cause == "idle":
            return "idle", f"Closed after {self.order.idle_seconds:g} s without input and output."
        if self._cause:
            return self._cause, "It was closed."
        if code is None:
            return "lost", "How it ended is not known."
        if code < 0:
            name = signal.Signals(-code).name
            return "signal", f"Ended by {name}."
        return "exit", f"Exited with code {code}."

    def _place(self) -> None:
        if self._context.cgroups.available:
            name = f"terminal/{self.order.id}"
            try:
                self._cgroups = self._context.cgroups.place(name, self._process.pid, Limits())
            except OSError as error:
                self._context.cgroups.failed(name, error)

    def _family(self, snapshot: Snapshot) -> list[Process]:
        return snapshot.family(self.mark, self._process, cgroups.members(self._cgroups))

    async def _hang_up(self) -> None:
        """SIGHUP to all of the session, as the kernel sends when a line is cut; what was stopped goes on to see it."""
        snapshot = await self._context.table.snapshot()
        for stat in snapshot.stats.values():
            if stat.session == self._process.pid:
                process_table.send(Process(stat.pid, stat.start), signal.SIGHUP)
                process_table.send(Process(stat.pid, stat.start), signal.SIGCONT)

    def _check_open(self) -> None:
        if not self.is_open or self._ended.done():
            raise TerminalOver()


def mark_of(runner_id: str, terminal_id: str) -> str:
    """What `SOUNDSTAGE_UNIT` is in the processes of a terminal."""
    return f"{runner_id}:terminal/{terminal_id}"


def variables_of(order: TerminalOrder, runner_id: str) -> dict[str, str]:
    """The environment of a terminal's program."""
    variables = spawn.inherited()
    variables.setdefault("LANG", "C.UTF-8")
    variables |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    variables.update(order.variables)
    variables[UNIT_MARK] = mark_of(runner_id, order.id)
    return variables


def command_of(order: TerminalOrder, variables: dict[str, str]) -> tuple[str, ...]:
    """The command, or the shell."""
    if order.command:
        return order.command
    wanted = (variables.get("SHELL", ""), "/bin/bash", "/bin/sh")
    return (next(shell for shell in wanted if shell and os.access(shell, os.X_OK)),)


def check_order(order: TerminalOrder, variables: dict[str, str]) -> None:
    """Raises `EngineRefused` for what could not be started."""
    texts = (*order.command, *order.variables, *order.variables.values(), order.directory)
    if any("\0" in text for text in texts) or any("=" in name or not name for name in order.variables):
        raise EngineRefused("The command or a variable holds a character that programs cannot get.")
    directory = Path(order.directory)
    if not directory.is_dir():
        raise EngineRefused("The terminal's working directory does not exist.")
    if order.command and spawn.find_program(order.command[0], variables, directory) is None:
        raise EngineRefused(
            f"The command {order.command[0]!r} was not found or is not executable. Is it installed and on PATH?"
        )


def _prepare(slave: int, columns: int, rows: int) -> None:
    """The size, and that a character may have several bytes, so that erasing one erases all of them."""
    termios.tcsetwinsize(slave, (rows, columns))
    attributes = termios.tcgetattr(slave)
    attributes[0] |= _IUTF8
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
