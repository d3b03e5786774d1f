"""One event to 1,000 subscribers: ours beside Strawberry and graphql-ws on Node. CPU of the server each message."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.peers.watching import Watched, watch
from benchmarks.requests import MODULE, PEERS, free_port, prepare, running

VIEWERS, SECONDS, ROUNDS = 1_000, 4.0, 3


def _watched(name: str, command: list[str], folder: Path) -> list[Watched]:
    port = free_port()
    with running(name, [*command, str(folder), str(port)], port) as process:
        key = (folder / "key").read_text() if name == "ours" else ""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return watch(port, process.pid, headers, viewers=VIEWERS, seconds=SECONDS, rounds=ROUNDS)


def measure() -> list[str]:
    """Rows of a table."""
    prepare()
    folder, cores = Path(tempfile.mkdtemp()), os.sched_getaffinity(0)
    commands = {
        "ours": [sys.executable, "-m", "benchmarks.peers.ours"],
        "strawberry": [sys.executable, "-m", MODULE, "strawberry"],
        "graphql-ws": ["node", str(PEERS / "graphql_ws.mjs")],
    }
    try:
        os.sched_setaffinity(0, {max(cores)})
        found = {name: _watched(name, command, folder) for name, command in commands.items()}
    finally:
        os.sched_setaffinity(0, cores)
        shutil.rmtree(folder, ignore_errors=True)
    cpu = {name: statistics.median(each.cpu for each in seen) for name, seen in found.items()}
    rate = {name: statistics.median(each.rate for each in seen) for name, seen in found.items()}
    return [f"| {name} | {cpu[name]:.1f} | {cpu[name] / cpu['ours']:.1f} | {rate[name]:,.0f} |" for name in found]
