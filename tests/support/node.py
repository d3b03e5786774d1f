"""Runs the JavaScript clients of tests/clients."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

CLIENTS = Path(__file__).resolve().parents[1] / "clients"


def node() -> str:
    """The Node of the development environment; the machine's may be too old, or missing."""
    ours = Path(sys.executable).with_name("node")
    return str(ours) if ours.exists() else shutil.which("node") or "node"


def run_client(script: str, order: dict[str, Any], *, timeout: float = 60) -> list[Any]:
    """What a client such as `ws.mjs` prints: its lines, parsed (`audit.mjs` and `page.mjs` print one)."""
    done = subprocess.run(
        [node(), CLIENTS / script, json.dumps(order)], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
