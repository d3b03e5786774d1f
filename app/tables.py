"""Imports every table, for migrations and for the checks that count tables."""

from __future__ import annotations

from sqlmodel import SQLModel

from app.agents import models as agents
from app.audit import models as audit
from app.environments import models as environments
from app.idempotency import models as idempotency
from app.identity import models as identity
from app.policies import models as policies

MODELS = (agents, audit, environments, idempotency, identity, policies)
METADATA = SQLModel.metadata
