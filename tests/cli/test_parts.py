"""The parts of the command line, each by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from app.cli import api, durations, http_server
from app.cli.data_lock import holder, server_lock
from app.cli.documents import document
from app.cli.exits import CliError, Exit
from app.cli.output import harmless
from app.cli.problems import show_problems
from app.cli.where import where, write_private
from app.contract import contract
from resolvers.schema import build_schema


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOUNDSTAGE_URL", "SOUNDSTAGE_API_KEY", "SOUNDSTAGE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("path", sorted(contract("graphql/cli").glob("*.graphql")), ids=lambda path: path.stem)
def test_the_documents_are_valid(path: Path) -> None:
    from graphql import parse, validate

    assert validate(build_schema()._schema, parse(path.read_text())) == []


@pytest.mark.parametrize(
    "module",
    ["signing", "founding", "people", "environments", "audit_logs", "stopping", "blueprint", "printing"],
)
def test_a_command_does_not_load_the_server(module: str) -> None:
    program = f"import sys, app.cli.{module}; print(*{{'app.main', 'strawberry', 'starlette'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == []


def test_a_document_is_found_by_its_operation() -> None:
    assert "mutation CreateEnvironment(" in document("CreateEnvironment")


def test_events_are_split_at_line_feeds_only() -> None:
    text = "a\u2028b\x85c\x0bd"
    data = json.dumps(text, ensure_ascii=False)
    raw = f"event: next\r\ndata: {data}\r\n\r\n: ping\r\n\r\nevent: complete\r\ndata: \r\n\r\n".encode()

    def pieces() -> Iterator[bytes]:
        yield from (raw[at : at + 3] for at in range(0, len(raw), 3))

    assert [(event, data and json.loads(data)) for event, data in api._events(pieces())] == [
        (b"next", text),
        (b"complete", b""),
    ]


@pytest.mark.parametrize(("text", "expected"), [("90", 90), ("500ms", 0.5), ("1.5m", 90), ("4h", 14400), ("1d", 86400)])
def test_durations(text: str, expected: float) -> None:
    assert durations.seconds(text, "--timeout") == expected


@pytest.mark.parametrize("text", ["", "soon", "-1", "5 weeks"])
def test_what_is_no_duration_is_wrong_usage(text: str) -> None:
    with pytest.raises(CliError) as caught:
        durations.seconds(text, "--timeout")

    assert caught.value.exit_code == Exit.USAGE


def test_a_moment_has_a_zone() -> None:
    assert durations.moment("2026-11-23T10:00:00Z", "--since") == "2026-11-23T10:00:00+00:00"
    assert datetime.fromisoformat(durations.moment("10m", "--since")).tzinfo is not None


def test_a_log_cannot_drive_the_terminal() -> None:
    assert harmless("\x1b[31mred\x1b[0m\tok") == "\x1b[31mred\x1b[0m\tok"
    assert "\x1b" not in harmless("\x1b[2J\x1b]0;title\x07\x1bc")
    assert "\r" not in harmless("hidden\rshown")


def test_problems_are_shown_as_compilers_do(capsys: pytest.CaptureFixture[str]) -> None:
    problem = {
        "line": 2,
        "column": 3,
        "path": "services.web",
        "message": "unknown key `rnu`",
        "suggestion": "did you mean `run`?",
    }

    show_problems("shop.yaml", "services:\n  rnu: x\n", [problem])

    assert capsys.readouterr().err.splitlines() == [
        "shop.yaml:2:3: error: services.web: unknown key `rnu`",
        "    2 |   rnu: x",
        "      |   ^ did you mean `run`?",
        "1 problem in shop.yaml.",
    ]


def test_the_data_directory_tells_server_and_key(tmp_path: Path) -> None:
    write_private(tmp_path / "credentials.json", {"url": "http://127.0.0.1:8123", "api_key": "sk_live_a"})

    found = where(None, None, tmp_path)

    assert (found.url, found.api_key) == ("http://127.0.0.1:8123", "sk_live_a")
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert where("http://other", "sk_live_b", tmp_path).api_key == "sk_live_b"


def test_the_running_server_is_preferred_to_the_former_one(tmp_path: Path) -> None:
    write_private(tmp_path / "credentials.json", {"url": "http://127.0.0.1:8123", "api_key": "sk_live_a"})
    write_private(tmp_path / "server.json", {"pid": 1, "url": "http://127.0.0.1:9000"})

    assert where(None, None, tmp_path).url == "http://127.0.0.1:9000"


def test_without_a_key_the_next_command_is_told(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        where(None, None, tmp_path)

    assert caught.value.exit_code == Exit.CREDENTIALS
    assert "serve --demo" in caught.value.hint


def test_a_data_directory_has_one_server(tmp_path: Path) -> None:
    assert holder(tmp_path) is None

    with server_lock(tmp_path):
        assert holder(tmp_path)
        with pytest.raises(CliError, match="is running on"), server_lock(tmp_path):
            pass

    assert holder(tmp_path) is None


def test_a_taken_port_suggests_another_one() -> None:
    with http_server.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(CliError) as caught:
            http_server.listen("127.0.0.1", port)

    assert caught.value.exit_code == Exit.USAGE
    assert "--port" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "loopback"), [("http://127.0.0.1:1", True), ("http://[::1]:1", True), ("https://soundstage.example", False)]
)
def test_a_proxy_is_not_asked_about_this_machine(url: str, loopback: bool) -> None:
    assert api._is_loopback(url) is loopback
