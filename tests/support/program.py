"""The real program: `soundstage serve` as a process of its own, to be killed, restarted and asked."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
#: No test asks anybody else's servers: these addresses are refused before anything is sent.
ELSEWHERE = {f"SOUNDSTAGE_{name}_URL": "https://127.0.0.1:9" for name in ("GITHUB", "GITLAB", "BITBUCKET", "DOCKERHUB")}
COMMAND = [sys.executable, "-m", "app.cli.main"]


def run(*arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Runs the command line to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False
    )


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """A server on a data directory of its own, with one organization."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        made = run("init", "--data-dir", str(data_dir), "--json")
        assert made.returncode == 0, made.stderr
        self.credentials: dict[str, str] = json.loads(made.stdout)
        self._clients = threading.local()
        self._opened: list[httpx.Client] = []
        self.headers = {"Authorization": f"Bearer {self.credentials['api_key']}"}

    def start(self) -> float:
        """Starts the server; the seconds until it was ready."""
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--host", "127.0.0.1", "--port", str(self.port), "--data-dir", str(self.data_dir)],
                cwd=ROOT,
                env={**ELSEWHERE, **os.environ},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while time.monotonic() - began < 30:
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            with contextlib.suppress(httpx.TransportError):
                if self.client.get(f"{self.url}/health/live").status_code == 200:
                    return time.monotonic() - began
            time.sleep(0.01)
        raise AssertionError(f"the server was not ready within 30 s: {self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """`kill -9` of the server alone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds: float = 15.0) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(seconds)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One request with the organization's key."""
        return self.client.request(method, self.url + path, json=body, headers={**self.headers, **headers})

    @property
    def client(self) -> httpx.Client:
        """A client for each thread: making one costs more than a request."""
        if not hasattr(self._clients, "own"):
            self._clients.own = httpx.Client(timeout=10, trust_env=False)
            self._opened.append(self._clients.own)
        client: httpx.Client = self._clients.own
        return client

    def data(self, method: str, path: str, body: Any = None) -> Any:
        """The `data` of an answer that has to be good."""
        response = self.request(method, path, body)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()["data"]

    def runner_pid(self) -> int:
        """The runner of this data directory."""
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "app.runner" in words and str(self.data_dir.resolve()) in words:
                return int(process.pid)
        raise AssertionError("there is no runner")

    def service_processes(self, environment_ids: set[str]) -> list[psutil.Process]:
        """Every living process that belongs to a unit of these environments."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                mark = process.environ().get("SOUNDSTAGE_UNIT", "")
                if mark.partition(":")[2].partition("/")[0] in environment_ids:
                    found.append(process)
        return found

    def down(self) -> None:
        """Stops the server, the services and the runner."""
        for client in self._opened:
            client.close()
        ended = run("down", "--data-dir", str(self.data_dir), timeout=120)
        assert ended.returncode == 0, ended.stderr
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)


@contextlib.contextmanager
def program(folder: Path) -> Iterator[Program]:
    """A running server, and nothing of it left afterwards."""
    made = Program(folder / "data")
    made.start()
    try:
        yield made
    finally:
        made.down()
        if made.process is not None and made.process.poll() is None:
            os.killpg(made.process.pid, signal.SIGKILL)


def until(condition: Any, seconds: float, what: str) -> Any:
    """Asks again and again; what it says once it is true. Fails with `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.TransportError):
            if found := condition():
                return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
