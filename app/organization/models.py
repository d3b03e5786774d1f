"""What an organization has settled for itself: its drift policy, and the models that it enables."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Json, Moment


class DriftAction(enum.StrEnum):
    """What follows from drift: an environment that is not what its Blueprint says any more."""

    ALERT = "alert"
    REMEDIATE = "remediate"
    IGNORE = "ignore"


class DriftSeverity(enum.StrEnum):
    """How bad a drift is, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class DriftPolicy(Record):
    """What an organization wants done about drift."""

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    action: DriftAction = Field(sa_type=Choice(DriftAction))
    #: Drift below it is ignored.
    severity_threshold: DriftSeverity = Field(sa_type=Choice(DriftSeverity))
    #: Minutes between two looks at an environment.
    schedule: int
    #: Ids of environments, or names of services, that are left alone.
    exemptions: list[str] = Field(sa_type=Json)
    #: Whether a remediation needs no person's approval.
    auto_remediate: bool
    #: Null as long as it is the default.
    updated_at: datetime | None = Field(default=None, sa_type=Moment)
    version: int = 1


class DriftPolicyTable(DriftPolicy, table=True):
    __tablename__ = "drift_policies"


class EnabledModel(Record):
    """A language model that the organization lets be used: an OpenAI-compatible endpoint."""

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    #: As the provider calls it.
    id: str = Field(primary_key=True)
    name: str
    provider: str
    base_url: str
    #: Its place in the list: the first is the default.
    position: int
    #: {"key": the API key}, sealed; empty for an endpoint that takes none.
    secrets: str = ""


class EnabledModelTable(EnabledModel, table=True):
    __tablename__ = "organization_models"


class Overview(Record):
    """An organization with what it holds: one row."""

    id: str
    name: str
    plan: str
    requests_per_minute: int | None
    agents_enabled: bool
    created_at: datetime
    version: int
    members: int
    agents: int
    environments: int
