"""The bytes of attachments: files in the data directory, each under the hash of its content."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from app.assistant import repository
from app.assistant.errors import AttachmentLost
from app.core.ids import new_id
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork

#: A file that no row names is kept this long: its row may be about to be committed.
UNNAMED_SECONDS = 3_600.0
_BATCH = 500


class Files:
    """Keeps bytes by their SHA-256; the same bytes are kept once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def put(self, content: bytes) -> str:
        """Keeps bytes durably: their hash."""
        return await asyncio.to_thread(self._put, content)

    async def get(self, sha256: str) -> bytes:
        """The bytes again; raises `AttachmentLost`."""
        try:
            return await asyncio.to_thread(self._path(sha256).read_bytes)
        except FileNotFoundError as error:
            raise AttachmentLost() from error

    async def sweep(self, database: Database) -> int:
        """Removes the files that no attachment names any more: how many."""
        old = await asyncio.to_thread(self._older_than, time.time() - UNNAMED_SECONDS)
        removed = 0
        for begin in range(0, len(old), _BATCH):
            hashes = [path.name for path in old[begin : begin + _BATCH]]
            rows = await UnitOfWork(database, None).all(repository.CONTENTS, hashes=hashes)
            named = {row["sha256"] for row in rows}
            for path in old[begin : begin + _BATCH]:
                if path.name not in named:
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256

    def _put(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        if path.exists():
            os.utime(path)
            return sha256
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(new_id("new"))
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        return sha256

    def _older_than(self, moment: float) -> list[Path]:
        found = []
        for path in self.folder.glob("*/*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < moment:
                    found.append(path)
        return found
