"""The `audit` commands: an export from a server, verified without it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.support.audit_logs import sealed_log
from tests.support.live import LiveServer
from tests.support.program import COMMAND, ROOT
from tests.support.signing import SIGNER, KeyPair

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(live: LiveServer) -> Cli:
    variables = {**os.environ, "SOUNDSTAGE_URL": live.url, "SOUNDSTAGE_API_KEY": live.key, "NO_COLOR": "1"}

    def call(*words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, "audit", *words],
            cwd=ROOT,
            env={**variables, **more},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


@pytest.fixture
def file(live: LiveServer, cli: Cli, tmp_path: Path) -> Path:
    """An export of a log with 60 events."""
    live.run(sealed_log(live.tenant, 40, 60))
    made = tmp_path / "audit.ndjson"
    done = cli("export", "--output", str(made))
    assert done.returncode == 0, done.stderr
    assert f"audit verify {made}" in done.stderr
    return made


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    made = tmp_path / "keys.json"
    made.write_text(json.dumps({"keys": SIGNER.jwks}))
    return made


def test_an_export_is_valid(cli: Cli, file: Path, keys: Path) -> None:
    done = cli("verify", str(file), "--keys", str(keys))

    assert done.returncode == 0, done.stderr
    assert "60 events, 60 of them signed" in done.stdout
    assert done.stdout.endswith("valid\n")


def test_without_keys_it_warns(cli: Cli, file: Path) -> None:
    done = cli("verify", str(file))

    assert done.returncode == 0
    assert "warning: The keys are the export's own" in done.stderr


def test_a_changed_event_is_named_and_the_exit_code_says_so(cli: Cli, file: Path, keys: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    line = orjson.loads(lines[20])
    line["event"]["action"] = "environment.read"
    file.write_bytes(b"".join([*lines[:20], orjson.dumps(line) + b"\n", *lines[21:]]))

    done = cli("verify", str(file), "--keys", str(keys))
    as_json = cli("verify", str(file), "--keys", str(keys), "--json")

    assert (done.returncode, as_json.returncode) == (1, 1)
    assert line["event"]["id"] in done.stdout
    [finding] = json.loads(as_json.stdout)["findings"]
    assert (finding["kind"], finding["eventId"], finding["sequence"]) == ("altered", line["event"]["id"], 20)


def test_a_saved_checkpoint_has_to_hold(live: LiveServer, cli: Cli, file: Path, keys: Path, tmp_path: Path) -> None:
    note = live.http.get("/v1/audit/checkpoint").json()["note"]
    saved = tmp_path / "checkpoint.txt"
    saved.write_text(note)

    right = cli("verify", str(file), "--keys", str(keys), "--checkpoint", str(saved))
    saved.write_text(note.replace("\n60\n", "\n59\n"))
    wrong = cli("verify", str(file), "--keys", str(keys), "--checkpoint", str(saved))

    assert right.returncode == 0, right.stderr
    assert wrong.returncode == 1
    assert "The saved checkpoint of size 59 has no valid signature" in wrong.stdout


def test_other_keys_prove_nothing(cli: Cli, file: Path, keys: Path) -> None:
    keys.write_text(json.dumps(KeyPair("other").jwks))

    done = cli("verify", str(file), "--keys", str(keys))

    assert done.returncode == 1
    assert "no valid signature by a known key of ES256 and ML-DSA-65" in done.stdout


def test_an_export_goes_through_a_pipe(live: LiveServer, cli: Cli) -> None:
    live.run(sealed_log(live.tenant, 5))

    done = cli("export")

    assert done.returncode == 0, done.stderr
    assert cli("verify", "-", stdin=done.stdout).returncode == 0


def test_what_is_no_export_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "nonsense").write_text("nonsense\n")
    (tmp_path / "keys").write_text("[1]")

    nonsense = cli("verify", str(tmp_path / "nonsense"))
    missing = cli("verify", str(tmp_path / "missing"))
    bad_keys = cli("verify", str(tmp_path / "nonsense"), "--keys", str(tmp_path / "keys"))

    assert (nonsense.returncode, missing.returncode, bad_keys.returncode) == (1, 2, 2)
    assert "Line 1 is no line of an export" in nonsense.stderr
    assert "audit export" in nonsense.stderr


def test_a_refused_key_is_told_and_leaves_no_file(cli: Cli, tmp_path: Path) -> None:
    done = cli("export", "--output", str(tmp_path / "audit.ndjson"), SOUNDSTAGE_API_KEY="sk_live_wrong")

    assert done.returncode == 4
    assert list(tmp_path.glob("*audit.ndjson*")) == []
