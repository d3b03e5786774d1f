"""The audit log: what an event costs where it is recorded, sealing, proofs, and verifying 10,000 events."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.audit import repository
from app.audit.canonical import event_leaf
from app.audit.checking import check
from app.audit.export import export
from app.audit.offline import verify_export
from app.audit.proofs import Proofs
from app.audit.sealer import Sealer
from app.audit.service import record
from app.core.actor import Actor, Role
from app.core.ids import new_id
from app.database.migrate import migrate_sqlite
from app.database.sqlite import SqliteDatabase
from app.database.unit_of_work import UnitOfWork
from app.identity import repository as identity
from app.identity.service import found_organization
from tests.support.signing import SIGNER

ROUNDS, WRITERS, EVENTS = 5, 16, 10_000


def measure() -> list[str]:
    """The rows of the table."""
    return asyncio.run(_measure())


async def _measure() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "soundstage.db"
        await migrate_sqlite(path)
        database = await SqliteDatabase(path).open()
        try:
            return await _all(database)
        finally:
            await database.close()


async def _all(database: SqliteDatabase) -> list[str]:
    work = UnitOfWork(database, None)
    founded = found_organization(work, name="Bench", email="bench@example.com")
    await work.commit()
    actor = Actor(founded.organization.id, founded.user.id, Role.OWNER)
    rows = [_row("an event's leaf (canonical JSON, SHA-256)", await _leaf(database, actor), "µs")]
    rows.append(_row("recording an event, before the commit", await _recording(database, actor), "µs"))
    without = await _writing(database, actor, audited=False)
    rows.append(_row("a durable change, 16 at once, without its event", without, "µs"))
    rows.append(_row("the same with its event", await _writing(database, actor, audited=True), "µs"))
    rows += await _reading(database, actor)
    return rows


async def _reading(database: SqliteDatabase, actor: Actor) -> list[str]:
    work, sealer = UnitOfWork(database, actor.organization_id), Sealer(database, signer=SIGNER)
    await sealer.seal()
    for _ in range(EVENTS // 250):
        for _ in range(250):
            _record(work, actor)
        await work.commit()
        await sealer.seal()
    log = await work.one(repository.LOG)
    assert log is not None
    [event] = await work.all(repository.EVENTS_AFTER, after=log.size // 2, limit=1)
    lines = b"".join([piece async for piece in export(work, actor.organization_id, SIGNER)]).splitlines()

    async def seal() -> None:
        _record(work, actor)
        await work.commit()
        await sealer.seal()

    async def prove() -> None:
        await Proofs(work, actor.organization_id).inclusion(event.id)

    async def stored() -> None:
        assert (await check(work, actor.organization_id, SIGNER)).valid

    async def offline() -> None:
        assert verify_export(lines, keys=SIGNER.jwks).valid

    return [
        _row("sealing: a durable event, its tiles, a checkpoint with both signatures", await _timed(seal, 20), "ms"),
        _row(f"an inclusion proof among {log.size:,}", await _timed(prove, 20), "ms"),
        _row(f"verifying an export of {log.size:,}", await _timed(offline, 1), "ms"),
        _row(f"verifying the database with {log.size:,}", await _timed(stored, 1), "ms"),
    ]


async def _leaf(database: SqliteDatabase, actor: Actor) -> float:
    work = UnitOfWork(database, None)
    values = dict(_record(work, actor).__dict__)
    work.discard()

    async def leaf() -> None:
        event_leaf(values)

    return await _timed(leaf, 20_000) * 1e3


async def _recording(database: SqliteDatabase, actor: Actor) -> float:
    work = UnitOfWork(database, None)

    async def one() -> None:
        _record(work, actor)

    took = await _timed(one, 5_000)
    work.discard()
    return took * 1e3


async def _writing(database: SqliteDatabase, actor: Actor, *, audited: bool) -> float:
    """A small change: a user, with the event or without."""

    async def writer() -> None:
        for _ in range(100):
            work = UnitOfWork(database, None)
            name = new_id("usr")
            work.write(identity.ADD_USER, id=name, email=name, name=name, operator=False, created_at=founded)
            if audited:
                _record(work, actor)
            await work.commit()

    founded = (await UnitOfWork(database, None).all(identity.FIRST_ORGANIZATION))[0].created_at

    async def all_writers() -> None:
        await asyncio.gather(*(writer() for _ in range(WRITERS)))

    return await _timed(all_writers, 1) * 1e3 / (100 * WRITERS)


def _record(work: UnitOfWork, actor: Actor):  # type: ignore[no-untyped-def]
    return record(
        work,
        actor,
        action="environment.create",
        resource="env_01k9zzzzzzzzzzzzzzzzzzzzzz",
        request_id="req_01k9zzzzzzzzzzzzzzzzzzzzzz",
        details={"name": "shop", "services": 3},
    )


async def _timed(work: Callable[[], Awaitable[None]], count: int) -> float:
    """The median over rounds of the milliseconds of one piece of work."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(count):
            await work()
        times.append((time.perf_counter() - began) / count * 1e3)
    return statistics.median(times)


def _row(what: str, value: float, unit: str) -> str:
    return f"| {what} | {value:.1f} {unit} |"
