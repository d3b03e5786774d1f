"""Uploads, as the tus protocol 1.0.0 has them."""

from __future__ import annotations

import asyncio
import hashlib
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.audit.repository import ALL_EVENTS
from app.core.actor import Role
from app.uploads import repository
from tests.support.paths import TRAVERSALS
from tests.support.samples.workspaces import PREPARATIONS
from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio
BASE = "/api/v1/filestorage"
BYTES = {"Content-Type": "application/offset+octet-stream"}
NOBODYS = f"{BASE}/upl_{'0' * 26}"


def metadata(**told: str) -> str:
    return ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in told.items())


class Session:
    """A session of a newcomer's, with its folder."""

    def __init__(self, client: Client, shared: Served, workspace_id: str, session_id: str) -> None:
        self.client, self.id = client, session_id
        self.parts = shared.product.uploads
        self.folder: Path = shared.product.workspaces.folders.session(workspace_id, session_id)

    async def ask(self, method: str, path: str = BASE, content: Any = None, **headers: str) -> httpx.Response:
        sent = {"Tus-Resumable": "1.0.0", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.client.request(method, path, headers=sent, content=content)

    async def begin(self, length: int, path: str = "file", content: Any = None, **headers: str) -> httpx.Response:
        told = metadata(sessionId=self.id, path=path)
        given = {"Upload-Metadata": told, "Upload-Length": str(length), **headers}
        return await self.ask("POST", BASE, content, **given)

    async def begun(self, length: int, path: str = "file") -> str:
        made = await self.begin(length, path)
        assert made.status_code == 201, made.text
        return str(made.headers["Location"])

    async def append(self, where: str, offset: int, content: Any, **headers: str) -> httpx.Response:
        return await self.ask("PATCH", where, content, **BYTES, **{"Upload-Offset": str(offset)}, **headers)

    async def offset(self, where: str) -> int:
        told = await self.ask("HEAD", where)
        assert told.status_code == 200, told.status_code
        return int(told.headers["Upload-Offset"])

    async def actions(self) -> list[str]:
        return [event.action for event in await self.client.tenant.work().all(ALL_EVENTS)]


@pytest.fixture
async def session(shared: Served) -> Session:
    client = await shared.newcomer()
    made = await PREPARATIONS["work_session"](client)
    return Session(client, shared, made["workspace"], made["work_session"])


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    body = answer.json()
    return answer.status_code, str(body.get("code") or body["error"]["code"])


async def test_a_file_comes_in_pieces_and_is_put_in_place_at_the_last(session: Session) -> None:
    where = await session.begun(11, "a/b/file.txt")

    first = await session.append(where, 0, b"hello ")
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "6")
    assert not (session.folder / "a").exists()
    assert await session.offset(where) == 6
    last = await session.append(where, 6, b"world")

    assert (last.status_code, last.headers["Upload-Offset"]) == (204, "11")
    assert (session.folder / "a/b/file.txt").read_bytes() == b"hello world"
    assert [each.name for each in (session.folder / "a/b").iterdir()] == ["file.txt"]
    assert (session.folder / "a/b/file.txt").stat().st_mode & 0o777 == 0o644
    assert await session.offset(where) == 11
    actions = await session.actions()
    assert (actions.count("upload.create"), actions.count("file.upload")) == (1, 1)
    assert not session.parts.store.path(where.rpartition("/")[2]).exists()


async def test_what_is_told_without_credentials(session: Session) -> None:
    told = await session.client.with_key(None).request("OPTIONS", BASE)

    assert (told.status_code, told.headers["Tus-Version"]) == (204, "1.0.0")
    assert told.headers["Tus-Extension"] == "creation,creation-with-upload,termination,checksum,expiration"
    assert told.headers["Tus-Max-Size"] == str(1024**3)
    assert told.headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"


async def test_an_upload_begins_with_its_bytes_or_has_none(session: Session) -> None:
    part = await session.begin(10, "part", b"01234", **BYTES)
    whole = await session.begin(5, "whole", b"01234", **BYTES)
    empty = await session.begin(0, "empty")

    assert [each.status_code for each in (part, whole, empty)] == [201, 201, 201]
    assert (part.headers["Upload-Offset"], whole.headers["Upload-Offset"]) == ("5", "5")
    assert (session.folder / "whole").read_bytes() == b"01234"
    assert (session.folder / "empty").read_bytes() == b""
    assert await session.offset(part.headers["Location"]) == 5
    assert not (session.folder / "part").exists()


