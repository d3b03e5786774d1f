"""The sealer: a second after an event there are tiles and a checkpoint, whoever else seals, and never two histories."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
import structlog

from app.audit import repository
from app.audit.merkle import root_of
from app.audit.models import AuditCheckpoint, AuditEvent
from app.audit.notes import PublicKey, parse_note, unsigned
from app.audit.proofs import Proofs
from app.audit.sealer import KEPT_WHOLE, Sealer
from app.core.clock import now
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from tests.support.audit_logs import Intruder, grow, seal, sealed_log
from tests.support.signing import SIGNER
from tests.support.tenants import Tenant, found
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


async def _checkpoints(tenant: Tenant) -> list[AuditCheckpoint]:
    return await tenant.work().all(repository.CHECKPOINTS_AFTER, after=0, limit=10_000)


def _root(events: list[AuditEvent]) -> str:
    return root_of([bytes.fromhex(event.leaf) for event in events]).hex()


async def test_a_checkpoint_signs_the_root_of_all_events(organization: Tenant) -> None:
    events = await sealed_log(organization, 1, 2, 255, 256, 257, 700)

    stored = await _checkpoints(organization)

    assert [checkpoint.size for checkpoint in stored] == [1, 2, 255, 256, 257, 700]
    assert [checkpoint.root for checkpoint in stored] == [_root(events[: found.size]) for found in stored]
    signed = parse_note(stored[-1].note)
    assert (signed.checkpoint.origin, signed.checkpoint.size) == (f"soundstage/{organization.id}", 700)
    assert signed.checkpoint.root.hex() == stored[-1].root
    assert unsigned(signed, [PublicKey(jwk) for jwk in SIGNER.jwks]) == []


async def test_a_running_sealer_signs_within_two_seconds(organization: Tenant) -> None:
    sealer = Sealer(organization.database, signer=SIGNER)
    sealer.start()
    try:
        await grow(organization, 3)

        async def sealed() -> bool:
            return [found.size for found in await _checkpoints(organization)] == [3]

        await until(sealed, 2.0)
    finally:
        await sealer.close()


async def test_256_events_are_sealed_before_the_second_is_over(
    organization: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.audit.sealer.SEAL_SECONDS", 60.0)
    sealer = Sealer(organization.database, signer=SIGNER)
    sealer.start()
    try:
        for _ in range(260):
            await grow(organization, 1)

        await until(lambda: _checkpoints(organization), 5.0)
    finally:
        await sealer.close()


async def test_without_a_signer_there_are_tiles_and_later_checkpoints(organization: Tenant) -> None:
    await grow(organization, 300)
    await seal(organization, None)
    assert await _checkpoints(organization) == []
    tiles = await organization.work().all(repository.LEAF_TILES_FROM, number=0, limit=10)
    assert [tile.width for tile in tiles] == [256, 44]

    await Sealer(organization.database, signer=SIGNER).seal()

    assert [checkpoint.size for checkpoint in await _checkpoints(organization)] == [300]


async def test_two_sealers_at_once_make_one_history(organization: Tenant) -> None:
    sealers = [Sealer(organization.database, signer=SIGNER) for _ in range(4)]

    for _ in range(10):
        await grow(organization, 37)
        await asyncio.gather(*(sealer.seal() for sealer in sealers))
    await sealers[0].seal()

    events = await organization.work().all(repository.ALL_EVENTS)
    stored = await _checkpoints(organization)
    assert stored[-1].size == 370
    assert [checkpoint.root for checkpoint in stored] == [_root(events[: found.size]) for found in stored]


async def test_a_changed_history_is_never_signed(organization: Tenant) -> None:
    intruder = Intruder(organization, random.Random(1))
    await sealed_log(organization, 40)
    await intruder.change_tile(20, bytes(32))
    await grow(organization, 5)

    with structlog.testing.capture_logs() as logs:
        await seal(organization)

    assert [checkpoint.size for checkpoint in await _checkpoints(organization)] == [40]
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["audit.history_changed"]


async def test_an_event_that_is_gone_before_sealing_stops_it_loudly(organization: Tenant) -> None:
    intruder = Intruder(organization, random.Random(1))
    await grow(organization, 5)
    events = await organization.work().all(repository.ALL_EVENTS)
    await intruder.delete(events[2])

    with structlog.testing.capture_logs() as logs:
        await seal(organization)

    assert await _checkpoints(organization) == []
    assert "audit.event_missing" in [entry["event"] for entry in logs]


async def test_old_checkpoints_are_thinned_and_proofs_stay(organization: Tenant, clock: Any) -> None:
    events = await sealed_log(organization, *range(10, 600, 10))
    later = Sealer(organization.database, signer=SIGNER, clock=lambda: now() + KEPT_WHOLE + timedelta(minutes=1))

    await later.thin()

    assert [checkpoint.size for checkpoint in await _checkpoints(organization)] == [250, 510, 590]
    proof = await Proofs(organization.work(), organization.id).consistency(20, 590)
    assert proof.old_root.hex() == _root(events[:20])


async def test_young_checkpoints_are_kept(organization: Tenant) -> None:
    await sealed_log(organization, 10, 20, 30)

    await Sealer(organization.database, signer=SIGNER).thin()

    assert [checkpoint.size for checkpoint in await _checkpoints(organization)] == [10, 20, 30]


@pytest.mark.timeout(120)
async def test_200_writers_at_once_leave_no_gap(database: Database) -> None:
    tenants = [await found(database), await found(database)]
    seen: list[int] = []

    async def watch() -> None:
        """Whoever reads meanwhile sees the beginning of the log, never a later event without an earlier one."""
        while True:
            events = await tenants[0].work().all(repository.ALL_EVENTS)
            assert [event.sequence for event in events] == list(range(1, len(events) + 1))
            seen.append(len(events))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    for begin in range(0, 200, 40):
        await asyncio.gather(*(grow(tenants[number % 2], 1 + number % 3) for number in range(begin, begin + 40)))
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)

    counts = []
    for tenant in tenants:
        events = await tenant.work().all(repository.ALL_EVENTS)
        log = await tenant.work().one(repository.LOG)
        assert log is not None
        assert [event.sequence for event in events] == list(range(1, log.size + 1))
        counts.append(len(events))
    assert sum(counts) == 399
    assert watching.cancelled()
    assert len(set(seen)) > 1, "nothing was seen of it while it went on"


async def test_a_change_that_fails_takes_no_number(organization: Tenant) -> None:
    work = organization.work()
    await grow(organization, 1)
    row = (await work.all(repository.ALL_EVENTS))[0]
    double = UnitOfWork(organization.database, organization.id)
    double.write(repository.LENGTHEN, size=1, sealed=0, signed=0)
    double.write(repository.ADD_EVENT, **row.__dict__)

    with pytest.raises(Exception, match="changed or is in a state"):
        await double.commit()
    await grow(organization, 1)

    assert [event.sequence for event in await work.all(repository.ALL_EVENTS)] == [1, 2]
