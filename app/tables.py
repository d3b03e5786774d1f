"""Imports every table, for migrations and for the checks that count tables."""

from __future__ import annotations

from sqlmodel import SQLModel

from app.administration import models as administration
from app.agents import models as agents
from app.assistant import models as assistant
from app.audit import models as audit
from app.billing import models as billing
from app.environments import models as environments
from app.federation import models as federation
from app.idempotency import models as idempotency
from app.identity import models as identity
from app.limits import models as limits
from app.members import models as members
from app.organization import models as organization
from app.policies import models as policies
from app.pull_requests import models as pull_requests
from app.sign_in import models as sign_in
from app.skills import models as skills
from app.sso import models as sso
from app.tasks import models as tasks
from app.tokens import models as tokens
from app.workspaces import models as workspaces

MODELS = (
    administration,
    agents,
    assistant,
    audit,
    billing,
    environments,
    federation,
    idempotency,
    identity,
    limits,
    members,
    organization,
    policies,
    pull_requests,
    sign_in,
    skills,
    sso,
    tasks,
    tokens,
    workspaces,
)
METADATA = SQLModel.metadata
