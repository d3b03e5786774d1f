"""Whoever changes the log in the database is found out, and the event is named: on the server and offline."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from app.audit import repository
from app.audit.checking import check
from app.audit.findings import FindingKind, Report
from app.audit.models import AuditEvent, AuditResult
from app.audit.offline import verify_export
from app.database.changes import Database
from tests.support.audit_logs import Intruder, exported, grow, seal, sealed_log
from tests.support.signing import SIGNER, KeyPair
from tests.support.tenants import Tenant, found

pytestmark = pytest.mark.anyio

#: Every field of an event, with another value for it.
FIELDS: dict[str, Any] = {
    "user_id": "usr_other",
    "agent_id": "agt_other",
    "credential_id": "key_other",
    "action": "environment.read",
    "resource": "env_other",
    "result": AuditResult.DENIED,
    "reasons": [{"policyId": "pol_other"}],
    "policy_set_hash": "0" * 64,
    "arguments_hash": "0" * 64,
    "approval_id": "apr_other",
    "request_id": "req_other",
    "details": {"name": "other"},
    "personal_hash": "0" * 64,
    "created_at": timedelta(microseconds=1),
    "leaf": "0" * 64,
}


def _value(event: AuditEvent, field: str) -> Any:
    value = FIELDS[field]
    return event.created_at + value if field == "created_at" else value


async def _reports(tenant: Tenant, since: str | None = None) -> list[Report]:
    """The server's own verification, and one of an export that knows the keys."""
    on_server = await check(tenant.work(), tenant.id, SIGNER, since=since)
    return [on_server, verify_export(await exported(tenant), keys=SIGNER.jwks, since=since)]


def _named(report: Report, event: AuditEvent, *kinds: FindingKind) -> bool:
    """Whether a finding of one of these kinds is about this event."""
    return any(
        finding.kind in kinds and finding.sequence <= event.sequence <= finding.last_sequence
        for finding in report.findings
    )


@pytest.fixture
async def intruder(organization: Tenant) -> Intruder:
    return Intruder(organization, random.Random(20_260_415))


async def test_an_untouched_log_is_valid(organization: Tenant) -> None:
    await sealed_log(organization, 100, 256, 300)

    for report in await _reports(organization):
        assert report.findings == []
        assert (report.events, report.signed_size, report.checkpoints) == (300, 300, 3)


@pytest.mark.parametrize("field", FIELDS)
async def test_a_changed_field_is_found(intruder: Intruder, field: str) -> None:
    events = await sealed_log(intruder.tenant, 40, 60)
    event = intruder.chance.choice(events)

    await intruder.change_event(event, **{field: _value(event, field)})

    for report in await _reports(intruder.tenant):
        [finding] = report.findings
        assert (finding.kind, finding.event_id) == (FindingKind.ALTERED, event.id)


@pytest.mark.parametrize("field", sorted(set(FIELDS) - {"leaf"}))
async def test_a_changed_field_is_found_when_its_leaf_was_changed_with_it(intruder: Intruder, field: str) -> None:
    events = await sealed_log(intruder.tenant, 40, 60)
    event = intruder.chance.choice(events)

    await intruder.change_event(event, with_leaf=True, **{field: _value(event, field)})

    for report in await _reports(intruder.tenant):
        [finding] = report.findings
        assert (finding.kind, finding.event_id) == (FindingKind.ALTERED, event.id)


async def test_a_change_of_everything_up_to_the_tiles_is_narrowed_to_a_checkpoint(intruder: Intruder) -> None:
    events = await sealed_log(intruder.tenant, 40, 50, 60)
    event = events[44]

    await intruder.change_event(event, with_leaf=True, with_tile=True, action="environment.read")

    for report in await _reports(intruder.tenant):
        [finding] = report.findings
        assert (finding.kind, finding.sequence, finding.last_sequence) == (FindingKind.INTERVAL, 41, 50)


async def test_a_changed_tile_does_not_accuse_an_event(intruder: Intruder) -> None:
    events = await sealed_log(intruder.tenant, 40, 50, 60)

    await intruder.change_tile(events[44].sequence, bytes(32))

    for report in await _reports(intruder.tenant):
        [finding] = report.findings
        assert (finding.kind, finding.sequence, finding.last_sequence) == (FindingKind.TILE, 41, 50)


async def test_a_deleted_event_is_named_by_its_number(intruder: Intruder) -> None:
    events = await sealed_log(intruder.tenant, 40, 60)
    event = intruder.chance.choice(events)

    await intruder.delete(event)

    for report in await _reports(intruder.tenant):
        [finding] = report.findings
        assert (finding.kind, finding.sequence) == (FindingKind.MISSING, event.sequence)


