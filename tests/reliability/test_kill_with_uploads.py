"""`kill -9` of the server in the middle of an upload: what was acknowledged is there, and it goes on."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.node import run_client
from tests.support.program import Program, program

BASE = "/api/v1/filestorage"
TUS = {"Tus-Resumable": "1.0.0"}
SIZE = 32 * 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with program(tmp_path_factory.mktemp("uploads")) as started:
        yield started


def ask(server: Program, query: str, **variables: Any) -> Any:
    answer = server.request("POST", "/graphql", {"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer
    return answer["data"]


@pytest.fixture(scope="module")
def session(server: Program) -> str:
    made = ask(server, 'mutation { createWorkspace(input: {name: "shop"}) { id } }')["createWorkspace"]["id"]
    found = ask(server, "query ($id: ID!) { defaultSession(workspaceId: $id) { id } }", id=made)
    return str(found["defaultSession"]["id"])


def placed(server: Program, session: str, path: str) -> Path:
    [folder] = server.data_dir.glob(f"workspaces/*/sessions/{session}")
    return folder / path


def begin(server: Program, session: str, path: str, size: int) -> str:
    told = {"sessionId": session, "path": path}
    metadata = ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in told.items())
    made = server.request("POST", BASE, **TUS, **{"Upload-Length": str(size), "Upload-Metadata": metadata})
    assert made.status_code == 201, made.text
    return str(made.headers["Location"])


def offset(server: Program, where: str) -> int:
    told = server.request("HEAD", where, **TUS)
    assert told.status_code == 200, told.text
    return int(told.headers["Upload-Offset"])


class Sender:
    """One PATCH by hand, a little at a time, over a socket that the kill cuts."""

    def __init__(self, server: Program, where: str, at: int, content: bytes) -> None:
        self.sent = 0
        headers = {
            **server.headers,
            **TUS,
            "Host": "127.0.0.1",
            "Upload-Offset": str(at),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(len(content)),
        }
        lines = [f"PATCH {where} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self._head = "\r\n".join([*lines, "", ""]).encode()
        self._port, self._content = server.port, content
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def _send(self) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=10) as wire:
                wire.sendall(self._head)
                for begin in range(0, len(self._content), 50_000):
                    piece = self._content[begin : begin + 50_000]
                    wire.sendall(piece)
                    self.sent += len(piece)
                    time.sleep(0.002)
        except OSError:
            pass  # the server was killed


def test_no_byte_is_lost_or_doubled_when_the_server_is_killed(server: Program, session: str) -> None:
    content, acknowledged = os.urandom(SIZE), 0
    where = begin(server, session, "build/image.bin", SIZE)

    for part in (3_000_000, 11_000_000):
        end = acknowledged + part // 2
        sent = server.client.patch(
            server.url + where,
            content=content[acknowledged:end],
            headers={
                **server.headers,
                **TUS,
                "Upload-Offset": str(acknowledged),
                "Content-Type": "application/offset+octet-stream",
            },
        )
        assert (sent.status_code, int(sent.headers["Upload-Offset"])) == (204, end)
        sender = Sender(server, where, end, content[end:])
        deadline = time.monotonic() + 20
        while sender.sent < part:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        server.kill()
        sender.thread.join(15)
        server.start()
        acknowledged = offset(server, where)
        assert end < acknowledged <= end + sender.sent
    rest = httpx.patch(
        server.url + where,
        content=content[acknowledged:],
        headers={
            **server.headers,
            **TUS,
            "Upload-Offset": str(acknowledged),
            "Content-Type": "application/offset+octet-stream",
        },
        timeout=30,
    )

    assert rest.status_code == 204, rest.text
    got = placed(server, session, "build/image.bin").read_bytes()
    assert hashlib.sha256(got).digest() == hashlib.sha256(content).digest()


def test_the_tus_client_pauses_and_goes_on(server: Program, session: str) -> None:
    order = {"url": f"{server.url}{BASE}", "token": server.credentials["api_key"], "size": 3_000_000, "seed": 7}
    order["metadata"] = {"sessionId": session, "path": "paused/file", "filename": "file", "filetype": "image/png"}

    [first] = run_client("tus.mjs", {**order, "pauseAt": 1_000_000})
    there = offset(server, first["url"].removeprefix(server.url))
    [second] = run_client("tus.mjs", {**order, "uploadUrl": first["url"]})

    assert not first["done"]
    assert 1_000_000 <= there < 3_000_000
    assert second["done"], second
    got = placed(server, session, "paused/file").read_bytes()
    assert hashlib.sha256(got).hexdigest() == second["sha256"]


def test_the_tus_client_goes_on_by_itself_over_kills(server: Program, session: str) -> None:
    order = {
        "url": f"{server.url}{BASE}",
        "token": server.credentials["api_key"],
        "size": 24_000_000,
        "seed": 9,
        "chunkSize": 100_000,
        "metadata": {"sessionId": session, "path": "killed/file"},
        "retries": [100, 200, 400, 800, 1600, 1600, 1600, 1600],
    }
    told: list[Any] = []
    client = threading.Thread(target=lambda: told.extend(run_client("tus.mjs", order)))
    client.start()
    kills = 0
    while client.is_alive() and kills < 2:
        time.sleep(0.4 + random.random() / 5)
        if any(server.data_dir.glob("uploads/upl_*")):
            server.kill()
            kills += 1
            server.start()
    client.join(60)

    [answer] = told
    assert answer["done"], answer
    assert kills
    assert answer["retries"] > 0
    got = placed(server, session, "killed/file").read_bytes()
    assert hashlib.sha256(got).hexdigest() == answer["sha256"]
    assert list(server.data_dir.glob("uploads/*")) == []
