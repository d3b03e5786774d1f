"""Terminals of both engines; and what only real pseudo-terminals show."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import psutil
import pytest

from app.engines.base import EngineRefused, InputBlocked, Isolation, TerminalOrder, Terminals
from app.engines.memory import MemoryEngine
from app.engines.process import ProcessEngine
from app.runner.output_ring import CAPACITY, RingReader, RingWriter
from tests.engines.support import Machine, until
from tests.engines.terminal_contract import Reader, TerminalContract, order

pytestmark = pytest.mark.anyio

SHELL = ("/bin/sh",)


class TestMemoryContract(TerminalContract):
    @pytest.fixture
    async def terminals(self) -> AsyncIterator[Terminals]:
        self.engine = MemoryEngine()
        yield self.engine.terminals
        await self.engine.close()

    async def flood(self, terminals: Terminals, size: int) -> None:
        self.engine.terminals.print("trm1", b"x" * size)


class TestProcessContract(TerminalContract):
    @pytest.fixture
    def terminals(self, process_engine: ProcessEngine) -> Terminals:
        return process_engine.terminals

    def flooding(self) -> TerminalOrder:
        return order("trm1", "/bin/sh", "-c", "stty -echo; read size; head -c $size /dev/zero | tr '\\0' x; cat")

    def exits(self) -> TerminalOrder:
        return order("trm1", *SHELL)

    async def flood(self, terminals: Terminals, size: int) -> None:
        await terminals.write("trm1", b"%d\n" % size)

        async def written() -> bool:
            return (await terminals.states())[0].offset >= size

        await until(written)


@pytest.fixture
def terminals(process_engine: ProcessEngine) -> Terminals:
    return process_engine.terminals


async def run(terminals: Terminals, script: str, **fields: object) -> bytes:
    """What a script writes on a terminal, to its end."""
    await terminals.open(order("trm1", "/bin/sh", "-c", script, **fields))
    return await Reader(terminals).read()


async def test_the_program_controls_its_terminal(terminals: Terminals) -> None:
    script = (
        "tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo yes; ps -o tty=,pid=,sid=,tpgid= -p $$; echo $TERM"
    )

    seen = (await run(terminals, script, columns=101, rows=37)).decode().split("\r\n")

    assert re.fullmatch(r"/dev/pts/\d+", seen[0])
    assert seen[1:3] == ["37 101", "yes"]
    tty, pid, session, foreground = seen[3].split()
    assert f"/dev/{tty}" == seen[0]
    assert pid == session == foreground
    assert seen[4] == "xterm-256color"


async def test_a_program_hears_of_a_new_size(terminals: Terminals) -> None:
    script = 'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.01; done'
    await terminals.open(order("trm1", "/bin/sh", "-c", script))
    reader = Reader(terminals)
    await reader.read(b"ready")

    await terminals.resize("trm1", 120, 50)

    assert b"50 120" in await reader.read()


async def test_ctrl_c_interrupts_and_ctrl_d_ends(terminals: Terminals) -> None:
    await terminals.open(order("trm1", *SHELL))
    reader = Reader(terminals)
    await terminals.write("trm1", b"sleep 1000; echo after=$?\r")
    await reader.read(b"sleep 1000")
    await asyncio.sleep(0.1)

    await terminals.write("trm1", b"\x03")
    await terminals.write("trm1", b"echo still here | tr a-z A-Z\r")
    await reader.read(b"STILL HERE")
    await terminals.write("trm1", b"\x04")

    await reader.read()
    assert reader.end is not None
    assert reader.end.state.cause == "exit"


async def test_a_signal_goes_to_the_foreground(terminals: Terminals) -> None:
    await terminals.open(order("trm1", "/bin/sh", "-c", 'trap "echo caught; exit 7" USR1; echo go; sleep 1000'))
    reader = Reader(terminals)
    await reader.read(b"go")

    await terminals.signal("trm1", "USR1")

    assert b"caught" in await reader.read()
    assert reader.end is not None
    assert reader.end.state.exit_code == 7


async def test_colours_and_every_byte_pass_through(terminals: Terminals) -> None:
    script = "stty raw -echo; printf '\\033[31mred\\033[0m \\303\\244 \\377\\001'; exec cat"
    await terminals.open(order("trm1", "/bin/sh", "-c", script))
    reader = Reader(terminals)
    await reader.read(b"\x1b[31mred\x1b[0m \xc3\xa4 \xff\x01")

    every = bytes(range(256))
    await terminals.write("trm1", every)

    assert every in await reader.read(every)


@pytest.mark.skipif(shutil.which("vim") is None, reason="there is no vim: apt install vim")
async def test_vim_draws_its_screen_and_saves(terminals: Terminals, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    await terminals.open(order("trm1", "vim", "-n", "-u", "NONE", str(file)))
    reader = Reader(terminals)
    await reader.read(b"\x1b[")

    await terminals.write("trm1", b"ihello from a terminal\x1b:wq\r")

    await reader.read()
    assert file.read_text() == "hello from a terminal\n"


async def test_a_terminal_outlives_the_server(machine: Machine) -> None:
    first = machine.engine()
    await first.terminals.open(order("trm1", *SHELL))
    before = Reader(first.terminals)
    await first.terminals.write("trm1", b"X=kept; echo be''fore\r")
    await before.read(b"before\r\n")
    await first.close()

    second = machine.engine()
    after = Reader(second.terminals)
    try:
        assert before.data in await after.read(before.data)
        await second.terminals.write("trm1", b"echo value=$X\r")
        await after.read(b"value=kept")
    finally:
        await second.close()


async def test_a_terminal_ends_with_its_runner_and_says_so(machine: Machine, process_engine: ProcessEngine) -> None:
    terminals = process_engine.terminals
    await terminals.open(order("trm1", "/bin/sh", "-c", "sleep 1000 & echo ready; wait"))
    reader = Reader(terminals)
    await reader.read(b"ready")
    reading = asyncio.create_task(reader.read(seconds=20))

    machine.kill_runner()

    assert b"ready" in await reading
    assert reader.end is not None
    assert reader.end.state.cause == "lost"
    assert machine.processes("terminal/") == []


async def test_nothing_is_left_of_a_closed_terminal(machine: Machine, terminals: Terminals) -> None:
    script = "trap '' HUP; (setsid sleep 1000 &) ; nohup sleep 1000 & echo ready; sleep 1000"
    await terminals.open(order("trm1", "/bin/sh", "-c", script))
    await Reader(terminals).read(b"ready")
    assert len(machine.processes("terminal/")) >= 3

    await terminals.close("trm1")

    assert machine.processes("terminal/") == []


async def test_one_that_nobody_uses_is_closed(terminals: Terminals) -> None:
    await terminals.open(order("trm1", "cat", idle_seconds=0.5))
    reader = Reader(terminals)

    await reader.read()

    assert reader.end is not None
    assert reader.end.state.cause == "idle"


async def test_input_for_a_program_that_does_not_read_is_bounded(terminals: Terminals) -> None:
    await terminals.open(order("trm1", "/bin/sh", "-c", "stty raw -echo; echo ready; sleep 1000"))
    await Reader(terminals).read(b"ready")

    async def write_on() -> None:
        for _ in range(100):
            await terminals.write("trm1", b"y" * 8192)

    with pytest.raises(InputBlocked):
        await write_on()


async def test_what_cannot_be_started_is_refused_with_the_reason(terminals: Terminals) -> None:
    for wrong, word in (
        (order("trm1", "no-such-program"), "no-such-program"),
        (order("trm1", directory="/no/such/folder"), "directory"),
        (order("trm1", "cat", variables={"A=B": "1"}), "variable"),
        (order("../trm1"), "letters"),
    ):
        with pytest.raises(EngineRefused, match=word):
            await terminals.open(wrong)
    assert await terminals.states() == []


async def test_a_printer_neither_disturbs_others_nor_grows(machine: Machine, terminals: Terminals) -> None:
    await terminals.open(order("printer", "/bin/sh", "-c", "yes 'the quick brown fox jumps over the lazy dog'"))
    await terminals.open(order("trm1"))
    reader = Reader(terminals)
    process = psutil.Process(machine.runner_pid())
    size = process.memory_info().rss
    times = []

    for number in range(100):
        began = time.perf_counter()
        await terminals.write("trm1", b"%d\r" % number)
        await reader.read(b"%d\r\n" % number)
        times.append(time.perf_counter() - began)

    async def printed() -> bool:
        return next(state.offset for state in await terminals.states() if state.id == "printer") > 20 * CAPACITY

    await until(printed, 30)
    assert sorted(times)[90] < 0.1
    assert process.memory_info().rss - size < 8 * 1024 * 1024


@pytest.mark.parametrize("level", [Isolation.NAMESPACE, Isolation.LANDLOCK])
async def test_isolation_keeps_it_in_its_folders(
    process_engine: ProcessEngine, machine: Machine, tmp_path: Path, level: Isolation
) -> None:
    if level not in (await process_engine.capabilities()).isolation:
        pytest.skip(f"this machine does not offer {level}")
    own, other = machine.data / "own", machine.data / "other"
    for folder in (own, other):
        folder.mkdir(parents=True)
    # Both levels let everybody write to /tmp; a namespace has one of its own.
    outside = Path("/var/tmp") / f"{tmp_path.name}-{os.getpid()}"
    script = f"echo a > mine; echo b > {outside}; echo c > {other}/x; stty size; test -t 0 && echo tty"

    seen = await run(process_engine.terminals, script, directory=str(own), isolation=level, rows=33)

    assert (own / "mine").read_text() == "a\n"
    assert not outside.exists()
    assert not (other / "x").exists() or level is Isolation.LANDLOCK
    assert b"33 80" in seen
    assert b"tty" in seen


async def test_a_recording_holds_what_was_shown_and_not_what_was_typed(terminals: Terminals, tmp_path: Path) -> None:
    file = tmp_path / "recordings/trm1.cast"
    script = "stty -echo; printf 'Password: '; read secret; stty echo; printf '\\nin\\303\\244\\n'"
    await terminals.open(order("trm1", "/bin/sh", "-c", script, recording=str(file)))
    reader = Reader(terminals)
    await reader.read(b"Password")
    await terminals.resize("trm1", 100, 30)
    await terminals.write("trm1", b"hunter2\r")
    await reader.read()

    header, *events = map(orjson.loads, file.read_bytes().splitlines())

    assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
    assert [event[2] for event in events if event[1] == "r"] == ["100x30"]
    assert "".join(event[2] for event in events if event[1] == "o") == reader.data.decode()
    assert "hunter2" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    times = [event[0] for event in events]
    assert times == sorted(times)


def test_a_ring_tells_what_was_overwritten_while_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    writer = RingWriter(path)
    reader = RingReader(path)
    original = reader._read

    def slowly(start: int, length: int) -> bytes:
        found = original(start, length)
        writer.append(b"b" * 50_000)
        return found

    for _ in range(CAPACITY // 65_536):
        writer.append(b"a" * 65_536)
    reader._read = slowly  # type: ignore[method-assign]
    piece = reader.read(0, 100_000)

    assert piece.start == 50_000
    assert piece.data == b"a" * 50_000
    writer.close()
    reader.close()


def test_a_ring_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    first = RingWriter(path)
    first.append(b"one")
    first.close()

    second = RingWriter(path)
    second.append(b"two")
    second.finish()
    second.close()

    reader = RingReader(path)
    piece = reader.read(1, 100)
    assert (piece.start, piece.data, piece.ended) == (1, b"netwo", True)
    assert path.stat().st_size == CAPACITY + 64
    reader.close()
