"""The bytes of uploads: files in the data directory that only grow, until they are put in place.

What a request brings with a checksum is kept beside the file until it is known to be right: a crash in between leaves
no byte in the file that nobody has checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from app.core.errors import StorageUnavailable
from app.core.ids import is_id
from app.files.tree import Tree
from app.uploads.errors import ChecksumMismatch, UploadLocked, UploadTooLarge, WrongOffset

#: The checksums that a client may send, by their names in the protocol.
ALGORITHMS = ("sha1", "sha256", "md5")
#: Seconds that a file without a row is kept: its row may be about to be committed.
GRACE = 3600.0
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CHUNK = 1024 * 1024
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
T = TypeVar("T")


class Store:
    """The files of one data directory. One process serves it, so who writes is known here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: set[str] = set()

    @contextlib.contextmanager
    def held(self, upload_id: str) -> Iterator[None]:
        """While the block runs nobody else writes to this upload; raises `UploadLocked`."""
        if upload_id in self._held:
            raise UploadLocked()
        self._held.add(upload_id)
        try:
            yield
        finally:
            self._held.discard(upload_id)

    def is_held(self, upload_id: str) -> bool:
        """Whether somebody writes to it."""
        return upload_id in self._held

    def path(self, upload_id: str) -> Path:
        """Where its bytes are."""
        assert is_id(upload_id, "upl")
        return self.folder / upload_id

    async def size(self, upload_id: str) -> int:
        """The bytes that are there, whatever happens."""
        return await _blocking(_durable_size, self.path(upload_id))

    async def append(
        self, upload_id: str, offset: int, most: int, pieces: AsyncIterator[bytes], checksum: tuple[str, bytes] | None
    ) -> int:
        """Adds bytes at the end, durably: the new size. What broke off stays, but without a checksum only.

        Raises `ChecksumMismatch`, `UploadTooLarge` beyond `most`: then nothing of it stays.
        """
        path = self.path(upload_id)
        if checksum is None:
            return await self._write(path, offset, most, pieces)
        beside = path.with_name(f"{upload_id}.unchecked")
        try:
            await self._write(beside, 0, most, pieces, fresh=True)
            await _blocking(_check, beside, *checksum)
            return await _blocking(_append, beside, path)
        finally:
            beside.unlink(missing_ok=True)

    async def place(self, upload_id: str, length: int, tree: Tree, to: str) -> None:
        """Puts a complete file in place; its bytes here stay. Raises what is wrong with the place, `WrongOffset`."""
        path = self.path(upload_id)
        if not length:
            os.close(await _blocking(_open, path, False))
        there = await self.size(upload_id)
        if there < length:
            raise WrongOffset(f"The upload is at {there} of {length}.", offset=there)
        await _blocking(tree.place, to, path)

    async def remove(self, upload_id: str) -> None:
        """Takes its bytes away."""
        for path in (self.path(upload_id), self.folder / f"{upload_id}.unchecked"):
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def left_over(self, open_ids: set[str]) -> list[str]:
        """Uploads with files that no open upload has, and that are not new."""
        found = set()
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            upload_id = path.name.partition(".")[0]
            with contextlib.suppress(FileNotFoundError):
                old = time.time() - path.stat().st_mtime > GRACE
                if old and is_id(upload_id, "upl") and upload_id not in open_ids | self._held:
                    found.add(upload_id)
        return sorted(found)

    async def _write(
        self, path: Path, offset: int, most: int, pieces: AsyncIterator[bytes], *, fresh: bool = False
    ) -> int:
        handle = await _blocking(_open, path, fresh)
        size = offset
        try:
            async for piece in pieces:
                if size + len(piece) - offset > most:
                    await _blocking(os.ftruncate, handle, offset)
                    raise UploadTooLarge()
                await _blocking(_write_all, handle, piece, size)
                size += len(piece)
        finally:
            try:
                await _blocking(os.fsync, handle)
            finally:
                os.close(handle)
        return size


async def _blocking(act: Callable[..., T], *arguments: Any) -> T:
    """In a thread, to its end even when the request is cancelled: no byte is written behind anybody's back."""
    task = asyncio.ensure_future(asyncio.to_thread(act, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise StorageUnavailable("The disk is full: what is there is kept. Go on from the offset later.") from error
        raise


def _open(path: Path, fresh: bool) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_new = not path.exists()
    handle = os.open(path, _FLAGS | (os.O_TRUNC if fresh else 0), 0o600)
    if is_new:
        _sync_folder(path.parent)
    return handle


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _durable_size(path: Path) -> int:
    """After a crash of the server there may be bytes that the system has not written out yet."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        os.fsync(handle)
        return os.fstat(handle).st_size
    finally:
        os.close(handle)


def _write_all(handle: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, offset)
        view, offset = view[written:], offset + written


def _check(path: Path, algorithm: str, expected: bytes) -> None:
    with path.open("rb") as file:
        # A checksum of the wire, and no protection against anybody: md5 and sha1 are good enough.
        made = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    if made.digest() != expected:
        raise ChecksumMismatch()


def _append(source: Path, target: Path) -> int:
    handle = _open(target, fresh=False)
    try:
        size = os.fstat(handle).st_size
        with source.open("rb") as file:
            while piece := file.read(_CHUNK):
                _write_all(handle, piece, size)
                size += len(piece)
        os.fsync(handle)
        return size
    finally:
        os.close(handle)