async def test_the_head_tells_all(session: Session) -> None:
    told = metadata(sessionId=session.id, filename="Grüße.txt", filetype="text/plain")
    made = await session.ask("POST", BASE, None, Upload_Metadata=told, Upload_Length="3")

    head = await session.ask("HEAD", made.headers["Location"])

    assert (head.headers["Upload-Length"], head.headers["Upload-Metadata"]) == ("3", told)
    assert head.headers["Cache-Control"] == "no-store"
    assert head.headers["Upload-Expires"] == made.headers["Upload-Expires"]
    assert head.headers["Upload-Expires"].endswith("GMT")
    asked = "query ($id: ID!) { uploads(sessionId: $id) { nodes { path filename filetype length offset finishedAt } } }"
    [node] = (await session.client.data(asked, {"id": session.id}))["uploads"]["nodes"]
    assert node == {
        "path": "Grüße.txt",
        "filename": "Grüße.txt",
        "filetype": "text/plain",
        "length": 3,
        "offset": 0,
        "finishedAt": None,
    }


async def test_another_offset_is_refused(session: Session) -> None:
    where = await session.begun(10)
    await session.append(where, 0, b"01234")

    for offset in (0, 4, 6, 10):
        assert code(await session.append(where, offset, b"56789")) == (409, "wrong_offset")

    assert await session.offset(where) == 5


async def test_another_version_of_the_protocol_is_refused(session: Session) -> None:
    where = await session.begun(10)

    for answer in (
        await session.begin(1, Tus_Resumable="0.2.2"),
        await session.append(where, 0, b"x", Tus_Resumable="2.0.0"),
        await session.client.request("PATCH", where, content=b"x"),
    ):
        assert code(answer) == (412, "tus_version_not_spoken")
        assert answer.headers["Tus-Version"] == "1.0.0"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_a_checksum_holds(session: Session, algorithm: str) -> None:
    where, wrong = await session.begun(10, algorithm), b64encode(hashlib.new(algorithm, b"other").digest()).decode()
    right = b64encode(hashlib.new(algorithm, b"01234").digest()).decode()

    told = await session.append(where, 0, b"01234", Upload_Checksum=f"{algorithm} {wrong}")
    assert code(told) == (460, "checksum_mismatch")
    assert await session.offset(where) == 0
    for offset in (0, 5):
        good = await session.append(where, offset, b"01234", Upload_Checksum=f"{algorithm} {right}")
        assert good.status_code == 204

    assert (session.folder / algorithm).read_bytes() == b"0123401234"
    assert [each.name for each in session.parts.store.folder.glob("*.unchecked")] == []


async def test_a_checksum_holds_at_the_beginning_too(session: Session) -> None:
    told = await session.begin(5, "file", b"01234", **BYTES, Upload_Checksum=f"sha1 {b64encode(b'x' * 20).decode()}")

    assert code(told) == (460, "checksum_mismatch")
    assert await session.offset(told.headers["Location"]) == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": ""}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "9" * 30}, 400),
        ({"Upload-Length": "²"}, 400),
        ({"Upload-Length": str(1024**3 + 1)}, 413),
        ({"Upload-Defer-Length": "1"}, 400),
        ({"Upload-Concat": "partial"}, 400),
        ({"Upload-Metadata": ""}, 400),
        ({"Upload-Metadata": "sessionId ???"}, 400),
        ({"Upload-Metadata": "sessionId /w=="}, 400),
        ({"Upload-Metadata": metadata(path="file")}, 400),
        ({"Upload-Metadata": metadata(path="file", sessionId="ses_" + "0" * 26)}, 404),
        ({"Upload-Metadata": metadata(path="file", sessionId="../..")}, 404),
        ({"Upload-Metadata": "x " * 20_000}, 400),
        ({"Upload-Checksum": "crc32 AAAA"}, 400),
        ({"Upload-Checksum": "sha1"}, 400),
    ],
)
async def test_what_is_wrong_at_the_beginning_is_told(session: Session, headers: dict[str, str], status: int) -> None:
    sent = {name: value.encode() for name, value in headers.items()}

    told = await session.begin(1, "file", **sent)  # type: ignore[arg-type]

    assert told.status_code == status, told.text
    assert "upload.create" not in await session.actions()


async def test_more_bytes_than_were_said_are_refused(session: Session) -> None:
    where = await session.begun(5)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"0123"
        yield b"45"

    assert code(await session.append(where, 0, pieces())) == (413, "upload_too_large")
    assert await session.offset(where) == 0
    assert (await session.append(where, 0, b"01234")).status_code == 204
    assert code(await session.append(where, 5, b"5")) == (413, "upload_too_large")
    assert (await session.append(where, 5, b"")).status_code == 204
    assert code(await session.ask("PATCH", where, b"x", Upload_Offset="5"))[0] == 415


