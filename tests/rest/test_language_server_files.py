"""Files for the clients of language servers, and what changes in them."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from app.core.actor import Role
from app.files.tree import LARGEST_READ
from app.language_servers.watching import MOST_CHANGES
from tests.support.language_servers import FILES_PATH, HELPER, WATCH_PATH, session_with_code
from tests.support.paths import TRAVERSALS
from tests.support.samples import MISSING
from tests.support.serving import Client, Served
from tests.support.sockets import Refused, Socket, connected
from tests.support.terminals import new_session

pytestmark = pytest.mark.anyio


async def read(client: Client, session: str, **query: str) -> Any:
    options = {"headers": query.pop("headers", {})}
    return await client.get(FILES_PATH, params={"session_id": session, **query}, **options)


@pytest.fixture(scope="module")
async def hostile(shared: Served, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A session with the links that TRAVERSALS goes through."""
    session, folder = await session_with_code(shared, shared)
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("secret")
    (folder / "README.md").write_text("x")
    (folder / "a").mkdir()
    links = {"folder": outside, "file": outside / "secret", "root": "/", "parent": "..", "proc": "/proc/self"}
    for name, target in links.items():
        (folder / f"link-to-{name}").symlink_to(target)
    return session, outside


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
async def test_a_file_is_given_with_its_version(shared: Served, prefix: str) -> None:
    session, folder = await session_with_code(shared, shared)
    (folder / "bytes").write_bytes(b"\0\xff\r\n")

    by_path = await shared.get(f"{prefix}/lsp-fs", params={"session_id": session, "path": "helper.py"})
    by_uri = await read(shared, session, uri="file:///workspace/helper.py")
    elsewhere = await read(shared, session, uri="vscode-vfs://host/shop/helper.py", root="vscode-vfs://host/shop")
    raw = await read(shared, session, path="bytes")

    assert (by_path.status_code, by_path.text) == (200, HELPER)
    assert by_path.content == by_uri.content == elsewhere.content
    assert raw.content == b"\0\xff\r\n"
    assert raw.headers["content-type"] == "application/octet-stream"
    tag = by_path.headers["etag"]
    same = await read(shared, session, path="helper.py", headers={"If-None-Match": f'"x", {tag}'})
    (folder / "helper.py").write_text("changed\n")
    changed = await read(shared, session, path="helper.py", headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (changed.status_code, changed.text) == (200, "changed\n")
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_no_path_leads_out_of_the_files(shared: Served, hostile: tuple[str, Path], path: str) -> None:
    session, _ = hostile

    answers = [
        await read(shared, session, path=path),
        await read(shared, session, uri=f"file:///workspace/{quote(path)}"),
        await read(shared, session, uri=f"file:///workspace/{quote(quote(path))}"),
    ]

    for answer in answers:
        assert answer.status_code in (400, 404, 409, 413, 414, 422), (answer.status_code, answer.text)
        assert "secret" not in answer.text.replace(path, "")
        assert "root:" not in answer.text


async def test_what_cannot_be_given_is_told(shared: Served) -> None:
    session, folder = await session_with_code(shared, shared)
    (folder / "large").write_bytes(b"x" * (LARGEST_READ + 1))
    stranger, reader = await shared.newcomer(), await shared.as_(Role.VIEWER)
    limited = await shared.as_(Role.OWNER, "environments:write")

    async def status(client: Client, session: str = session, **query: str) -> int:
        code: int = (await read(client, session, **{"path": "helper.py", **query})).status_code
        return code

    assert await status(shared, path="nothing") == 404
    assert await status(shared, path="") in (409, 422)
    assert await status(shared, path="large") in (413, 422)
    assert await status(shared, uri="file:///workspace/helper.py") == 400
    assert await status(shared, token="x") == 400
    assert await status(shared, root="nonsense") == 400
    assert await status(stranger) == 404
    assert await status(shared, MISSING["ses"]) == 404
    assert await status(shared.with_key(None)) == 401
    assert await status(limited) == 403
    assert await status(reader) == 200
    assert (await shared.post(FILES_PATH)).status_code == 405


# --- what changes


class Watch:
    """A client that watches."""

    def __init__(self, socket: Socket, ready: dict[str, Any]) -> None:
        self.socket, self.ready, self.cursor = socket, ready, ready["cursor"]
        self.frames: list[dict[str, Any]] = []

    async def until(self, *wanted: tuple[str, str]) -> set[tuple[str, str]]:
        """All changes as (path, kind), once these are among them."""
        seen: set[tuple[str, str]] = set()
        while not set(wanted) <= seen:
            frame = await self.next()
            seen |= {(change["path"], change["type"]) for change in frame.get("changes", ())}
        return seen

    async def next(self) -> dict[str, Any]:
        frame: dict[str, Any] | None = await self.socket.next(15)
        assert frame is not None, self.socket.closed
        self.frames.append(frame)
        self.cursor = frame["cursor"]
        return frame


@asynccontextmanager
async def watching(served: Served, session: str, key: str | None = None, **query: str) -> AsyncIterator[Watch]:
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in {"session": session, **query}.items())
    async with connected(served.product.app, WATCH_PATH, key=key or served.key, query=asked) as socket:
        ready = await socket.next(15)
        assert ready["type"] == "ready"
        yield Watch(socket, ready)


