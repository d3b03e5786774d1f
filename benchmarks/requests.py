"""Requests: ours beside Strawberry, FastAPI, mercurius with its JIT, and a handler written by hand. CPU each."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from benchmarks.peers.items import MANY, ONE, ROW
from benchmarks.peers.load import Load, Sent, load, request

ROUNDS, SECONDS, CONNECTIONS = 5, 1.5, 16
PEERS = Path(__file__).parent / "peers"
MODULE = "benchmarks.peers.python_server"


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    name: str
    pid: int
    port: int
    headers: dict[str, str]


@dataclass(frozen=True)
class Work:
    """One row of the table: what each server is asked."""

    title: str
    #: By server: the request, and where in its answer the value is.
    asked: dict[str, tuple[Sent, tuple[str, ...]]]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def prepare() -> None:
    """What the peers need, from their registries."""
    if not (PEERS / "node_modules").is_dir():
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=PEERS, check=True)
    if not Path("build/peers/fastapi").is_dir():
        words = ["install", "-qq", "--no-deps", "--target", "build/peers", "fastapi", "annotated-doc"]
        subprocess.run([sys.executable, "-m", "pip", *words], check=True)


@contextlib.contextmanager
def running(name: str, command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server's process on the first core, until the end of the block; ready when the block begins."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setaffinity(process.pid, {0})
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
                break
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended before it listened")
            time.sleep(0.1)
        else:
            raise RuntimeError(f"{name} does not listen")
        yield process
    finally:
        for each in psutil.Process(process.pid).children(recursive=True):  # `node` is one of Python's
            each.kill()
        process.kill()
        process.wait()


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[str, Server]]:
    """All of them. Ours first: it fills the file that the others read."""
    commands = {
        "ours": [sys.executable, "-m", "benchmarks.peers.ours", str(folder)],
        "strawberry": [sys.executable, "-m", MODULE, "strawberry", str(folder)],
        "fastapi": [sys.executable, "-m", MODULE, "fastapi", str(folder)],
        "handwritten": [sys.executable, "-m", MODULE, "handwritten", str(folder)],
        "mercurius": ["node", str(PEERS / "mercurius.mjs"), str(folder)],
    }
    found = {}
    with contextlib.ExitStack() as stack:
        for name, command in commands.items():
            port = free_port()
            process = stack.enter_context(running(name, [*command, str(port)], port))
            key = (folder / "key").read_text() if name == "ours" else ""
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            found[name] = Server(name, process.pid, port, headers)
        yield found


def works(found: dict[str, Server]) -> list[Work]:
    """What is measured."""
    ours = found["ours"].headers

    def graphql(query: str, variables: dict[str, Any] | None, headers: dict[str, str]) -> bytes:
        body = {"query": query, **({"variables": variables} if variables is not None else {})}
        return request("POST", "/graphql", orjson.dumps(body), headers)

    def unseen(headers: dict[str, str]) -> Callable[[], bytes]:
        numbers = itertools.count()
        return lambda: graphql(ONE.replace("One", f"One{next(numbers)}x{os.getpid()}"), one, headers)

    def asked(query: str, variables: dict[str, Any] | None, key: str, rest: str, *peers: str) -> dict[str, Any]:
        at = {
            "ours": (graphql(query, variables, ours), ("data", key)),
            "ours, REST": (request("GET", f"/v1{rest}", headers=ours), ()),
            "strawberry": (graphql(query, variables, {}), ("data", key)),
            "mercurius": (graphql(query, variables, {}), ("data", key)),
            "handwritten": (graphql(query, variables, {}), ("data", key)),
            "fastapi": (request("GET", rest), ()),
        }
        return {name: at[name] for name in ("ours", "ours, REST", *peers)}

    one = {"id": "ws_7"}
    everybody = ("strawberry", "mercurius", "fastapi", "handwritten")
    at = ("data", "workspace")
    return [
        Work("one object", asked(ONE, one, "workspace", "/items/ws_7", *everybody)),
        Work("list of 100", asked(MANY, None, "workspaces", "/items", *everybody)),
        Work("a document never seen before", {"ours": (unseen(ours), at), "strawberry": (unseen({}), at)}),
        Work("one row of SQLite", asked(ROW, one, "stored", "/stored-items/ws_7", "strawberry", "fastapi")),
    ]


def server_of(name: str, found: dict[str, Server]) -> Server:
    """The server that a column is about."""
    return found[name.partition(",")[0]]


def same(work: Work, found: dict[str, Server]) -> None:
    """Raises `RuntimeError` where two servers do not answer alike."""
    answers = {}
    for name, (sent, at) in work.asked.items():
        head, _, body = (sent() if callable(sent) else sent).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, path, _ = first.split(" ")
        headers = dict(line.split(": ", 1) for line in lines)
        url = f"http://127.0.0.1:{server_of(name, found).port}{path}"
        asked = urllib.request.Request(url, data=body or None, headers=headers, method=method)
        value = orjson.loads(urllib.request.urlopen(asked, timeout=10).read())
        for key in at:
            value = value[key]
        answers[name] = value
    if any(answer != answers["ours"] for answer in answers.values()):
        raise RuntimeError(f"{work.title}: the answers differ: {answers}")


def rounds(work: Work, found: dict[str, Server]) -> dict[str, list[Load]]:
    """Rounds that take turns, after one that warms up."""
    loads: dict[str, list[Load]] = {name: [] for name in work.asked}
    for number in range(ROUNDS + 1):
        for name, (sent, _) in work.asked.items():
            server = server_of(name, found)
            load_ = load(server.port, server.pid, sent, seconds=SECONDS, connections=CONNECTIONS)
            if number:
                loads[name].append(load_)
    return loads


def measure() -> list[str]:
    """Rows of a table."""
    prepare()
    folder = Path(tempfile.mkdtemp())
    cores = os.sched_getaffinity(0)
    rows = []
    try:
        with servers(folder) as found:
            os.sched_setaffinity(0, {max(cores)})
            for work in works(found):
                same(work, found)
                loads = rounds(work, found)
                cpu = {name: statistics.median(each.cpu for each in seen) for name, seen in loads.items()}
                rate = {name: statistics.median(each.rate for each in seen) for name, seen in loads.items()}
                rows += [
                    f"| {work.title} | {name} | {cpu[name]:.0f} | {cpu[name] / cpu['ours']:.2f} | {rate[name]:,.0f} |"
                    for name in work.asked
                ]
    finally:
        os.sched_setaffinity(0, cores)
        shutil.rmtree(folder, ignore_errors=True)
    return rows