async def test_a_body_larger_than_other_requests_may_have_is_taken(session: Session) -> None:
    content = os.urandom(9 * 1024 * 1024)
    where = await session.begun(len(content))

    assert (await session.append(where, 0, content)).status_code == 204

    assert (session.folder / "file").read_bytes() == content


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_no_path_leads_out(session: Session, tmp_path: Path, path: str) -> None:
    """At the beginning; and where the link comes only after that, at the end."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("precious")
    links = {"folder": outside, "file": outside / "secret", "root": "/", "parent": "..", "proc": "/proc/self"}
    begun = await session.begin(1, path) if path.startswith("link-") and ".." not in path else None
    for name, target in links.items():
        (session.folder / f"link-to-{name}").symlink_to(target)

    told = await session.begin(1, path)
    assert told.status_code in (400, 422), told.text
    if begun is not None and begun.status_code == 201:
        late = await session.append(begun.headers["Location"], 0, b"x")
        assert late.status_code == 422, late.text

    assert [each.name for each in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "precious"


async def test_of_two_writers_one_is_told_to_wait(session: Session) -> None:
    where, seen, go = await session.begun(10), asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"01234"
        seen.set()
        await go.wait()
        yield b"56789"

    first = asyncio.create_task(session.append(where, 0, slowly()))
    await asyncio.wait_for(seen.wait(), 10)
    second = await session.append(where, 0, b"abcdefghij")
    ended = await session.ask("DELETE", where)
    go.set()

    assert code(second) == code(ended) == (423, "upload_locked")
    assert (await first).status_code == 204
    assert (session.folder / "file").read_bytes() == b"0123456789"


async def test_an_upload_is_ended(session: Session) -> None:
    where = await session.begun(10)
    await session.append(where, 0, b"01234")
    stored = session.parts.store.path(where.rpartition("/")[2])
    assert stored.exists()

    assert (await session.ask("POST", where, None, X_HTTP_Method_Override="DELETE")).status_code == 204

    assert not stored.exists()
    assert (await session.ask("HEAD", where)).status_code == 404
    assert code(await session.append(where, 5, b"56789")) == (404, "not_found")
    assert "upload.delete" in await session.actions()


async def test_another_organizations_upload_is_not_there(session: Session, shared: Served) -> None:
    where, stranger = await session.begun(10), await shared.newcomer()
    other = Session(stranger, shared, "wsp_" + "0" * 26, session.id)

    foreign = [await other.ask("DELETE", where), await other.append(where, 0, b"x"), await other.begin(1)]
    missing = [await other.ask("DELETE", NOBODYS), await other.append(NOBODYS, 0, b"x")]

    assert [code(answer) for answer in foreign] == [(404, "not_found")] * 3
    assert [code(answer) for answer in missing] == [(404, "not_found")] * 2
    assert (await other.ask("HEAD", where)).status_code == 404
    assert await session.offset(where) == 0


async def test_who_may_not_write_uploads_nothing(session: Session) -> None:
    where, owner = await session.begun(10), session.client
    for client, status in (
        (owner.with_key(None), 401),
        (await owner.as_(Role.VIEWER), 403),
        (await owner.as_(Role.OWNER, "environments:write"), 403),
    ):
        session.client = client
        answers = [await session.begin(1), await session.append(where, 0, b"x"), await session.ask("DELETE", where)]
        assert {answer.status_code for answer in answers} == {status}
        assert (await session.ask("HEAD", where)).status_code == status


async def test_an_agent_is_judged(session: Session) -> None:
    made = await session.client.data(
        'mutation { enrollAgent(input: {name: "uploader"}) { credential } '
        'createPolicy(input: {name: "no files", rules: [{type: "action_denylist", actions: ["file.upload"]}]}) { id } }'
    )
    session.client = session.client.with_key(made["enrollAgent"]["credential"])
    where = await session.begun(3)

    assert (await session.append(where, 0, b"012")).status_code == 403

    assert not (session.folder / "file").exists()


async def test_a_file_that_is_there_is_replaced_and_a_folder_is_not(session: Session) -> None:
    (session.folder / "run.sh").write_text("old")
    (session.folder / "run.sh").chmod(0o755)
    (session.folder / "folder").mkdir()

    assert (await session.begin(3, "run.sh", b"new", **BYTES)).status_code == 201
    assert code(await session.begin(3, "folder"))[0] == 422
    assert code(await session.begin(3, "run.sh/below"))[0] == 422

    assert (session.folder / "run.sh").read_text() == "new"
    assert (session.folder / "run.sh").stat().st_mode & 0o777 == 0o755


async def test_where_the_server_ended_before_a_file_was_in_place_the_head_puts_it_there(session: Session) -> None:
    where = await session.begun(5)
    session.parts.store.folder.mkdir(exist_ok=True)
    session.parts.store.path(where.rpartition("/")[2]).write_bytes(b"01234")

    assert await session.offset(where) == 5

    assert (session.folder / "file").read_bytes() == b"01234"
    assert "file.upload" in await session.actions()


async def test_more_open_uploads_than_there_may_be_are_refused(session: Session) -> None:
    for _ in range(session.parts.most_open):
        await session.begun(5)

    assert code(await session.begin(5)) == (429, "too_many_uploads")


async def test_an_upload_lives_for_a_day(session: Session) -> None:
    where = await session.begun(5)
    work = session.client.tenant.work()

    found = await work.one(repository.UPLOAD, id=where.rpartition("/")[2])
    assert found is not None
    assert found.expires_at - found.created_at == timedelta(hours=24)
