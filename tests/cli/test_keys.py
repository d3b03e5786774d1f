"""`soundstage keys`: beside a running server, on the same database."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.program import Program, program, run, until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Program]:
    with program(tmp_path) as started, contextlib.closing(started.client):
        yield started


def _keys(server: Program, *words: str) -> list[dict[str, Any]]:
    done = run("keys", *words, "--data-dir", str(server.data_dir), "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _published(server: Program) -> set[str]:
    return {key["kid"] for key in httpx.get(f"{server.url}/federation/jwks").json()["keys"]}


def test_a_revoked_key_is_gone_from_a_running_server_within_seconds(server: Program) -> None:
    listed = _keys(server, "list")
    active = next(key for key in listed if (key["family"], key["state"]) == ("classical", "active"))
    assert {key["kid"] for key in listed} == _published(server)

    [revoked] = _keys(server, "revoke", active["kid"])

    assert (revoked["kid"], revoked["state"]) == (active["kid"], "retired")
    until(lambda: active["kid"] not in _published(server), 10, "the server notices")
    now = next(key for key in _keys(server, "list") if (key["family"], key["state"]) == ("classical", "active"))
    assert now["kid"] in {key["kid"] for key in listed if key["state"] == "next"}


def test_a_key_id_may_begin_with_a_dash(server: Program) -> None:
    refused = run("keys", "revoke", "-O8WmLJnMm3RlA0mlmTvcHzQbPJ_YziuyOHBkczUmgM", "--data-dir", str(server.data_dir))

    assert "No such option" not in refused.stderr
    assert "There is no signing key with this kid." in refused.stderr


def test_rotating_schedules_the_next_keys(server: Program) -> None:
    rotated = _keys(server, "rotate")
    assert [(key["family"], key["state"]) for key in rotated] == [("classical", "next"), ("post_quantum", "next")]

    shown = run("keys", "list", "--data-dir", str(server.data_dir))

    assert shown.stdout.splitlines()[0].split() == ["KID", "FAMILY", "STATE", "SIGNS", "FROM", "RETIRES", "REVOKED"]
    assert len(shown.stdout.splitlines()) == 5
    assert "PRIVATE" not in shown.stdout


def test_wrong_usage_tells_what_to_type(server: Program, tmp_path: Path) -> None:
    for words, expected in (
        (("rotate", "--family", "quantum"), "classical or post_quantum"),
        (("revoke", "nobody"), "keys list"),
        (("list", "--data-dir", str(tmp_path / "nowhere")), "secret.key"),
    ):
        done = run("keys", *(words if "--data-dir" in words else (*words, "--data-dir", str(server.data_dir))))
        assert (done.returncode, expected in done.stderr) == (2, True), done.stderr
