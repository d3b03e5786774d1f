"""What `--help` prints: the same for everybody, with an example each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.help_texts import WIDTH, files, help_texts
from tests.support.program import run

GOLDEN = Path(__file__).parent / "golden"
REWRITE = "to rewrite it: make generate"


@pytest.mark.parametrize("name", sorted({*files(), *(path.name for path in GOLDEN.glob("*.txt"))}))
def test_the_help_is_the_golden_one(name: str) -> None:
    golden = GOLDEN / name

    assert files().get(name) == (golden.read_text() if golden.exists() else None), REWRITE


@pytest.mark.parametrize(("command", "text"), help_texts().items())
def test_every_help_shows_an_example_of_its_command(command: str, text: str) -> None:
    examples = [line.strip() for line in text.splitlines() if line.startswith("    soundstage ")]

    assert any(command in example for example in examples)
    assert max(map(len, text.splitlines())) <= WIDTH


def test_the_exit_codes_are_told() -> None:
    text = help_texts()["soundstage"]

    assert all(f"  {code}  " in text for code in (0, 1, 2, 3, 4, 5, 130))


def test_a_variable_that_is_set_here_is_not_in_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDSTAGE_API_KEY", "sk_live_secret")

    assert "sk_live_secret" not in "".join(help_texts().values())


def test_help_and_client_commands_load_no_server() -> None:
    script = (
        "import sys; from app.cli import main, audit_logs, environments, logs, waiting, help_texts;"
        "help_texts.help_texts();"
        "print(sorted({'strawberry', 'uvicorn', 'sqlalchemy', 'graphql', 'starlette'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_wrong_usage_exits_with_2() -> None:
    assert run("env", "nonsense").returncode == 2
    assert run("env", "list", "--limit", "0").returncode == 2


def test_the_version() -> None:
    done = run("--version")

    assert (done.returncode, done.stdout) == (0, "soundstage 0.1.0\n")
