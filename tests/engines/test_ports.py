"""Ports are never given twice: not by two runners, not beside a foreign program, not after a crash."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from app.engines.base import EngineRefused, PortTaken
from app.engines.process import ProcessEngine
from app.runner.ports import Ports, is_free
from tests.engines.support import Machine, unit

pytestmark = pytest.mark.anyio
#: A narrow range of its own for each test process, so that clashes are certain to be tried.
FIRST = 27_000 + os.getpid() % 100 * 20
RANGE = (FIRST, FIRST + 19)


async def test_two_runners_never_give_the_same_port(machine: Machine, tmp_path: Path) -> None:
    other = Machine(tmp_path / "other")
    engines = [machine.engine(port_range=RANGE), other.engine(port_range=RANGE)]
    wanted = [
        engine.reserve(f"env{n}", {"api/http/0": FIRST, "api/admin/0": 0}, epoch=1)
        for n in range(4)
        for engine in engines
    ]
    given = await asyncio.gather(*wanted)

    numbers = [port for ports in given for port in ports.values()]
    assert len(numbers) == len(set(numbers)) == 16
    await engines[0].close()
    await engines[1].shutdown()


async def test_a_full_range_is_told_and_nothing_is_kept(machine: Machine) -> None:
    engine = machine.engine(port_range=RANGE)
    with pytest.raises(PortTaken, match="No port between"):
        await engine.reserve("env1", {f"s{n}/http/0": 0 for n in range(21)}, epoch=1)
    given = await engine.reserve("env2", {f"s{n}/http/0": 0 for n in range(15)}, epoch=1)
    await engine.close()

    assert len(set(given.values())) == 15


async def test_ports_survive_stop_and_the_runners_death(machine: Machine, tmp_path: Path) -> None:
    engine = machine.engine(port_range=RANGE)
    port = (await engine.reserve("env1", {"api/http/0": 0}, epoch=1))["api/http/0"]
    await engine.apply(unit(ports={"http": port}), epoch=1)
    await engine.stop("env1", epoch=1)
    machine.kill_runner()
    again = await engine.reserve("env1", {"api/http/0": 0}, epoch=1)

    other = Ports(port, port)
    with pytest.raises(PortTaken):
        other.choose({}, {"x": 0})
    await engine.destroy("env1", epoch=1)
    assert again == {"api/http/0": port}
    assert other.choose({}, {"x": 0}) == {"x": port}
    other.release([port])
    await engine.close()


async def test_a_foreign_program_keeps_its_port(process_engine: ProcessEngine) -> None:
    for address in ("127.0.0.1", "0.0.0.0", "::"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.create_server((address, 0), family=family, dualstack_ipv6=False) as foreign:
            port = foreign.getsockname()[1]
            if family is socket.AF_INET:
                assert not is_free(port)
                given = await process_engine.reserve("env1", {f"{address}/http/0": port}, epoch=1)
                assert given[f"{address}/http/0"] != port
                with pytest.raises(PortTaken, match=rf"{port}.*pid {os.getpid()}"):
                    await process_engine.reserve("env1", {"fixed/http/0": port}, epoch=1, fixed=["fixed/http/0"])


async def test_a_fixed_port_replaces_another(process_engine: ProcessEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    before = await process_engine.reserve("env1", {"api/http/0": 0}, epoch=1)
    after = await process_engine.reserve("env1", {"api/http/0": port}, epoch=1, fixed=["api/http/0"])

    assert after == {"api/http/0": port}
    assert await process_engine.reserve("env2", {"b/http/0": before["api/http/0"]}, epoch=1) == {
        "b/http/0": before["api/http/0"]
    }


async def test_a_number_that_is_no_port_is_refused(process_engine: ProcessEngine) -> None:
    with pytest.raises(EngineRefused):
        await process_engine.reserve("env1", {"api/http/0": 70_000}, epoch=1, fixed=["api/http/0"])
