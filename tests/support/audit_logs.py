"""Audit logs for tests: grown, sealed, exported, and tampered with by somebody who has the database."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text, update

from app.audit import repository
from app.audit.canonical import event_leaf
from app.audit.export import export
from app.audit.models import AuditEvent, AuditEventTable, AuditTileTable
from app.audit.sealer import Sealer
from app.audit.service import record
from app.audit.signing import Signer
from app.audit.tiles import HASH, WIDTH
from app.core.ids import new_id
from app.database.statements import change, table
from app.database.unit_of_work import UnitOfWork
from tests.support.signing import SIGNER
from tests.support.tenants import Tenant

ACTIONS = ("environment.create", "environment.delete", "api_key.create", "agent.call")


async def grow(tenant: Tenant, count: int, **what: Any) -> None:
    """Records events, some with much to tell."""
    work = tenant.work()
    for number in range(count):
        record(
            work,
            tenant.actor,
            action=ACTIONS[number % len(ACTIONS)],
            resource=new_id("env"),
            request_id=new_id("req"),
            reasons=[{"policyId": "pol_1", "version": number, "code": "allowed"}] if number % 3 == 0 else [],
            details={"name": f"shop {number}", "grün": number / 7} if number % 5 == 0 else {},
            personal={"ip": f"203.0.113.{number % 256}"} if number % 4 == 0 else None,
            **what,
        )
    await work.commit()


async def seal(tenant: Tenant, signer: Signer | None = SIGNER) -> None:
    """Seals and signs what is there."""
    log = await tenant.work().one(repository.LOG)
    assert log is not None
    await Sealer(tenant.database, signer=signer).seal_log(log)


async def sealed_log(tenant: Tenant, *sizes: int) -> list[AuditEvent]:
    """A log that has a checkpoint at each of these sizes."""
    there = len(await tenant.work().all(repository.ALL_EVENTS))
    for size in sizes:
        await grow(tenant, size - there)
        await seal(tenant)
        there = size
    return await tenant.work().all(repository.ALL_EVENTS)


async def exported(tenant: Tenant, *, personal: bool = True, signer: Signer | None = SIGNER) -> list[bytes]:
    """The lines of an export."""
    pieces = [piece async for piece in export(tenant.work(), tenant.id, signer, personal=personal)]
    return b"".join(pieces).splitlines()


@dataclass
class Intruder:
    """Somebody who writes to the database, past the product."""

    tenant: Tenant
    chance: random.Random

    async def run(self, *statements: Any, **parameters: Any) -> None:
        """Writes, in one transaction."""
        work = UnitOfWork(self.tenant.database, None)
        for statement in statements:
            core = text(statement) if isinstance(statement, str) else statement
            work.write(change(core), organization_id=self.tenant.id, **parameters)
        await work.commit()

    async def change_event(
        self, event: AuditEvent, *, with_leaf: bool = False, with_tile: bool = False, **values: Any
    ) -> None:
        """Changes fields of an event; its stored leaf too, and the tile's hash, if wanted."""
        made = event.changed(**values)
        new = event_leaf(made.__dict__)
        if with_leaf:
            values["leaf"] = new.hex()
        rows = table(AuditEventTable)
        await self.run(update(rows).where(rows.c.id == event.id).values(**values))
        if with_tile:
            await self.change_tile(event.sequence, new)

    async def change_tile(self, sequence: int, leaf: bytes) -> None:
        """Puts another leaf hash into its tile."""
        number, at = divmod(sequence - 1, WIDTH)
        found = await self.tenant.work().one(repository.TILE, level=0, number=number)
        assert found is not None
        hashes = found.hashes[: at * HASH] + leaf + found.hashes[(at + 1) * HASH :]
        rows = table(AuditTileTable).c
        await self.run(
            update(table(AuditTileTable))
            .where(rows.organization_id == self.tenant.id, rows.level == 0, rows.number == number)
            .values(hashes=hashes)
        )

    async def move(self, first: int, by: int) -> None:
        """Gives every event from `first` on a sequence that is `by` larger, and the log the length that fits."""
        await self.run(
            f"UPDATE audit_events SET sequence = -(sequence + {by}) "
            f"WHERE organization_id = '{self.tenant.id}' AND sequence >= {first}",
            f"UPDATE audit_events SET sequence = -sequence WHERE organization_id = '{self.tenant.id}' AND sequence < 0",
            f"UPDATE audit_logs SET size = size + {by} WHERE organization_id = '{self.tenant.id}'",
        )

    async def delete(self, event: AuditEvent) -> None:
        await self.run(f"DELETE FROM audit_events WHERE id = '{event.id}'")

    async def insert(self, like: AuditEvent, sequence: int) -> AuditEvent:
        """An event that was never recorded, complete with its leaf."""
        made = like.changed(id=new_id("evt"), resource="forged", sequence=sequence, personal_hash="")
        made = made.changed(leaf=event_leaf(made.__dict__).hex())
        await self.run(table(AuditEventTable).insert().values(**made.__dict__))
        return made

    async def swap(self, one: AuditEvent, other: AuditEvent) -> None:
        """Gives two events each other's sequence."""
        await self.run(
            f"UPDATE audit_events SET sequence = -1 WHERE id = '{one.id}'",
            f"UPDATE audit_events SET sequence = {one.sequence} WHERE id = '{other.id}'",
            f"UPDATE audit_events SET sequence = {other.sequence} WHERE id = '{one.id}'",
        )


Attack = Callable[[Intruder, list[AuditEvent]], Any]
