"""The process engine keeps the contract."""

from __future__ import annotations

import pytest

from app.engines.base import Engine, Unit
from app.engines.process import ProcessEngine
from app.runner.log_files import TimeIndex
from tests.engines.contract import EngineContract
from tests.engines.support import Machine, shell, until

pytestmark = pytest.mark.anyio


class TestContract(EngineContract):
    """Units that speak print what is written to a file of their working directory."""

    @pytest.fixture
    def engine(self, process_engine: ProcessEngine, machine: Machine) -> ProcessEngine:
        self.machine = machine
        return process_engine

    def speaker(self, service: str = "api") -> Unit:
        return shell(f"touch {service}.said; exec tail -n +1 -f {service}.said", service)

    async def say(self, engine: Engine, text: str, service: str = "api") -> None:
        with (self.machine.data / f"environments/env1/work/{service}.said").open("a") as file:
            file.write(text)

    async def settle(self, engine: Engine, service: str, line: str) -> None:
        """The runner notes the time of what grew about every 100 ms."""
        await super().settle(engine, service, line)
        log = self.machine.data / f"environments/env1/logs/{service}.0.log"

        async def noted() -> bool:
            return TimeIndex.read(log).sizes[-1:].tolist() == [log.stat().st_size]

        await until(noted)
