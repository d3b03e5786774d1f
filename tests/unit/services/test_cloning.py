"""Cloning asks the one address that was checked, and ends at its limits."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.core.actor import Actor
from app.git import cloning
from app.git.cloning import CloneFailed, CloneLimits, CloneRefused, RepositoryTooLarge, Source, clone
from app.git.errors import GitTimeout
from app.integrations.errors import HostAddressRefused, HostUnreachable
from app.integrations.hosts import CloneAddress
from app.integrations.service import Connections, IntegrationParts
from app.services.importing import Imports
from tests.support.code_hosts import code_hosts
from tests.support.published import TOKEN, publish

pytestmark = pytest.mark.anyio

CREDENTIAL = CloneAddress("", "x-access-token", TOKEN).header


def source(name: str, host: str = "pinned.example", **given: Any) -> Source:
    """A published repository under a name that is not to be found by asking."""
    port = urlsplit(code_hosts().address).port or 0
    known = {"address": "127.0.0.1", "host": host, "port": port, "header": CREDENTIAL, **given}
    return Source(f"http://{host}:{port}/git/{name}.git", **known)


async def test_the_address_that_was_checked_is_asked(tmp_path: Path) -> None:
    commit = publish("pinned", {"file": "x"})

    found = await clone(tmp_path / "clone", source("pinned"), "main")

    assert found == commit
    assert [path.name for path in (tmp_path / "clone").iterdir()] == ["file"]


async def test_without_the_token_it_is_refused(tmp_path: Path) -> None:
    publish("private", {"file": "x"})

    with pytest.raises(CloneRefused):
        await clone(tmp_path / "clone", source("private", header=""), "main")


async def test_nobody_who_listens_is_told(tmp_path: Path) -> None:
    with pytest.raises(CloneFailed):
        await clone(tmp_path / "clone", source("any", port=1, address="127.0.0.1", host="127.0.0.1:1"), "main")


async def test_what_grows_beyond_the_limit_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def growing(*_: str, folder: Path, **__: Any) -> Any:
        try:
            while True:
                with (folder / "pack").open("ab") as file:
                    file.write(b"x" * 10_000)
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    monkeypatch.setattr(cloning, "at_once", growing)

    with pytest.raises(RepositoryTooLarge):
        await clone(tmp_path / "clone", source("any"), "main", CloneLimits(bytes=50_000))
    assert ended.is_set()


async def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    closed = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        closed.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    at = Source(f"http://127.0.0.1:{port}/x.git", "127.0.0.1", "127.0.0.1", port)

    async with server:
        with pytest.raises(GitTimeout):
            await clone(tmp_path / "clone", at, "main", CloneLimits(seconds=0.3))
        async with asyncio.timeout(10):
            await closed.wait()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://127.0.0.1/x.git", HostUnreachable),
        ("https://[::1]/x.git", HostUnreachable),
        ("https://169.254.169.254/x.git", HostUnreachable),
        ("http://example.com/x.git", HostAddressRefused),
    ],
)
async def test_an_address_of_our_own_network_is_not_cloned_from(url: str, error: type[Exception]) -> None:
    class Nothing:
        parts: Any = None

    services: Any = Nothing()
    services.parts = Nothing()
    services.parts.workspaces = None
    actor: Actor = None  # type: ignore[assignment]
    connections = Connections(None, actor, IntegrationParts(None))  # type: ignore[arg-type]

    with pytest.raises(error):
        await Imports(services, connections)._source(CloneAddress(url, "user", "password"))
