"""All queries about an organization as a whole: its counts, its settings, and the evidence of its compliance."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select

from app.agents.models import AgentStatus, AgentTable
from app.audit.models import AuditEventTable, AuditResult
from app.database.statements import adding, change, changing, readable, removing, statement, table
from app.database.types import Moment, among
from app.environments.models import EnvironmentStatus, EnvironmentTable
from app.identity.models import ApiKeyTable, MembershipTable, OrganizationTable
from app.organization.models import DriftPolicy, DriftPolicyTable, EnabledModel, EnabledModelTable, Overview
from app.policies.models import ApprovalStatus, ApprovalTable, PolicyMode, PolicyStatus, PolicyTable
from app.sign_in.models import UserSecretsTable

_organizations, _events = table(OrganizationTable).c, table(AuditEventTable).c
_agents, _environments = table(AgentTable).c, table(EnvironmentTable).c
_members, _secrets, _keys = table(MembershipTable).c, table(UserSecretsTable).c, table(ApiKeyTable).c
_policies, _approvals = table(PolicyTable).c, table(ApprovalTable).c
_drift, _models = table(DriftPolicyTable).c, table(EnabledModelTable).c
_COUNT = func.count()

OVERVIEW = statement(
    select(
        _organizations.id,
        _organizations.name,
        _organizations.plan,
        _organizations.requests_per_minute,
        _organizations.agents_enabled,
        _organizations.created_at,
        _organizations.version,
        readable(MembershipTable).with_only_columns(_COUNT).scalar_subquery().label("members"),
        readable(AgentTable)
        .with_only_columns(_COUNT)
        .where(_agents.status != AgentStatus.RETIRED)
        .scalar_subquery()
        .label("agents"),
        readable(EnvironmentTable)
        .with_only_columns(_COUNT)
        .where(_environments.status != EnvironmentStatus.TERMINATED)
        .scalar_subquery()
        .label("environments"),
    ).where(_organizations.id == bindparam("organization_id")),
    Overview,
)

DRIFT_POLICY = statement(readable(DriftPolicyTable), DriftPolicy)
ADD_DRIFT_POLICY = change(adding(DriftPolicyTable))
CHANGE_DRIFT_POLICY = change(
    changing(DriftPolicyTable)
    .where(_drift.version == bindparam("old_version"))
    .values(
        action=bindparam("new_action"),
        severity_threshold=bindparam("new_severity_threshold"),
        schedule=bindparam("new_schedule"),
        exemptions=bindparam("new_exemptions"),
        auto_remediate=bindparam("new_auto_remediate"),
        updated_at=bindparam("new_updated_at"),
        version=_drift.version + 1,
    )
)

MODELS = statement(readable(EnabledModelTable).order_by(_models.position), EnabledModel)
REMOVE_MODELS = change(removing(EnabledModelTable))
ADD_MODEL = change(adding(EnabledModelTable))

# Evidence of compliance.
ACTIVE_AGENTS = statement(
    readable(AgentTable)
    .with_only_columns(_agents.id, _agents.attributes)
    .where(_agents.status == AgentStatus.ACTIVE)
    .order_by(_agents.id),
    dict[str, Any],
)
ENFORCING = statement(
    readable(PolicyTable)
    .with_only_columns(_policies.scope, _policies.target)
    .where(_policies.status == PolicyStatus.ACTIVE, _policies.mode == PolicyMode.ENFORCE),
    dict[str, Any],
)
_DENIED = _events.result == AuditResult.DENIED
DENIALS = statement(
    readable(AuditEventTable)
    .with_only_columns(
        func.count().filter(_DENIED, _events.agent_id != "").label("denials"),
        func.count()
        .filter(_DENIED, (_events.action == "session.create") | (_events.action == "session.refresh"))
        .label("denied_sign_ins"),
    )
    .where(
        _events.created_at >= bindparam("since", type_=Moment()),
        _events.created_at < bindparam("until", type_=Moment()),
    ),
    dict[str, int],
)
PENDING_APPROVALS = statement(
    readable(ApprovalTable)
    .with_only_columns(_COUNT.label("count"))
    .where(_approvals.status == ApprovalStatus.PENDING, _approvals.expires_at > bindparam("now", type_=Moment())),
    dict[str, int],
)
SECOND_FACTORS = statement(
    readable(MembershipTable)
    .with_only_columns(
        func.count(_members.id).label("members"), func.count().filter(_secrets.totp_confirmed).label("protected")
    )
    .select_from(_members.id.table.join(_secrets.user_id.table, _secrets.user_id == _members.user_id, isouter=True)),
    dict[str, int],
)
PROTECTED_MEMBERS = statement(
    readable(MembershipTable)
    .with_only_columns(_members.user_id)
    .join(_secrets.user_id.table, _secrets.user_id == _members.user_id)
    .where(_secrets.totp_confirmed, among(_members.user_id, "ids")),
    dict[str, str],
)
ENDLESS_KEYS = statement(
    readable(ApiKeyTable)
    .with_only_columns(_COUNT.label("count"))
    .where(_keys.revoked_at.is_(None), _keys.expires_at.is_(None)),
    dict[str, int],
)