async def test_a_deleted_event_is_found_when_the_gap_was_closed(intruder: Intruder) -> None:
    events = await sealed_log(intruder.tenant, 40, 60)

    await intruder.delete(events[19])
    await intruder.move(21, -1)

    for report in await _reports(intruder.tenant):
        assert _named(report, events[19], FindingKind.MISSING)
        [moved] = [finding for finding in report.findings if finding.kind is FindingKind.MOVED]
        assert (moved.sequence, moved.last_sequence, moved.event_id) == (20, 59, events[20].id)


async def test_an_inserted_event_is_named(intruder: Intruder) -> None:
    events = await sealed_log(intruder.tenant, 40, 60)

    await intruder.move(20, 1)
    forged = await intruder.insert(events[0], 20)

    for report in await _reports(intruder.tenant):
        [inserted] = [finding for finding in report.findings if finding.kind is FindingKind.INSERTED]
        [moved] = [finding for finding in report.findings if finding.kind is FindingKind.MOVED]
        assert (inserted.event_id, inserted.sequence) == (forged.id, 20)
        assert (moved.sequence, moved.last_sequence) == (21, 61)


async def test_an_event_that_takes_the_place_of_another_is_named(intruder: Intruder) -> None:
    events = await sealed_log(intruder.tenant, 40, 60)

    await intruder.delete(events[29])
    forged = await intruder.insert(events[0], 30)

    for report in await _reports(intruder.tenant):
        [finding] = report.findings
        assert (finding.kind, finding.event_id, finding.sequence) == (FindingKind.ALTERED, forged.id, 30)


async def test_events_that_changed_places_are_both_named(intruder: Intruder) -> None:
    events = await sealed_log(intruder.tenant, 40, 60)

    await intruder.swap(events[9], events[49])

    for report in await _reports(intruder.tenant):
        assert [(finding.kind, finding.event_id) for finding in report.findings] == [
            (FindingKind.MOVED, events[49].id),
            (FindingKind.MOVED, events[9].id),
        ]


async def test_an_event_behind_the_end_is_named(intruder: Intruder) -> None:
    events = await sealed_log(intruder.tenant, 40)

    forged = await intruder.insert(events[0], 45)

    report = await check(intruder.tenant.work(), intruder.tenant.id, SIGNER)
    assert [(finding.kind, finding.event_id) for finding in report.findings] == [(FindingKind.INSERTED, forged.id)]


async def test_a_change_before_sealing_is_found_by_the_stored_leaf(intruder: Intruder) -> None:
    await sealed_log(intruder.tenant, 40)
    await grow(intruder.tenant, 10)
    event = (await intruder.tenant.work().all(repository.ALL_EVENTS))[44]

    await intruder.change_event(event, resource="env_other")

    for report in await _reports(intruder.tenant):
        assert [(finding.kind, finding.event_id) for finding in report.findings] == [(FindingKind.ALTERED, event.id)]


async def test_a_log_that_was_cut_contradicts_a_saved_checkpoint(intruder: Intruder) -> None:
    await sealed_log(intruder.tenant, 40, 60)
    saved = await intruder.tenant.work().one(repository.NEWEST_CHECKPOINT)
    assert saved is not None
    of = f"organization_id = '{intruder.tenant.id}'"

    await intruder.run(
        f"DELETE FROM audit_events WHERE {of} AND sequence > 40",
        f"DELETE FROM audit_checkpoints WHERE {of} AND size > 40",
        f"DELETE FROM audit_tiles WHERE {of}",
        f"UPDATE audit_logs SET size = 40, sealed = 0, signed = 40 WHERE {of}",
    )
    await seal(intruder.tenant)

    for report in await _reports(intruder.tenant):
        assert report.valid, "nothing in the database tells of it any more"
    for report in await _reports(intruder.tenant, saved.note):
        missing = [finding for finding in report.findings if finding.kind is FindingKind.MISSING]
        assert (missing[0].sequence, missing[0].last_sequence) == (41, 60)


