"""All queries about agents."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, or_, select, update

from app.agents.models import Agent, AgentTable, Presented
from app.database.statements import adding, change, changing, readable, statement, table
from app.identity.models import OrganizationTable

_agents, _organizations = table(AgentTable).c, table(OrganizationTable).c

_PRESENTED = select(
    _agents.id.table,
    _organizations.plan,
    _organizations.requests_per_minute,
    _organizations.agents_enabled,
    _organizations.default_decision,
    _organizations.policy_revision,
).join(_organizations.id.table, _organizations.id == _agents.organization_id)

#: What a credential opens; before authentication there is no organization to start from.
BY_HASH = statement(
    _PRESENTED.where(or_(_agents.hash == bindparam("hash"), _agents.previous_hash == bindparam("hash"))), Presented
)
GOVERNED = statement(
    _PRESENTED.where(_agents.organization_id == bindparam("organization_id"), _agents.id == bindparam("id")), Presented
)
ADD = change(adding(AgentTable))
AGENT = statement(readable(AgentTable).where(_agents.id == bindparam("id")), Agent)
PAGE_BEFORE = statement(
    readable(AgentTable)
    .where(_agents.id < bindparam("before"))
    .order_by(_agents.id.desc())
    .limit(bindparam("limit", type_=Integer)),
    Agent,
)
#: Guarded by the version that was read.
CHANGE = change(
    changing(AgentTable)
    .where(_agents.id == bindparam("id"), _agents.version == bindparam("seen"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "name",
                "description",
                "attributes",
                "scopes",
                "status",
                "hash",
                "prefix",
                "previous_hash",
                "previous_expires_at",
                "version",
            )
        }
    )
)
ACTIVE = change(changing(AgentTable).where(_agents.id == bindparam("id")).values(last_active_at=bindparam("moment")))
SWITCH = change(
    update(_organizations.id.table)
    .where(_organizations.id == bindparam("organization_id"))
    .values(agents_enabled=bindparam("agents_enabled"))
)
