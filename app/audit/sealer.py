"""Keeps the tree up with the log, in the background: new leaves into tiles, then a signed checkpoint.

A second after an event at the latest, or after 256 events. Of several sealers on one database, one extends a log and
the others notice.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog

from app.audit import repository
from app.audit.models import AuditCheckpoint, AuditLog
from app.audit.notes import Checkpoint, NoteInvalid, origin_of, parse_note, signed_note, unsigned, usable
from app.audit.service import NEWS
from app.audit.signing import Signer
from app.audit.tiles import HEIGHT, WIDTH, edge, extended
from app.audit.tree import StoredTree
from app.core.clock import Clock, now
from app.core.errors import Conflict, SoundstageError
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

SEAL_SECONDS = 1.0
#: Leaves that one transaction takes in at most.
LARGEST_BATCH = 16 * WIDTH
#: Younger checkpoints are all kept; of older ones the last of each 256 events.
KEPT_WHOLE = timedelta(hours=1)
THIN_SECONDS = 3600.0


class Sealer:
    """`start`, then it runs until `close`. Without a signer it makes tiles, but no checkpoints."""

    def __init__(self, database: Database, *, signer: Signer | None, clock: Clock = now) -> None:
        self.database, self.signer, self.clock = database, signer, clock
        self._task: asyncio.Task[None] | None = None
        self._thinned = 0.0

    def start(self) -> None:
        """Begins to look for unsealed events."""
        self._task = asyncio.create_task(self._run(), name="audit sealer")

    async def close(self) -> None:
        """Ends; what is not sealed yet is sealed by the next one."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self.seal()
                if loop.time() - self._thinned > THIN_SECONDS:
                    self._thinned = loop.time()
                    await self.thin()
            except SoundstageError as error:
                log.warning("audit.not_sealed", error=error.message)
            except Exception:
                log.exception("audit.not_sealed")
            await self._wait()

    async def _wait(self) -> None:
        """Until 256 events were committed here; a second at most."""
        news, count = self.database.news, 0
        with suppress(TimeoutError):
            async with asyncio.timeout(SEAL_SECONDS):
                while count < WIDTH:
                    waiter = news.waiter(NEWS)
                    try:
                        await waiter
                    finally:
                        news.forget(NEWS, waiter)
                    count += 1

    async def seal(self) -> None:
        """Seals every log that has grown."""
        for found in await UnitOfWork(self.database, None).all(repository.LOGS_DUE):
            if found.sealed < found.size or self.signer is not None:
                await self.seal_log(found)

    async def seal_log(self, found: AuditLog) -> None:
        """Extends one log's tiles to its size, and signs the result. Another sealer's doing the same is no error."""
        try:
            while found.sealed < found.size:
                extended_log = await self._extend(found)
                if extended_log is None:
                    return
                found = extended_log
            if self.signer is not None and found.signed < found.sealed:
                await self._sign(found, self.signer)
        except Conflict:
            log.debug("audit.sealed_elsewhere", organization_id=found.organization_id)

    async def _extend(self, found: AuditLog) -> AuditLog | None:
        """Takes the next leaves in; None where an event is missing, which only somebody with the database can cause."""
        work = UnitOfWork(self.database, found.organization_id)
        rows = await work.all(repository.LEAVES_AFTER, after=found.sealed, limit=LARGEST_BATCH)
        rows = [row for row in rows if row["sequence"] <= found.size]
        expected = range(found.sealed + 1, found.sealed + 1 + len(rows))
        if not rows or [row["sequence"] for row in rows] != list(expected):
            log.error("audit.event_missing", organization_id=found.organization_id, after=found.sealed)
            return None
        tails = await StoredTree(work, found.organization_id).tail(edge(found.sealed))
        if any(tile.width != (found.sealed >> HEIGHT * tile.level) % WIDTH for tile in tails):
            log.error("audit.tile_changed", organization_id=found.organization_id, size=found.sealed)
            return None
        for tile in extended(found.sealed, tails, [bytes.fromhex(row["leaf"]) for row in rows]):
            work.write(repository.PUT_TILE, level=tile.level, number=tile.number, width=tile.width, hashes=tile.hashes)
        longer = found.changed(sealed=found.sealed + len(rows))
        self._move(work, found, longer)
        await work.commit()
        return longer

    async def _sign(self, found: AuditLog, signer: Signer) -> None:
        work = UnitOfWork(self.database, found.organization_id)
        tree = StoredTree(work, found.organization_id)
        if not await self._continues(work, tree, found, signer):
            log.error("audit.history_changed", organization_id=found.organization_id, size=found.signed)
            return
        root = await tree.root(found.sealed)
        checkpoint = Checkpoint(origin_of(found.organization_id), found.sealed, root)
        signatures = await signer.sign(checkpoint.text().encode())
        stored = AuditCheckpoint(
            organization_id=found.organization_id,
            size=found.sealed,
            root=root.hex(),
            note=signed_note(checkpoint, signatures, await signer.public_keys()),
            created_at=self.clock(),
        )
        work.write(repository.ADD_CHECKPOINT, **stored.__dict__)
        self._move(work, found, found.changed(signed=found.sealed))
        await work.commit()

    async def _continues(self, work: UnitOfWork, tree: StoredTree, found: AuditLog, signer: Signer) -> bool:
        """Whether the tree still begins as the newest checkpoint signed it: a second history is never signed."""
        newest = await work.one(repository.NEWEST_CHECKPOINT)
        if newest is None:
            return found.signed == 0
        try:
            signed = parse_note(newest.note)
        except NoteInvalid:
            return False
        keys = list(usable(await signer.public_keys()))
        if signed.checkpoint.size != found.signed or unsigned(signed, keys):
            return False
        return await tree.root(found.signed) == signed.checkpoint.root

    def _move(self, work: UnitOfWork, before: AuditLog, after: AuditLog) -> None:
        work.write(
            repository.SEALED,
            expect=1,
            was_sealed=before.sealed,
            was_signed=before.signed,
            sealed=after.sealed,
            signed=after.signed,
        )

    async def thin(self) -> None:
        """Removes old checkpoints but the last of each 256 events."""
        work = UnitOfWork(self.database, None)
        work.write(repository.THIN_CHECKPOINTS, before=self.clock() - KEPT_WHOLE)
        await work.commit()
