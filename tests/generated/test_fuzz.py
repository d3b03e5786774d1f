"""Random requests, made from the OpenAPI document and from the GraphQL schema, against a server on a real port."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live import LiveServer
from tests.support.samples import ROUTES, root_fields

BLUEPRINTS = ("CreateEnvironment", "ValidateBlueprint")
#: Requests a run is to make at least.
REQUESTS = 2_000
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def _fuzz(live: LiveServer, path: str, checks: str, examples: int, folder: Path, *more: str) -> str:
    """Schemathesis bounds examples for each operation, not requests as a whole: the caller divides."""
    program = Path(sys.executable).with_name("schemathesis")
    options = [
        *("--max-examples", str(examples), "--phases", "fuzzing", "--checks", checks, "--seed", "1", "--no-shrink"),
        *("--header", f"Authorization: Bearer {live.key}", "--generation-database", "none", "--no-color"),
        *("--suppress-health-check", "all", "--continue-on-failure", "--workers", "1", *more),
    ]
    done = subprocess.run(
        [program, "run", f"{live.url}{path}", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return done.stdout[-12_000:] + done.stderr[-2_000:] if done.returncode else ""


def _only(what: str, names: tuple[str, ...]) -> list[str]:
    return [word for name in names for word in (f"--{what}-operation-id", name)]


def _requests(live: LiveServer) -> int:
    text = live.http.get("/metrics").text
    return int(sum(float(value) for value in re.findall(r"^soundstage_requests_total\{.*\} ([\d.e+]+)$", text, re.M)))


@pytest.mark.timeout(150)
def test_random_rest_requests_get_documented_answers(live: LiveServer, tmp_path: Path) -> None:
    """Routes without parameters have one request each; whole Blueprints take long to make, so they get less."""
    varied = [name for name, route in ROUTES.items() if route.variables and name not in BLUEPRINTS]

    of_blueprints = _fuzz(
        live, "/openapi.json", CHECKS, 100, tmp_path, *_only("include", BLUEPRINTS), "--max-time", "12"
    )
    of_others = _fuzz(
        live, "/openapi.json", CHECKS, REQUESTS // len(varied) + 20, tmp_path, *_only("exclude", BLUEPRINTS)
    )

    assert not of_blueprints, of_blueprints
    assert not of_others, of_others
    assert _requests(live) >= REQUESTS


@pytest.mark.timeout(150)
def test_random_graphql_requests_cause_no_defect(live: LiveServer, tmp_path: Path) -> None:
    """Of GraphQL, Schemathesis knows queries and mutations, no subscriptions; statuses are not declared there."""
    asked = [name for name in root_fields() if not name.startswith("Subscription.")]

    told = _fuzz(live, "/graphql", "not_a_server_error", REQUESTS // len(asked) + 20, tmp_path)

    assert not told, told
    assert _requests(live) >= REQUESTS
