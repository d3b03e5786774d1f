"""The installation as a whole, minute by minute."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Moment


class Sample(Record):
    """How much there was of everything at a minute."""

    #: The minute, without seconds.
    at: datetime = Field(primary_key=True, sa_type=Moment)
    organizations: int
    users: int
    #: Those that are not retired.
    agents: int
    #: Those that are not terminated.
    environments: int
    environments_running: int
    environments_failed: int
    audit_events: int = Field(sa_type=BigInteger)
    #: Decisions of policies in the minute before.
    decisions: int
    database_bytes: int = Field(sa_type=BigInteger)


class SampleTable(Sample, table=True):
    __tablename__ = "admin_metrics"