async def test_every_kind_of_change_is_told(shared: Served) -> None:
    session, folder = await session_with_code(shared, shared)
    (folder / "folder").mkdir()
    (folder / "folder" / "old").write_text("1")

    async with watching(shared, session, root="file:///my%20shop") as watch:
        (folder / "new file.py").write_text("1")
        (folder / "helper.py").write_text("2")
        (folder / "main.py").unlink()
        seen = await watch.until(("new file.py", "created"), ("helper.py", "changed"), ("main.py", "deleted"))
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "file").write_text("1")
        seen |= await watch.until(("deep/er/file", "created"))
        (folder / "deep" / "er" / "file").write_text("2")
        seen |= await watch.until(("deep/er/file", "changed"))
        (folder / "folder" / "old").rename(folder / "deep" / "moved")
        seen |= await watch.until(("folder/old", "deleted"), ("deep/moved", "created"))
        shutil.rmtree(folder / "deep")
        seen |= await watch.until(("deep", "deleted"))

    assert watch.ready["complete"]
    uris = {change["uri"] for frame in watch.frames for change in frame["changes"]}
    assert "file:///my%20shop/new%20file.py" in uris
    assert all(path.split("/")[0] in ("new file.py", "helper.py", "main.py", "deep", "folder") for path, _ in seen)


async def test_what_is_ignored_is_not_told(shared: Served) -> None:
    session, folder = await session_with_code(shared, shared)
    (folder / ".gitignore").write_text("*.log\nbuild/\n")
    for name in ("build", "node_modules", ".venv"):
        (folder / name).mkdir()

    async with watching(shared, session) as watch:
        for path in ("x.log", "build/out", "node_modules/x.js", ".venv/x", ".git-not"):
            (folder / path).write_text("1")
        subprocess.run(["git", "add", "."], cwd=folder, check=True)
        (folder / "last").write_text("1")
        seen = await watch.until(("last", "created"))

    assert {path for path, _ in seen} == {".git-not", "last"}


async def test_links_lead_nowhere(shared: Served, hostile: tuple[str, Path]) -> None:
    session, outside = hostile
    [folder] = shared.product.settings.data_dir.glob(f"workspaces/*/sessions/{session}")

    async with watching(shared, session) as watch:
        (outside / "told-nobody").write_text("1")
        (folder / "late-link").symlink_to(outside)
        await watch.until(("late-link", "created"))
        (outside / "told-nobody-2").write_text("1")
        await asyncio.sleep(0)
        (folder / "last").write_text("1")
        seen = await watch.until(("last", "created"))

    assert not [path for path, _ in seen if "told-nobody" in path]
    assert not [frame for frame in watch.frames if "told-nobody" in str(frame)]


