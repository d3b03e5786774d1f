"""Which units are to start afresh: a unit whose attempt is raised does."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from app.environments.models import UnitRecord
from app.environments.planning import BUILD


def next_attempts(attempts: Mapping[str, int], units: Sequence[UnitRecord]) -> dict[str, int]:
    """The attempts with which the failed units start afresh."""
    failed = {unit.id: unit.attempt + 1 for unit in units if unit.status == "failed"}
    return {**attempts, **failed}


def of_services(attempts: Mapping[str, int], services: Collection[str]) -> dict[str, int]:
    """The attempts of units that belong to these services."""
    return {unit_id: attempt for unit_id, attempt in attempts.items() if _service(unit_id) in services}


def afresh(attempts: Mapping[str, int], units: Sequence[UnitRecord], services: Collection[str]) -> dict[str, int]:
    """The attempts with which all units of these services start afresh, their builds included."""
    again = {unit.id: unit.attempt + 1 for unit in units if _service(unit.id) in services}
    return {**attempts, **{unit_id: max(attempt, attempts.get(unit_id, 0)) for unit_id, attempt in again.items()}}


def _service(unit_id: str) -> str:
    return unit_id.split("/")[1].removesuffix(BUILD)
