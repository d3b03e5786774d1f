"""graphql-core's own tests of execution, run with plans in front of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import graphql
import pytest

ROOT = Path(__file__).parents[3]
FETCHED = ROOT / "build/graphql-core"
SUITE = FETCHED / f"graphql_core-{graphql.__version__}"
#: Why an execution of theirs is not planned: options of `execute` that the server never sets, and what it never serves.
REFUSED = {"invalid", "incremental", "fragment variables", "operation name"}


@pytest.mark.skipif(not SUITE.is_dir(), reason="graphql-core's tests were not fetched: tools/install_test_tools.sh")
def test_all_of_graphql_cores_tests_of_execution_pass_with_plans() -> None:
    paths = [str(ROOT), str(Path(__file__).parent), str(FETCHED / "plugins")]
    words = ["-q", "-p", "plan_first", "-p", "no:cacheprovider", "-p", "no:xdist", "tests/execution"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "tests/test_star_wars_query.py"],
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
    assert int(passed[1]) > 700
    found = re.search(r"^plan first: (.*)$", done.stdout, re.MULTILINE)
    assert found is not None
    counts = dict(re.findall(r"'([^']*)': (\d+)", found[1]))
    assert int(counts.pop("planned")) > 250
    assert {reason for reason in counts if not reason.startswith("options: ")} <= REFUSED
