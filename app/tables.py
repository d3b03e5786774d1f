"""Imports every table, for migrations and for the checks that count tables."""

from __future__ import annotations

from sqlalchemy import Index, text
from sqlmodel import SQLModel

from app.administration import models as administration
from app.agents import models as agents
from app.assistant import models as assistant
from app.audit import models as audit
from app.automations import models as automations
from app.billing import models as billing
from app.database.statements import table
from app.environments import models as environments
from app.federation import models as federation
from app.idempotency import models as idempotency
from app.identity import models as identity
from app.integrations import models as integrations
from app.limits import models as limits
from app.members import models as members
from app.organization import models as organization
from app.outbox import models as outbox
from app.policies import models as policies
from app.pull_requests import models as pull_requests
from app.services import models as services
from app.sign_in import models as sign_in
from app.skills import models as skills
from app.sso import models as sso
from app.tasks import models as tasks
from app.terminals import models as terminals
from app.tokens import models as tokens
from app.uploads import models as uploads
from app.webhooks import models as webhooks
from app.workspaces import models as workspaces

MODELS = (
    administration,
    agents,
    assistant,
    audit,
    automations,
    billing,
    environments,
    federation,
    idempotency,
    identity,
    integrations,
    limits,
    members,
    organization,
    outbox,
    policies,
    pull_requests,
    services,
    sign_in,
    skills,
    sso,
    terminals,
    tasks,
    tokens,
    uploads,
    webhooks,
    workspaces,
)
METADATA = SQLModel.metadata


def _partial(name: str, model: type[SQLModel], columns: tuple[str, ...], where: str) -> Index:
    """A unique index of some rows. Here and not with its table: it loads PostgreSQL's dialect, 20 ms of every start."""
    rows = table(model)
    found = [rows.c[column] for column in columns]
    return Index(name, *found, unique=True, sqlite_where=text(where), postgresql_where=text(where))


PARTIAL_INDEXES = (
    _partial(
        "environments_one_of_session",
        environments.EnvironmentTable,
        ("session_id",),
        "session_id IS NOT NULL AND desired <> 'deleted'",
    ),
    _partial("signing_keys_current", tokens.SigningKeyTable, ("family", "state"), "state IN ('next', 'active')"),
    _partial("sso_domains_verified", sso.SsoDomainTable, ("domain",), "verified_at IS NOT NULL"),
)
