"""`kill -9` of the server while it writes: what was acknowledged is in the audit log, once, and the log verifies."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from app.audit.offline import verify_export
from tests.support.program import Program, program

CREATE = 'mutation { createApiKey(input: {name: "load"}) { id } }'
KEYS = (
    "query ($after: String) { apiKeys(first: 100, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }"
)
WRITERS, KILLS = 8, 6


class Writer(threading.Thread):
    """Makes keys, and keeps the ids of those that were acknowledged."""

    def __init__(self, server: Program, ending: threading.Event) -> None:
        super().__init__(daemon=True)
        self.server, self.ending = server, ending
        self.acknowledged: list[str] = []

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                answer = self.server.request("POST", "/graphql", {"query": CREATE})
                self.acknowledged.append(answer.json()["data"]["createApiKey"]["id"])
            except (httpx.TransportError, KeyError, TypeError, ValueError):
                time.sleep(0.01)


@pytest.mark.timeout(240)
def test_no_acknowledged_change_without_its_event_and_none_twice(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance, ending = random.Random(seed), threading.Event()

    with program(tmp_path) as server:
        writers = [Writer(server, ending) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.3, 1.2))
            server.kill()
            server.start()
        ending.set()
        for writer in writers:
            writer.join(30)
        lines = server.request("GET", "/v1/audit/export").content.splitlines()
        keys = _keys(server)
        stored = server.request("GET", "/v1/audit/verification").json()

    events = [found["event"] for line in lines if "event" in (found := orjson.loads(line))]
    recorded = Counter(event["resource"] for event in events if event["action"] == "api_key.create")
    acknowledged = {made for writer in writers for made in writer.acknowledged}
    assert len(acknowledged) > 100, "hardly anything was written"
    assert acknowledged <= set(recorded), "an acknowledged change has no event"
    assert set(recorded.values()) == {1}, "a change has two events"
    assert set(recorded) == keys, "an event without its change, or the other way round"
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert verify_export(lines).findings == []
    assert (stored["valid"], stored["findings"]) == (True, [])
    print(f"{len(acknowledged)} acknowledged, {len(events)} events, {KILLS} kills")


def _keys(server: Program) -> set[str]:
    """All keys but the first, which was made before there was anybody to act."""
    found: list[str] = []
    after = None
    while True:
        body: Any = server.request("POST", "/graphql", {"query": KEYS, "variables": {"after": after}}).json()
        page = body["data"]["apiKeys"]
        found += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return set(found[:-1])
        after = page["pageInfo"]["endCursor"]
