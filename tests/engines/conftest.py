"""Fixtures of the engine tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.engines.process import ProcessEngine
from tests.engines.support import Machine


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    """Afterwards everything is stopped, and nothing may be left."""
    machine = Machine(tmp_path / "data")
    yield machine
    if (machine.data / "runner/id").exists():
        await machine.engine().shutdown()
        assert machine.processes() == []
        assert machine.cgroups() == []


@pytest.fixture
async def process_engine(machine: Machine) -> AsyncIterator[ProcessEngine]:
    engine = machine.engine()
    yield engine
    await engine.close()
