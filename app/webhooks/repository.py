"""All queries about webhooks."""

from __future__ import annotations

from sqlalchemy import BindParameter, Integer, bindparam, not_, null, select

from app.database.statements import (
    adding,
    change,
    changing,
    changing_everywhere,
    counted,
    everywhere,
    readable,
    removing,
    removing_everywhere,
    statement,
    table,
)
from app.database.types import Moment, among
from app.webhooks.models import (
    Count,
    Delivery,
    DeliveryStatus,
    DeliveryTable,
    Direction,
    Incoming,
    IncomingTable,
    Integration,
    IntegrationStatus,
    IntegrationTable,
)

_integrations, _deliveries = table(IntegrationTable).c, table(DeliveryTable).c
_incoming = table(IncomingTable).c
_LIMIT = bindparam("limit", type_=Integer)
_NOW = bindparam("now", type_=Moment())
_ID: BindParameter[str] = bindparam("id")

# Integrations.
ADD = change(adding(IntegrationTable))
INTEGRATION = statement(readable(IntegrationTable).where(_integrations.id == _ID), Integration)
INTEGRATIONS_BEFORE = statement(
    readable(IntegrationTable)
    .where(_integrations.id < bindparam("before"))
    .order_by(_integrations.id.desc())
    .limit(_LIMIT),
    Integration,
)
#: Guarded by the version that was read.
CHANGE = change(
    changing(IntegrationTable)
    .where(_integrations.id == _ID, _integrations.version == bindparam("seen"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "name",
                "url",
                "events",
                "status",
                "reason",
                "dead_in_row",
                "secret",
                "previous_secret",
                "previous_expires_at",
                "updated_at",
                "version",
            )
        }
    )
)
COUNT = statement(counted(readable(IntegrationTable)), Count)
REMOVE = change(removing(IntegrationTable).where(_integrations.id == _ID))
REMOVE_DELIVERIES = change(removing(DeliveryTable).where(_deliveries.integration_id == bindparam("integration_id")))
REMOVE_INCOMING = change(removing(IncomingTable).where(_incoming.integration_id == bindparam("integration_id")))

# Deliveries.
ADD_DELIVERY = change(adding(DeliveryTable))
DELIVERY = statement(readable(DeliveryTable).where(_deliveries.id == _ID), Delivery)
DELIVERIES_BEFORE = statement(
    readable(DeliveryTable)
    .where(_deliveries.integration_id == bindparam("integration_id"), _deliveries.id < bindparam("before"))
    .order_by(_deliveries.id.desc())
    .limit(_LIMIT),
    Delivery,
)
DELIVERIES_OF_STATUS_BEFORE = statement(
    readable(DeliveryTable)
    .where(
        _deliveries.integration_id == bindparam("integration_id"),
        _deliveries.status == bindparam("status"),
        _deliveries.id < bindparam("before"),
    )
    .order_by(_deliveries.id.desc())
    .limit(_LIMIT),
    Delivery,
)
AGAIN = change(
    changing(DeliveryTable)
    .where(_deliveries.id == _ID, _deliveries.status != DeliveryStatus.PENDING)
    .values(status=DeliveryStatus.PENDING, attempts=0, next_at=_NOW, delivered_at=null(), error="")
)

# What came in.
ADD_INCOMING = change(adding(IncomingTable))
INCOMING_ONCE = statement(
    everywhere(IncomingTable).where(
        _incoming.integration_id == bindparam("integration_id"), _incoming.fingerprint == bindparam("fingerprint")
    ),
    Incoming,
)
INCOMING_BEFORE = statement(
    readable(IncomingTable)
    .where(_incoming.integration_id == bindparam("integration_id"), _incoming.id < bindparam("before"))
    .order_by(_incoming.id.desc())
    .limit(_LIMIT),
    Incoming,
)

# The system's own work, in every organization.
SYSTEM_INTEGRATION = statement(everywhere(IntegrationTable).where(_integrations.id == _ID), Integration)
TAKERS = statement(
    readable(IntegrationTable).where(
        _integrations.direction == Direction.OUTGOING, _integrations.status == IntegrationStatus.ENABLED
    ),
    Integration,
)
#: Due, and not at addresses that have enough to do.
DUE = statement(
    select(_deliveries.id.table)
    .join(_integrations.id.table, _integrations.id == _deliveries.integration_id)
    .where(
        _deliveries.next_at <= _NOW,
        _deliveries.status == DeliveryStatus.PENDING,
        _deliveries.lease_until.is_(None) | (_deliveries.lease_until < _NOW),
        _integrations.status == IntegrationStatus.ENABLED,
        not_(among(_deliveries.integration_id, "busy")),
    )
    .order_by(_deliveries.next_at, _deliveries.id)
    .limit(_LIMIT),
    Delivery,
)
TAKE_LEASE = change(
    changing_everywhere(DeliveryTable)
    .where(
        _deliveries.id == _ID,
        _deliveries.lease_epoch == bindparam("epoch"),
        _deliveries.status == DeliveryStatus.PENDING,
    )
    .values(lease_owner=bindparam("owner"), lease_epoch=_deliveries.lease_epoch + 1, lease_until=bindparam("until"))
)
#: Those that the last life of a server held.
FREE_LEASES = change(
    changing_everywhere(DeliveryTable)
    .where(_deliveries.lease_owner == bindparam("owner"), _deliveries.status == DeliveryStatus.PENDING)
    .values(lease_until=null())
)
ATTEMPTED = change(
    changing_everywhere(DeliveryTable)
    .where(_deliveries.id == _ID, _deliveries.lease_epoch == bindparam("epoch"))
    .values(
        status=bindparam("status"),
        attempts=bindparam("attempts"),
        next_at=bindparam("next_at"),
        response_status=bindparam("response_status"),
        response_body=bindparam("response_body"),
        error=bindparam("error"),
        attempted_at=bindparam("attempted_at"),
        delivered_at=bindparam("delivered_at"),
        lease_until=null(),
    )
)
ARRIVED = change(
    changing_everywhere(IntegrationTable)
    .where(_integrations.id == _ID, _integrations.dead_in_row != 0)
    .values(dead_in_row=0)
)
DIED = change(
    changing_everywhere(IntegrationTable)
    .where(_integrations.id == _ID)
    .values(dead_in_row=_integrations.dead_in_row + 1)
)
BREAK = change(
    changing_everywhere(IntegrationTable)
    .where(
        _integrations.id == _ID,
        _integrations.status == IntegrationStatus.ENABLED,
        _integrations.dead_in_row >= bindparam("most", type_=Integer),
    )
    .values(
        status=IntegrationStatus.BROKEN,
        reason=bindparam("reason"),
        version=_integrations.version + 1,
        updated_at=_NOW,
    )
)
FORGET_DELIVERIES = change(removing_everywhere(DeliveryTable).where(_deliveries.created_at < bindparam("before")))
FORGET_INCOMING = change(removing_everywhere(IncomingTable).where(_incoming.received_at < bindparam("before")))
