"""All queries about policies, counters, reservations, approvals and the live decisions."""

from __future__ import annotations

from sqlalchemy import BigInteger, BindParameter, Integer, bindparam, insert, or_, select, update

from app.audit.models import AuditEvent, AuditEventTable
from app.database.statements import (
    adding,
    adding_or_leaving,
    change,
    changing,
    changing_everywhere,
    readable,
    removing_everywhere,
    statement,
    table,
)
from app.database.types import among
from app.identity.models import Organization, OrganizationTable
from app.policies.models import (
    Approval,
    ApprovalTable,
    Counter,
    CounterTable,
    DecisionEvent,
    DecisionEventTable,
    Policy,
    PolicyTable,
    PolicyVersion,
    PolicyVersionTable,
    Reservation,
    ReservationTable,
)

_policies, _versions = table(PolicyTable).c, table(PolicyVersionTable).c
_counters, _reservations = table(CounterTable).c, table(ReservationTable).c
_approvals, _decisions = table(ApprovalTable).c, table(DecisionEventTable).c
_organizations, _events = table(OrganizationTable).c, table(AuditEventTable).c
_organization: BindParameter[str] = bindparam("organization_id")
_limit = bindparam("limit", type_=Integer)

ADD_POLICY = change(adding(PolicyTable))
ADD_VERSION = change(adding(PolicyVersionTable))
POLICY = statement(readable(PolicyTable).where(_policies.id == bindparam("id")), Policy)
POLICIES_BEFORE = statement(
    readable(PolicyTable).where(_policies.id < bindparam("before")).order_by(_policies.id.desc()).limit(_limit), Policy
)
ACTIVE_POLICIES = statement(readable(PolicyTable).where(_policies.status == "active").order_by(_policies.id), Policy)
#: Guarded by the version that was read.
CHANGE_POLICY = change(
    changing(PolicyTable)
    .where(_policies.id == bindparam("id"), _policies.version == bindparam("seen"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "name",
                "description",
                "scope",
                "target",
                "rules",
                "mode",
                "status",
                "version",
                "updated_at",
            )
        }
    )
)
VERSIONS_BEFORE = statement(
    readable(PolicyVersionTable)
    .where(_versions.policy_id == bindparam("policy_id"), _versions.version < bindparam("before"))
    .order_by(_versions.version.desc())
    .limit(_limit),
    PolicyVersion,
)

ORGANIZATION = statement(select(_organizations.id.table).where(_organizations.id == _organization), Organization)
RAISE_REVISION = change(
    update(_organizations.id.table)
    .where(_organizations.id == _organization)
    .values(policy_revision=_organizations.policy_revision + 1)
)
SET_DEFAULT = change(
    update(_organizations.id.table)
    .where(_organizations.id == _organization)
    .values(default_decision=bindparam("default_decision"))
)

COUNTERS = statement(readable(CounterTable).where(among(_counters.key, "keys")), Counter)
ADD_COUNTER = change(adding_or_leaving(CounterTable))
_amount = bindparam("amount", type_=BigInteger)
CHARGE = change(
    changing(CounterTable)
    .where(
        _counters.key == bindparam("key"),
        _counters.used + _amount <= bindparam("most", type_=BigInteger),
        _counters.used < bindparam("most", type_=BigInteger),
    )
    .values(used=_counters.used + _amount)
)
ADJUST = change(changing(CounterTable).where(_counters.key == bindparam("key")).values(used=_counters.used + _amount))
FORGET_COUNTERS = change(removing_everywhere(CounterTable).where(_counters.expires_at < bindparam("moment")))

ADD_RESERVATION = change(adding(ReservationTable))
RESERVATION = statement(readable(ReservationTable).where(_reservations.id == bindparam("id")), Reservation)
SETTLE = change(
    changing(ReservationTable)
    .where(_reservations.id == bindparam("id"), _reservations.settled_at.is_(None))
    .values(settled_at=bindparam("settled_at"))
)
FORGET_RESERVATIONS = change(
    removing_everywhere(ReservationTable).where(_reservations.created_at < bindparam("moment"))
)

ADD_APPROVAL = change(adding(ApprovalTable))
APPROVAL = statement(readable(ApprovalTable).where(_approvals.id == bindparam("id")), Approval)
APPROVALS_BEFORE = statement(
    readable(ApprovalTable).where(_approvals.id < bindparam("before")).order_by(_approvals.id.desc()).limit(_limit),
    Approval,
)
#: The approvals of exactly this call that are still good for something, the approved ones first.
APPROVALS_OF_CALL = statement(
    readable(ApprovalTable)
    .where(
        _approvals.agent_id == bindparam("agent_id"),
        _approvals.arguments_hash == bindparam("arguments_hash"),
        _approvals.action == bindparam("action"),
        _approvals.resource == bindparam("resource"),
        _approvals.expires_at > bindparam("moment"),
        or_(_approvals.status == "approved", _approvals.status == "pending"),
    )
    .order_by(_approvals.status, _approvals.id),
    Approval,
)
#: From one status to the next, before it expires.
DECIDE_APPROVAL = change(
    changing(ApprovalTable)
    .where(
        _approvals.id == bindparam("id"),
        _approvals.status == bindparam("seen"),
        _approvals.expires_at > bindparam("moment"),
    )
    .values(status=bindparam("status"), decided_by=bindparam("decided_by"), decided_at=bindparam("decided_at"))
)
EXPIRE_APPROVALS = change(
    changing_everywhere(ApprovalTable)
    .where(
        or_(_approvals.status == "approved", _approvals.status == "pending"),
        _approvals.expires_at <= bindparam("moment"),
    )
    .values(status="expired")
)

NEXT_POSITION = change(
    update(_organizations.id.table)
    .where(_organizations.id == _organization)
    .values(decision_position=_organizations.decision_position + 1)
)
_position = select(_organizations.decision_position).where(_organizations.id == _organization).scalar_subquery()
ADD_DECISION = change(
    insert(table(DecisionEventTable))
    .values(
        {column.name: bindparam(column.name) for column in _decisions if column.name != "position"}
        | {"position": _position}
    )
    .inline()
)
DECISIONS_AFTER = statement(
    readable(DecisionEventTable)
    .where(_decisions.position > bindparam("after"))
    .order_by(_decisions.position)
    .limit(_limit),
    DecisionEvent,
)
FORGET_DECISIONS = change(removing_everywhere(DecisionEventTable).where(_decisions.at < bindparam("moment")))

#: The newest events of agents in a span of time.
EVENTS_BETWEEN = statement(
    readable(AuditEventTable)
    .where(_events.agent_id != "", _events.created_at >= bindparam("begin"), _events.created_at < bindparam("end"))
    .order_by(_events.id.desc())
    .limit(_limit),
    AuditEvent,
)
