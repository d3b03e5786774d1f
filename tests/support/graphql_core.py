"""graphql-core's own tests, as tools/install_test_tools.sh fetches them, run with something of ours in their way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import graphql
import pytest

ROOT = Path(__file__).parents[2]
FETCHED = ROOT / "build/graphql-core"
SUITE = FETCHED / f"graphql_core-{graphql.__version__}"
FETCHED_ONLY = pytest.mark.skipif(
    not SUITE.is_dir(), reason="graphql-core's tests were not fetched: tools/install_test_tools.sh"
)


def run_suite(plugin: str, folder: Path, *tests: str) -> tuple[int, str]:
    """Runs these tests with a plugin of pytest from `folder`; all have to pass. How many did, and what was printed."""
    paths = [str(ROOT), str(folder), str(FETCHED / "plugins")]
    words = ["-q", "-p", plugin, "-p", "no:cacheprovider", "-p", "no:xdist", *tests]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=SUITE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )

    print(done.stdout[-3_000:])
    assert done.returncode == 0
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    return int(passed[1]), done.stdout
