"""Spans reach a collector, where one is configured."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from app.engines.memory import MemoryEngine
from app.main import Server
from app.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a collector, and the bodies that it was sent."""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_request_becomes_a_span_named_by_its_route(tmp_path: Path, collector: tuple[str, list[bytes]]) -> None:
    address, received = collector
    server = await Server(Settings(data_dir=tmp_path, otlp_endpoint=address), engine=MemoryEngine()).open()
    transport = httpx.ASGITransport(server.app)  # type: ignore[arg-type]

    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/health/live")
        await client.get("/openapi.json")
        await client.post("/graphql", json={"query": "{ __typename }"})
    await server.close()

    told = b"".join(received)
    assert told.count(b"soundstage.request_id") == 3, "one span each, also for what was looked at twice"
    assert all(told.count(name) == 1 for name in (b"GET GetLiveness", b"GET openapi", b"POST graphql"))
