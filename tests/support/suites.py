"""Test data made by others, which lives beside the checkout and is no part of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def read_suite(name: str) -> Any:
    """A JSON file of the suites: `SOUNDSTAGE_SUITES`, else `../shared/suites` beside the checkout; skips without."""
    folder = Path(os.environ.get("SOUNDSTAGE_SUITES") or ROOT.parent / "shared" / "suites")
    file = folder / name
    if not file.exists():
        pytest.skip(f"{name} is not there: set SOUNDSTAGE_SUITES to the folder of the test data")
    return json.loads(file.read_text(encoding="utf-8"))
