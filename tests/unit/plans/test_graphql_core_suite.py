"""graphql-core's own tests of execution, run with plans in front of it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.graphql_core import FETCHED_ONLY, run_suite

#: Why an execution of theirs is not planned: options of `execute` that the server never sets, and what it never serves.
REFUSED = {"invalid", "incremental", "fragment variables", "operation name"}


@FETCHED_ONLY
def test_all_of_graphql_cores_tests_of_execution_pass_with_plans() -> None:
    passed, told = run_suite("plan_first", Path(__file__).parent, "tests/execution", "tests/test_star_wars_query.py")

    assert passed > 700
    found = re.search(r"^plan first: (.*)$", told, re.MULTILINE)
    assert found is not None
    counts = dict(re.findall(r"'([^']*)': (\d+)", found[1]))
    assert int(counts.pop("planned")) > 250
    assert {reason for reason in counts if not reason.startswith("options: ")} <= REFUSED