async def test_a_viewer_that_was_away_learns_what_it_missed(shared: Served) -> None:
    session, folder = await session_with_code(shared, shared)

    async with watching(shared, session) as stays:
        async with watching(shared, session) as leaves:
            (folder / "one").write_text("1")
            await leaves.until(("one", "created"))
        (folder / "two").write_text("1")
        await stays.until(("one", "created"), ("two", "created"))
        async with watching(shared, session, after=leaves.cursor) as back:
            assert ("one", "created") not in await back.until(("two", "created"))
        async with watching(shared, session, after="nonsense-7") as lost:
            assert (await lost.next())["type"] == "rescan"
    async with watching(shared, session, after=stays.cursor) as later:
        assert (await later.next())["type"] == "rescan"


async def test_more_than_can_be_told_is_a_rescan(shared: Served) -> None:
    session, folder = await session_with_code(shared, shared)

    async with watching(shared, session) as watch:
        target = folder / "many"
        target.mkdir()
        for number in range(2 * MOST_CHANGES):
            (target / f"file-{number}").touch()
        while (await watch.next())["type"] != "rescan":
            pass
        (folder / "last").write_text("1")
        await watch.until(("last", "created"))


async def test_a_viewer_that_does_not_read_gets_a_rescan(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.language_servers.watching.MOST_KEPT", 3)
    session, folder = await session_with_code(shared, shared)

    async with watching(shared, session) as quick:
        watcher = shared.product.language_servers.watchers._watchers[session]
        slow = watcher.batches(None)
        first = asyncio.ensure_future(anext(slow))
        for number in range(8):
            (folder / f"file-{number}").write_text("1")
            await quick.until((f"file-{number}", "created"))
        assert not (await first).rescan
        assert (await anext(slow)).rescan
        await slow.aclose()


async def test_a_browser_watches_with_a_ticket(shared: Served) -> None:
    session, folder = await session_with_code(shared, shared)
    reader = await shared.as_(Role.VIEWER)
    asked = """mutation ($id: ID!) {
      createLanguageServerTicket(sessionId: $id, origin: "http://soundstage.test") { ticket watchPath }
    }"""
    made = (await reader.data(asked, {"id": session}))["createLanguageServerTicket"]
    path, _, query = made["watchPath"].partition("?")
    offered = ["soundstage.watch.v1", f"ticket.{made['ticket']}"]
    headers = {"origin": "http://soundstage.test", "host": "soundstage.test"}

    async with connected(shared.product.app, path, query=query, subprotocols=offered, headers=headers) as socket:
        watch = Watch(socket, await socket.next(15))
        (folder / "new").write_text("1")
        await watch.until(("new", "created"))

    assert socket.subprotocol == "soundstage.watch.v1"


async def test_a_deleted_session_ends_the_watch(serve: Callable[..., Awaitable[Served]]) -> None:
    server = await serve()
    session = await new_session(server, "gone")

    async with watching(server, session) as watch:
        await server.data("mutation ($id: ID!) { deleteSession(id: $id) { id } }", {"id": session})
        while await watch.socket.next(15) is not None:
            pass

    assert watch.socket.closed == (4404, "SESSION_GONE")
    assert server.product.language_servers.watchers._watchers == {}


async def test_who_may_not_watch_is_answered_by_http(shared: Served) -> None:
    session, _ = await session_with_code(shared, shared)
    stranger, reader = await shared.newcomer(), await shared.as_(Role.VIEWER)

    async def status(key: str | None, session: str = session, **query: str) -> int:
        with pytest.raises(Refused) as refused:
            async with watching(shared, session, key, **query):
                pass
        return refused.value.status

    assert await status("sk_live_nonsense") == 401
    assert await status(stranger.key) == 404
    assert await status(shared.key, MISSING["ses"]) == 404
    assert await status(shared.key, token="x") == 400
    assert await status(shared.key, root="../..") == 400
    async with watching(shared, session, reader.key) as watch:
        assert watch.ready["complete"]
    for path in TRAVERSALS:
        assert await status(shared.key, path) in (400, 404)