async def test_a_history_that_was_signed_anew_contradicts_a_saved_checkpoint(intruder: Intruder) -> None:
    """Whoever has the database and the signing keys can forge all but what others keep."""
    events = await sealed_log(intruder.tenant, 40, 60)
    saved = await intruder.tenant.work().one(repository.NEWEST_CHECKPOINT)
    assert saved is not None
    of = f"organization_id = '{intruder.tenant.id}'"

    await intruder.change_event(events[19], with_leaf=True, action="environment.read")
    await intruder.run(
        f"DELETE FROM audit_checkpoints WHERE {of}",
        f"DELETE FROM audit_tiles WHERE {of}",
        f"UPDATE audit_logs SET sealed = 0, signed = 0 WHERE {of}",
    )
    await seal(intruder.tenant)

    for report in await _reports(intruder.tenant):
        assert report.valid, "nothing in the database tells of it any more"
    for report in await _reports(intruder.tenant, saved.note):
        assert _named(report, events[19], FindingKind.INTERVAL)


async def test_a_checkpoint_of_other_keys_counts_for_nothing(organization: Tenant) -> None:
    await sealed_log(organization, 10)
    stranger = KeyPair("stranger")

    report = verify_export(await exported(organization), keys=stranger.jwks)

    assert [finding.kind for finding in report.findings] == [FindingKind.CHECKPOINT]
    assert report.signed_size == 0


async def test_one_of_two_signatures_is_not_enough(organization: Tenant) -> None:
    await sealed_log(organization, 10)

    report = verify_export(await exported(organization), keys=SIGNER.jwks[:1])

    [finding] = report.findings
    assert finding.kind is FindingKind.CHECKPOINT
    assert "ML-DSA-65" in finding.message
    assert "ES256" not in finding.message


async def test_a_changed_note_is_found(intruder: Intruder) -> None:
    await sealed_log(intruder.tenant, 10)
    await intruder.run(
        f"UPDATE audit_checkpoints SET note = replace(note, '10', '11') WHERE organization_id = '{intruder.tenant.id}'"
    )

    for report in await _reports(intruder.tenant):
        assert FindingKind.CHECKPOINT in {finding.kind for finding in report.findings}


async def test_a_removed_checkpoint_is_missed(intruder: Intruder) -> None:
    await sealed_log(intruder.tenant, 10, 20)
    await intruder.run(f"DELETE FROM audit_checkpoints WHERE organization_id = '{intruder.tenant.id}' AND size = 20")

    report = await check(intruder.tenant.work(), intruder.tenant.id, SIGNER)

    assert [finding.kind for finding in report.findings] == [FindingKind.CHECKPOINT]


async def test_changed_personal_data_is_found(intruder: Intruder) -> None:
    events = await sealed_log(intruder.tenant, 10)
    event = next(event for event in events if event.personal_hash)
    await intruder.run(f"UPDATE audit_personal SET data = '{{\"ip\": \"198.51.100.1\"}}' WHERE event_id = '{event.id}'")

    for report in await _reports(intruder.tenant):
        [finding] = report.findings
        assert (finding.kind, finding.event_id) == (FindingKind.PERSONAL, event.id)


@pytest.mark.timeout(300)
async def test_20_of_20_random_attacks_are_found(database: Database) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    missed = []

    for number in range(20):
        tenant = await found(database)
        intruder = Intruder(tenant, random.Random(seed + number))
        events = await sealed_log(tenant, 10, 30, 80)
        event = intruder.chance.choice(events[1:-1])
        kinds = await _attack(intruder, number % 10, event, events)
        for report in await _reports(tenant):
            if not _named(report, event, *kinds):
                missed.append((number, event.sequence, report.findings))

    assert missed == []


async def _attack(
    intruder: Intruder, kind: int, event: AuditEvent, events: list[AuditEvent]
) -> tuple[FindingKind, ...]:
    """One of ten attacks upon an event; the kinds of finding that name it."""
    field = intruder.chance.choice(sorted(set(FIELDS) - {"leaf"}))
    changed = {field: _value(event, field)}
    other = intruder.chance.choice([found for found in events if found is not event])
    if kind in (0, 1, 2):
        await intruder.change_event(event, **changed)
    elif kind in (3, 4):
        await intruder.change_event(event, with_leaf=True, **changed)
    elif kind == 5:
        await intruder.change_event(event, with_leaf=True, with_tile=True, **changed)
        return (FindingKind.INTERVAL,)
    elif kind == 6:
        await intruder.delete(event)
        return (FindingKind.MISSING,)
    elif kind == 7:
        await intruder.delete(event)
        await intruder.move(event.sequence + 1, -1)
        return (FindingKind.MISSING,)
    elif kind == 8:
        await intruder.move(event.sequence, 1)
        await intruder.insert(event, event.sequence)
        return (FindingKind.INSERTED,)
    else:
        await intruder.swap(event, other)
        return (FindingKind.MOVED,)
    return (FindingKind.ALTERED,)
