"""Random requests against the real program, made by Schemathesis."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import ROOT, Program

#: Requests, and the seconds for them (about 70 a second here). Schemathesis bounds examples by operation, not as a
#: whole: of the 21 operations, a few (those without parameters) have less to vary.
RUNS = [
    pytest.param(2_000, 60, marks=pytest.mark.timeout(240), id="2,000"),
    pytest.param(10_000, 300, marks=[pytest.mark.long, pytest.mark.timeout(1_000)], id="10,000"),
]


def fuzz(server: Program, path: str, checks: str, requests: int, seconds: int) -> str:
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
    return done.stdout[-60_000:] + done.stderr[-2_000:] if done.returncode else ""


def refused(server: Program) -> str:
    """Why the fuzzer's key opens nothing any more, empty where it does: a run of 401s would find nothing."""
    answer = server.request("GET", "/v1/environments")
    return "" if answer.status_code == 200 else answer.text


def requests_of(server: Program) -> int:
    """How many requests the server has answered."""
    text = server.client.get(f"{server.url}/metrics").text
    return int(sum(float(value) for value in re.findall(r"^soundstage_requests_total\{.*\} ([\d.e+]+)$", text, re.M)))
