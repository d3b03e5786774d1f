"""Random requests, made from the GraphQL schema, against the real program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fuzzing import RUNS, fuzz, refused, requests_of
from tests.support.program import Program, program


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Program]:
    with program(tmp_path) as running:
        yield running


@pytest.mark.parametrize(("requests", "seconds"), RUNS)
def test_random_graphql_requests_cause_no_defect(server: Program, requests: int, seconds: int) -> None:
    """Of GraphQL, Schemathesis knows queries and mutations, no subscriptions; statuses are not declared there."""
    told = fuzz(server, "/graphql", "no_defect", requests, seconds)

    assert not told, told
    assert not refused(server)
    assert requests_of(server) >= requests
