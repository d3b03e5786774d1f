"""Random requests, made from the OpenAPI document and from the GraphQL schema, against the real program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import Program, program

ROOT = Path(__file__).resolve().parents[2]
#: Requests, and the seconds for them (about 70 a second here). Schemathesis bounds examples by operation, not as a
#: whole: of the 21 operations, a few (those without parameters) have less to vary.
RUNS = [
    pytest.param(2_000, 120, marks=pytest.mark.timeout(240), id="2,000"),
    pytest.param(10_000, 300, marks=[pytest.mark.long, pytest.mark.timeout(1_000)], id="10,000"),
]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Program]:
    with program(tmp_path) as running:
        yield running


def _fuzz(server: Program, path: str, checks: str, requests: int, seconds: int) -> str:
    """What went wrong; empty for nothing."""
    options = {
        "--max-examples": str(requests // 16),
        "--phases": "fuzzing",
        "--checks": checks,
        "--header": f"Authorization: Bearer {server.credentials['api_key']}",
        "--generation-database": "none",
        "--suppress-health-check": "all",
        "--workers": "2",
        "--max-time": str(seconds),
        "--seed": "1",
    }
    words = [word for option in options.items() for word in option]
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("run", f"{server.url}{path}", "--no-shrink", "--no-color", "--continue-on-failure", *words),
        ],
        cwd=server.data_dir.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.support.fuzz_hooks"},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    return done.stdout[-12_000:] + done.stderr[-2_000:] if done.returncode else ""


def _refused(server: Program) -> str:
    """Why the fuzzer's key opens nothing any more, empty where it does: a run of 401s would find nothing."""
    answer = server.request("GET", "/v1/environments")
    return "" if answer.status_code == 200 else answer.text


def _requests(server: Program) -> int:
    text = server.client.get(f"{server.url}/metrics").text
    return int(sum(float(value) for value in re.findall(r"^soundstage_requests_total\{.*\} ([\d.e+]+)$", text, re.M)))


@pytest.mark.parametrize(("requests", "seconds"), RUNS)
def test_random_rest_requests_get_documented_answers(server: Program, requests: int, seconds: int) -> None:
    told = _fuzz(server, "/openapi.json", CHECKS, requests, seconds)

    assert not told, told
    assert not _refused(server)
    assert _requests(server) >= requests


@pytest.mark.parametrize(("requests", "seconds"), RUNS)
def test_random_graphql_requests_cause_no_defect(server: Program, requests: int, seconds: int) -> None:
    """Of GraphQL, Schemathesis knows queries and mutations, no subscriptions; statuses are not declared there."""
    told = _fuzz(server, "/graphql", "no_defect", requests, seconds)

    assert not told, told
    assert not _refused(server)
    assert _requests(server) >= requests
