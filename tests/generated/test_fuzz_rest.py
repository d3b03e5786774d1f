"""Random requests, made from the OpenAPI document, against the real program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fuzzing import RUNS, fuzz, refused, requests_of
from tests.support.program import Program, program

CHECKS = "no_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Program]:
    with program(tmp_path) as running:
        yield running


@pytest.mark.parametrize(("requests", "seconds"), RUNS)
def test_random_rest_requests_get_documented_answers(server: Program, requests: int, seconds: int) -> None:
    told = fuzz(server, "/openapi.json", CHECKS, requests, seconds)

    assert not told, told
    assert not refused(server)
    assert requests_of(server) >= requests
