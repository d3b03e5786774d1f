"""From a Blueprint to the units that are to run, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.blueprints import references
from app.blueprints.document import Blueprint, Service
from app.engines.base import (
    Limits,
    Observation,
    Probe,
    ProbeKind,
    Restart,
    RestartPolicy,
    Shutdown,
    Unit,
    UnitStatus,
)
from app.environments.models import Environment
