"""Uploads expire, and what is left of them is swept."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.files import tree
from app.uploads.errors import UploadGone, UploadLocked
from app.uploads.jobs import sweep
from app.uploads.models import Upload
from app.uploads.service import Begin, UploadParts, Uploads
from app.uploads.store import GRACE, Store
from tests.support.clock import MockClock
from tests.support.working import Working

pytestmark = pytest.mark.anyio


@pytest.fixture
def parts(working: Working, tmp_path: Path, clock: MockClock) -> UploadParts:
    return UploadParts(working.parts, Store(tmp_path / "uploads"), 1_000, clock=clock)


def uploads(working: Working, parts: UploadParts) -> Uploads:
    return Uploads(working.tenant.work(), working.tenant.actor, parts)


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def begun(working: Working, parts: UploadParts, length: int = 10) -> Upload:
    own = uploads(working, parts)
    made = await own.begin(Begin(working.id, "folder/file", length))
    await own.work.commit()
    await own.append(made, 0, pieces(b"012", b"34"))
    return made


async def test_after_a_day_an_upload_is_gone_with_its_bytes(
    working: Working, parts: UploadParts, clock: MockClock
) -> None:
    made = await begun(working, parts)
    clock.forward(24 * 3600 - 1)
    assert await sweep(working.tenant.database, parts) == 0
    assert await uploads(working, parts).offset(made) == 5

    clock.forward(1)
    with pytest.raises(UploadGone):
        await uploads(working, parts).get(made.id)
    assert await uploads(working, parts).find(made.id) is None
    assert await sweep(working.tenant.database, parts) == 1

    assert list(parts.store.folder.iterdir()) == []
    assert (await uploads(working, parts).page(working.id, 10, None)).items == []


async def test_what_is_written_to_is_not_swept(working: Working, parts: UploadParts, clock: MockClock) -> None:
    made = await begun(working, parts)
    clock.forward(24 * 3600)

    with parts.store.held(made.id):
        assert await sweep(working.tenant.database, parts) == 0
        with pytest.raises(UploadLocked), parts.store.held(made.id):
            raise AssertionError("two at once")

    assert await sweep(working.tenant.database, parts) == 1


async def test_old_files_that_no_upload_has_are_swept(working: Working, parts: UploadParts) -> None:
    made = await begun(working, parts)
    long_ago = time.time() - GRACE - 1
    for name in ("upl_" + "0" * 26, "upl_" + "1" * 26 + ".unchecked", "upl_" + "2" * 26):
        (parts.store.folder / name).write_bytes(b"x")
    for path in parts.store.folder.iterdir():
        if not path.name.startswith("upl_2222"):
            os.utime(path, (long_ago, long_ago))

    assert await sweep(working.tenant.database, parts) == 2

    assert {path.name for path in parts.store.folder.iterdir()} == {made.id, "upl_" + "2" * 26}


@pytest.mark.parametrize("linked", [True, False])
async def test_a_file_is_put_in_place_again_after_a_crash(
    working: Working, parts: UploadParts, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    """Within one file system and across."""
    if not linked:

        def elsewhere(*_: object, **__: object) -> None:
            raise OSError(tree._NO_LINKS[0], "Invalid cross-device link")

        monkeypatch.setattr(tree.os, "link", elsewhere)
    made = await begun(working, parts, 5)

    await uploads(working, parts).finish(made)  # and no commit
    own = uploads(working, parts)
    await own.finish(made)
    await own.work.commit()
    await own.forget(made.id)

    assert (working.folder / "folder/file").read_bytes() == b"01234"
    assert [each.name for each in (working.folder / "folder").iterdir()] == ["file"]
    found = await own.get(made.id)
    assert found.finished_at is not None
    assert await own.offset(found) == 5
