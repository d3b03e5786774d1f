"""Exports: whole or refused, verified fast, without a database."""

from __future__ import annotations

import time

import orjson
import pytest

from app.audit import repository
from app.audit.findings import FindingKind
from app.audit.offline import ExportInvalid, verify_export
from tests.support.audit_logs import exported, grow, seal, sealed_log
from tests.support.signing import SIGNER
from tests.support.tenants import Tenant

pytestmark = pytest.mark.anyio


async def test_10000_events_are_verified_within_a_second(organization: Tenant) -> None:
    for _ in range(40):
        await grow(organization, 250)
        await seal(organization)
    lines = await exported(organization)

    best = min(_seconds(lines) for _ in range(3))

    print(f"{best:.3f} s")
    assert best < 1.0


def _seconds(lines: list[bytes]) -> float:
    began = time.perf_counter()
    report = verify_export(lines, keys=SIGNER.jwks)
    assert (report.findings, report.events, report.signed_size, report.checkpoints) == ([], 10_000, 10_000, 40)
    return time.perf_counter() - began


async def test_an_export_that_was_cut_off_is_refused(organization: Tenant) -> None:
    await sealed_log(organization, 10)
    lines = await exported(organization)

    for end in (0, 1, 5, len(lines) - 1):
        with pytest.raises(ExportInvalid):
            verify_export(lines[:end], keys=SIGNER.jwks)


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"{}", b"nonsense", b'{"event":{}}', b'{"tile":{"number":0,"hashes":"?"}}']
)
async def test_a_line_that_is_none_is_refused(organization: Tenant, line: bytes) -> None:
    await sealed_log(organization, 3)
    lines = await exported(organization)

    with pytest.raises(ExportInvalid):
        verify_export([*lines[:2], line, *lines[2:]], keys=SIGNER.jwks)


async def test_a_line_taken_from_an_export_is_missed(organization: Tenant) -> None:
    await sealed_log(organization, 5)
    lines = await exported(organization)

    report = verify_export([*lines[:3], *lines[4:]], keys=SIGNER.jwks)

    assert [(finding.kind, finding.sequence) for finding in report.findings] == [(FindingKind.MISSING, 3)]


async def test_an_event_of_another_log_is_found(organization: Tenant) -> None:
    await sealed_log(organization, 5)
    lines = await exported(organization)
    foreign = orjson.loads(lines[3])
    foreign["event"]["organization_id"] = "org_other"

    report = verify_export([*lines[:3], orjson.dumps(foreign), *lines[4:]], keys=SIGNER.jwks)

    assert FindingKind.INSERTED in {finding.kind for finding in report.findings}


async def test_the_exports_own_keys_prove_less_and_it_says_so(organization: Tenant) -> None:
    await sealed_log(organization, 5)

    report = verify_export(await exported(organization))

    assert report.valid
    assert "The keys are the export's own" in report.warnings[0]


async def test_a_saved_checkpoint_of_another_log_is_no_proof(organization: Tenant) -> None:
    await sealed_log(organization, 5)
    saved = await organization.work().one(repository.NEWEST_CHECKPOINT)
    assert saved is not None
    foreign = saved.note.replace(organization.id, "org_other")

    report = verify_export(await exported(organization), keys=SIGNER.jwks, since=foreign)

    assert [finding.kind for finding in report.findings] == [FindingKind.CHECKPOINT]


async def test_unsealed_events_are_verified_by_their_stored_leaves(organization: Tenant) -> None:
    await sealed_log(organization, 5)
    await grow(organization, 2)

    report = verify_export(await exported(organization), keys=SIGNER.jwks)

    assert (report.findings, report.events, report.signed_size) == ([], 7, 5)
