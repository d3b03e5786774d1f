"""Clairvoyance (https://github.com/nikitastupin/clairvoyance), which guesses a schema from what its errors tell.

It wants older libraries than ours, so it lives in an environment of its own, made by `tools/install_test_tools.sh`.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("SOUNDSTAGE_CLAIRVOYANCE", ROOT / "build" / "clairvoyance" / "bin" / "clairvoyance"))


def recovered(url: str, words: list[str], folder: Path, *, key: str | None, document: str) -> dict[str, Any] | None:
    """The schema that it recovers from a word list; None where it gives up. Skips the test where it is not there."""
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not there: run tools/install_test_tools.sh, or set SOUNDSTAGE_CLAIRVOYANCE")
    wordlist, output = folder / "words.txt", folder / "schema.json"
    wordlist.write_text("\n".join(words))
    output.unlink(missing_ok=True)
    credentials = ["--header", f"Authorization: Bearer {key}"] if key else []
    done = subprocess.run(
        [PROGRAM, url, "-w", wordlist, "-o", output, "-d", document, "-m", "1", "-c", "8", *credentials],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "Starting blind introspection" in done.stderr + done.stdout, done.stdout + done.stderr
    (folder / "told.txt").write_text(done.stdout + done.stderr)
    return json.loads(output.read_text()) if output.exists() else None
