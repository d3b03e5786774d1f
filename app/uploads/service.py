"""The verbs of uploads: begun, continued, put in place, ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta

from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.ids import is_id, new_id
from app.core.paging import NEWEST, Page
from app.database.unit_of_work import UnitOfWork
from app.files.tree import Tree
from app.git.paths import check_path
from app.uploads import repository
from app.uploads.errors import TooManyUploads, UploadGone, UploadNotFound, UploadTooLarge, WrongOffset
from app.uploads.models import Upload
from app.uploads.store import Store
from app.workspaces.service import WorkspaceParts
from app.workspaces.sessions import Sessions

#: How long an upload may take, and how long a finished one can be asked for.
LIFE = timedelta(hours=24)


@dataclass(frozen=True)
class UploadParts:
    """What the verbs need besides the unit of work."""

    workspaces: WorkspaceParts
    store: Store
    #: Bytes of one upload.
    limit: int
    #: Unfinished uploads of one organization.
    most_open: int = 100
    clock: Clock = now


@dataclass(frozen=True, slots=True)
class Begin:
    """What an upload begins with."""

    session_id: str
    path: str
    length: int
    filename: str = ""
    filetype: str = ""
    sent_metadata: str = ""


class Uploads:
    """An actor's uploads."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: UploadParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts
        self.sessions = Sessions(work, actor, parts.workspaces)

    async def find(self, upload_id: str) -> Upload | None:
        """One upload, or None where none is visible or it has expired."""
        with contextlib.suppress(UploadNotFound, UploadGone):
            return await self.get(upload_id)
        return None

    async def get(self, upload_id: str) -> Upload:
        """One upload; raises `UploadNotFound`, `UploadGone`."""
        if not is_id(upload_id, "upl"):
            raise UploadNotFound()
        found = await self.work.one(repository.UPLOAD, id=upload_id)
        if found is None:
            raise UploadNotFound()
        if found.expires_at <= self.parts.clock():
            raise UploadGone()
        return found

    async def page(self, session_id: str, limit: int, before: str | None) -> Page[Upload]:
        """The uploads into a session, from the newest on; raises `SessionNotFound`."""
        await self.sessions.get(session_id)
        asked = {"session_id": session_id, "before": before or NEWEST, "now": self.parts.clock(), "limit": limit + 1}
        found = await self.work.all(repository.PAGE_BEFORE, **asked)
        return Page(found[:limit], len(found) > limit)

    async def offset(self, upload: Upload) -> int:
        """How much of it is there, durably."""
        if upload.finished_at is not None:
            return upload.length
        return min(await self.parts.store.size(upload.id), upload.length)

    @contextlib.contextmanager
    def held(self, upload_id: str) -> Iterator[None]:
        """Nobody else writes to it meanwhile; raises `UploadLocked`."""
        with self.parts.store.held(upload_id):
            yield

    async def begin(self, given: Begin) -> Upload:
        """A new upload. Raises what is wrong with the place it is for, `UploadTooLarge`, `TooManyUploads`."""
        if given.length > self.parts.limit:
            raise UploadTooLarge(f"An upload has at most {self.parts.limit:,} bytes.", limit=self.parts.limit)
        copy = await self.sessions.working_copy(given.session_id)
        await asyncio.to_thread(Tree(copy.folder).check_place, given.path)
        moment = self.parts.clock()
        [counted] = await self.work.all(repository.OPEN_COUNT, now=moment)
        if counted["count"] >= self.parts.most_open:
            raise TooManyUploads()
        upload = Upload(
            id=new_id("upl"),
            organization_id=self.actor.organization_id,
            session_id=given.session_id,
            path=check_path(given.path),
            length=given.length,
            filename=given.filename,
            filetype=given.filetype,
            sent_metadata=given.sent_metadata,
            created_by=self.actor.user_id or self.actor.agent_id,
            created_at=moment,
            expires_at=moment + LIFE,
        )
        self.work.write(repository.ADD, **upload.__dict__)
        return upload

    async def append(
        self, upload: Upload, offset: int, pieces: AsyncIterator[bytes], checksum: tuple[str, bytes] | None = None
    ) -> int:
        """Adds bytes, within `held`: the new offset. Raises `WrongOffset`, `ChecksumMismatch`, `UploadTooLarge`."""
        there = await self.offset(upload)
        if offset != there:
            raise WrongOffset(f"The upload is at {there}, not at {offset}.", offset=there)
        most = upload.length - there
        if not most:
            async for piece in pieces:
                if piece:
                    raise UploadTooLarge("The upload is complete: nothing can be added.")
            return there
        return await self.parts.store.append(upload.id, there, most, pieces, checksum)

    async def finish(self, upload: Upload) -> Upload:
        """Puts a complete file in place, within `held`; its bytes go only when that is committed.

        Again after a crash, it does the same again.
        """
        copy = await self.sessions.working_copy(upload.session_id)
        async with self.parts.workspaces.folders.turns.of(copy.session.id):
            await self.parts.store.place(upload.id, upload.length, Tree(copy.folder), upload.path)
        moment = self.parts.clock()
        self.work.write(repository.FINISH, id=upload.id, finished_at=moment, expect=1, otherwise=UploadNotFound())
        return upload.changed(finished_at=moment, version=upload.version + 1)

    async def forget(self, upload_id: str) -> None:
        """Takes the bytes away of an upload that is in place or deleted."""
        await self.parts.store.remove(upload_id)

    async def delete(self, upload_id: str) -> Upload:
        """Takes an upload away, within `held`. A file that is in place already stays there."""
        upload = await self.get(upload_id)
        self.work.write(repository.REMOVE, id=upload_id, expect=1, otherwise=UploadNotFound())
        return upload
