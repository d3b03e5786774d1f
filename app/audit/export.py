"""The log as NDJSON: a header, the events, the leaf tiles, the checkpoints, and an end that tells how many of each.

```
{"header":{"format":1,"origin":"soundstage/org_…","size":1042,"keys":[…]}}
{"event":{"sequence":1,"leaf":"…",…}}
{"tile":{"number":0,"hashes":"<base64>"}}
{"checkpoint":{"size":1042,"note":"…"}}
{"end":{"events":1042,"tiles":5,"checkpoints":17}}
```
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from app.audit import repository
from app.audit.canonical import event_document
from app.audit.models import AuditEvent, AuditPersonal
from app.audit.notes import origin_of
from app.audit.offline import EXPORT_FORMAT
from app.audit.signing import Signer
from app.audit.tiles import HASH, WIDTH
from app.database.unit_of_work import UnitOfWork

_BATCH = 500
_TILES = 16


def exported_event(event: AuditEvent, personal: AuditPersonal | None = None) -> dict[str, Any]:
    """An event as an export has it."""
    document = {"sequence": event.sequence, "leaf": event.leaf, **event_document(event.__dict__)}
    if personal is not None:
        document["personal"] = {"salt": personal.salt, "data": personal.data}
    return document


async def event_batches(work: UnitOfWork, size: int, *, personal: bool) -> AsyncIterator[list[dict[str, Any]]]:
    """The first `size` events, oldest first."""
    after = -size - 1  # whatever stands before number 1 does not belong there
    while after < size:
        events = await work.all(repository.EVENTS_AFTER, after=after, limit=_BATCH)
        events = [event for event in events if event.sequence <= size]
        if not events:
            return
        kept: Mapping[str, AuditPersonal] = {}
        if personal and (ids := [event.id for event in events if event.personal_hash]):
            kept = {found.event_id: found for found in await work.all(repository.PERSONAL_OF_EVENTS, ids=ids)}
        yield [exported_event(event, kept.get(event.id)) for event in events]
        after = events[-1].sequence


async def tile_batches(work: UnitOfWork, size: int) -> AsyncIterator[tuple[int, bytes]]:
    """The leaf tiles of the first `size` events, as (number, hashes)."""
    number = 0
    while number * WIDTH < size:
        tiles = await work.all(repository.LEAF_TILES_FROM, number=number, limit=_TILES)
        for tile in tiles:
            if tile.number * WIDTH < size:
                yield tile.number, bytes(tile.hashes[: (size - tile.number * WIDTH) * HASH])
        if not tiles:
            return
        number = tiles[-1].number + 1


async def checkpoints(work: UnitOfWork, size: int) -> AsyncIterator[tuple[int, str]]:
    """The signed checkpoints up to `size`, as (size, note)."""
    after = 0
    while True:
        found = await work.all(repository.CHECKPOINTS_AFTER, after=after, limit=_BATCH)
        for checkpoint in found:
            if checkpoint.size > size:
                return
            yield checkpoint.size, checkpoint.note
        if not found:
            return
        after = found[-1].size


async def export(
    work: UnitOfWork, organization_id: str, signer: Signer | None, *, personal: bool = False
) -> AsyncIterator[bytes]:
    """The log as it is now, in pieces of some hundred lines; `personal`: with the personal data that is still kept."""
    log = await work.one(repository.LOG)
    size = log.size if log is not None else 0
    keys = [dict(jwk) for jwk in await signer.public_keys()] if signer is not None else []
    header = {"format": EXPORT_FORMAT, "origin": origin_of(organization_id), "size": size, "keys": keys}
    yield _line("header", header)
    counts = {"events": 0, "tiles": 0, "checkpoints": 0}
    async for events in event_batches(work, size, personal=personal):
        yield b"".join(_line("event", event) for event in events)
        counts["events"] += len(events)
    covered = max(size, log.sealed, log.signed) if log is not None else 0
    async for number, hashes in tile_batches(work, covered):
        yield _line("tile", {"number": number, "hashes": base64.b64encode(hashes).decode()})
        counts["tiles"] += 1
    async for at, note in checkpoints(work, covered):
        yield _line("checkpoint", {"size": at, "note": note})
        counts["checkpoints"] += 1
    yield _line("end", counts)


def _line(kind: str, value: Any) -> bytes:
    return orjson.dumps({kind: value}, option=orjson.OPT_APPEND_NEWLINE)
