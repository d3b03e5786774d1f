"""Random requests, made from the OpenAPI document and from the GraphQL schema, against a server on a real port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live import LiveServer

ROOT = Path(__file__).resolve().parents[2]
#: Making a request takes Schemathesis longer than answering it, so the short run has a bound in time, the long one
#: in requests. Schemathesis bounds examples for each operation, not requests as a whole: the examples are ample.
RUNS = [
    pytest.param(150, 20, id="short"),
    pytest.param(2_000, 600, marks=[pytest.mark.long, pytest.mark.timeout(900)], id="long"),
]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def _fuzz(live: LiveServer, path: str, checks: str, requests: int, seconds: int, folder: Path) -> str:
    """What went wrong; empty for nothing."""
    program = Path(sys.executable).with_name("schemathesis")
    options = [
        *(
            "--max-examples",
            str(requests // 8),
            "--phases",
            "fuzzing",
            "--checks",
            checks,
            "--seed",
            "1",
            "--no-shrink",
        ),
        *("--header", f"Authorization: Bearer {live.key}", "--generation-database", "none", "--no-color"),
        *("--suppress-health-check", "all", "--continue-on-failure", "--workers", "2", "--max-time", str(seconds)),
    ]
    done = subprocess.run(
        [program, "run", f"{live.url}{path}", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.support.fuzz_hooks"},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    return done.stdout[-12_000:] + done.stderr[-2_000:] if done.returncode else ""


def _requests(live: LiveServer) -> int:
    text = live.http.get("/metrics").text
    return int(sum(float(value) for value in re.findall(r"^soundstage_requests_total\{.*\} ([\d.e+]+)$", text, re.M)))


@pytest.mark.parametrize(("requests", "seconds"), RUNS)
def test_random_rest_requests_get_documented_answers(
    live: LiveServer, tmp_path: Path, requests: int, seconds: int
) -> None:
    told = _fuzz(live, "/openapi.json", CHECKS, requests, seconds, tmp_path)

    assert not told, told
    assert _requests(live) >= requests


@pytest.mark.parametrize(("requests", "seconds"), RUNS)
def test_random_graphql_requests_cause_no_defect(live: LiveServer, tmp_path: Path, requests: int, seconds: int) -> None:
    """Of GraphQL, Schemathesis knows queries and mutations, no subscriptions; statuses are not declared there."""
    told = _fuzz(live, "/graphql", "no_defect", requests, seconds, tmp_path)

    assert not told, told
    assert _requests(live) >= requests
