"""Ten small services through Soundstage against the same ten started by hand: what the product adds."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.support.program import Program, free_port, program

SERVER = (
    "import http.server as h,sys\n"
    "class A(h.BaseHTTPRequestHandler):\n"
    "    def do_GET(self): self.send_response(200); self.end_headers(); self.wfile.write(b'ok')\n"
    "    def log_message(self,*a): pass\n"
    "h.ThreadingHTTPServer(('127.0.0.1',int(sys.argv[1])),A).serve_forever()\n"
)
COUNT = 10
SECONDS = 30.0


def by_hand() -> float:
    """Starts ten, and waits until each answers."""
    ports = [free_port() for _ in range(COUNT)]
    began = time.perf_counter()
    processes = [subprocess.Popen([sys.executable, "-c", SERVER, str(port)]) for port in ports]
    try:
        for port in ports:
            _answers(port, began)
        return time.perf_counter() - began
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _answers(port: int, began: float) -> None:
    while time.perf_counter() - began < SECONDS:
        try:
            httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.005)
        else:
            return
    raise RuntimeError("a server did not start")


def through_soundstage(server: Program, client: httpx.Client, isolation: str) -> float:
    """Creates an environment of ten, and waits until it is running."""
    services = {
        f"service-{n}": {
            "run": [sys.executable, "-c", SERVER, f"${{services.service-{n}.port}}"],
            "ports": ["http"],
            "health": {"http": "/", "interval": "100ms"},
        }
        for n in range(COUNT)
    }
    began = time.perf_counter()
    body: dict[str, Any] = {"blueprint": {"name": "ten", "services": services}, "isolation": isolation}
    answer = client.post("/v1/environments", json=body)
    answer.raise_for_status()
    path = f"/v1/environments/{answer.json()['data']['id']}"
    while (status := client.get(path + "/status").json()["data"]["status"]) != "running":
        if status == "failed" or time.perf_counter() - began > SECONDS:
            raise RuntimeError(f"the environment is {status}")
        time.sleep(0.005)
    seconds = time.perf_counter() - began
    client.delete(path).raise_for_status()
    while client.get(path + "/status").json()["data"]["status"] != "terminated":
        time.sleep(0.02)
    return seconds


def measure(rounds: int = 7) -> list[str]:
    """Rows of a table: medians over rounds that take turns."""
    folder = Path(tempfile.mkdtemp())
    hand: list[float] = []
    found: dict[str, list[float]] = {"plain": [], "landlock": []}
    try:
        with (
            program(folder) as server,
            httpx.Client(base_url=server.url, headers=server.headers, trust_env=False, timeout=30) as client,
        ):
            for _ in range(rounds):
                hand.append(by_hand())
                for isolation, seconds in found.items():
                    seconds.append(through_soundstage(server, client, isolation))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    base = statistics.median(hand)
    rows = [f"| ten services by hand | {base:.3f} s | |"]
    rows += [
        f"| ten services, isolation `{isolation}` | {statistics.median(seconds):.3f} s "
        f"| {statistics.median(seconds) - base:+.3f} s |"
        for isolation, seconds in found.items()
    ]
    return rows
