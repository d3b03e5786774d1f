"""All queries about the installation as a whole."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, cast, func, select

from app.administration.models import Sample, SampleTable
from app.agents.models import AgentStatus, AgentTable
from app.audit.models import AuditEventTable, AuditLogTable, AuditResult
from app.database.size import database_bytes
from app.database.statements import (
    adding_or_leaving,
    change,
    everywhere,
    removing_everywhere,
    statement,
    table,
)
from app.database.types import Moment, among
from app.environments.models import EnvironmentStatus, EnvironmentTable
from app.identity.models import Organization, OrganizationTable, UserTable

_organizations, _users, _agents = table(OrganizationTable).c, table(UserTable).c, table(AgentTable).c
_environments, _samples = table(EnvironmentTable).c, table(SampleTable).c
_logs, _events = table(AuditLogTable).c, table(AuditEventTable).c
_SINCE, _UNTIL = bindparam("since", type_=Moment()), bindparam("until", type_=Moment())
_COUNT = func.count()

TOTALS = statement(
    select(
        everywhere(OrganizationTable)
        .with_only_columns(func.count(_organizations.id))
        .scalar_subquery()
        .label("organizations"),
        everywhere(UserTable).with_only_columns(func.count(_users.id)).scalar_subquery().label("users"),
        everywhere(AgentTable)
        .with_only_columns(_COUNT)
        .where(_agents.status != AgentStatus.RETIRED)
        .scalar_subquery()
        .label("agents"),
        everywhere(AuditLogTable)
        .with_only_columns(cast(func.coalesce(func.sum(_logs.size), 0), BigInteger))
        .scalar_subquery()
        .label("audit_events"),
        database_bytes().label("database_bytes"),
    ),
    dict[str, int],
)
ENVIRONMENTS = statement(
    everywhere(EnvironmentTable)
    .with_only_columns(_environments.status, _COUNT.label("count"))
    .group_by(_environments.status)
    .order_by(_environments.status),
    dict[str, Any],
)
#: By organization, so that its index by time is used.
DECISIONS = statement(
    everywhere(OrganizationTable)
    .with_only_columns(func.count(_events.id).label("count"))
    .select_from(_organizations.id.table.join(_events.id.table, _events.organization_id == _organizations.id))
    .where(_events.policy_set_hash != "", _events.created_at >= _SINCE, _events.created_at < _UNTIL),
    dict[str, int],
)

ADD_SAMPLE = change(adding_or_leaving(SampleTable))
SAMPLES = statement(
    everywhere(SampleTable).where(_samples.at >= _SINCE, _samples.at < _UNTIL).order_by(_samples.at), Sample
)
FORGET_SAMPLES = change(removing_everywhere(SampleTable).where(_samples.at < bindparam("before", type_=Moment())))

ORGANIZATION = statement(everywhere(OrganizationTable).where(_organizations.id == bindparam("id")), Organization)
ORGANIZATIONS_BEFORE = statement(
    everywhere(OrganizationTable)
    .where(_organizations.id < bindparam("before"))
    .order_by(_organizations.id.desc())
    .limit(bindparam("limit", type_=Integer)),
    Organization,
)
FAILING = statement(
    everywhere(EnvironmentTable)
    .with_only_columns(
        _environments.organization_id,
        func.count().filter(_environments.status != EnvironmentStatus.TERMINATED).label("environments"),
        func.count()
        .filter(
            (_environments.status == EnvironmentStatus.FAILED) | (_environments.status == EnvironmentStatus.DEGRADED)
        )
        .label("failing"),
    )
    .where(among(_environments.organization_id, "ids"))
    .group_by(_environments.organization_id),
    dict[str, Any],
)
RECENT = statement(
    everywhere(AuditEventTable)
    .with_only_columns(
        _events.organization_id,
        func.count().filter(_events.policy_set_hash != "").label("decisions"),
        func.count().filter(_events.agent_id != "", _events.result == AuditResult.DENIED).label("denials"),
    )
    .where(among(_events.organization_id, "ids"), _events.created_at >= _SINCE)
    .group_by(_events.organization_id),
    dict[str, Any],
)
LOGS = statement(
    everywhere(AuditLogTable)
    .with_only_columns(
        _logs.organization_id,
        (_logs.size - _logs.signed).label("unsigned"),
        _events.created_at.label("last_activity"),
    )
    .join(
        _events.id.table,
        (_events.organization_id == _logs.organization_id) & (_events.sequence == _logs.size),
        isouter=True,
    )
    .where(among(_logs.organization_id, "ids")),
    dict[str, Any],
)
