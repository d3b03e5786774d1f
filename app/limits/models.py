"""What was taken of each minute's budgets, and what organizations used by month."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Moment


class RateWindow(Record):
    """How much of one budget of an organization all servers together have leased in one minute."""

    organization_id: str = Field(primary_key=True)
    #: The budget: an API's name, or `graphql`.
    name: str = Field(primary_key=True)
    started_at: datetime = Field(primary_key=True, sa_type=Moment)
    taken: int = Field(sa_type=BigInteger)


class RateWindowTable(RateWindow, table=True):
    __tablename__ = "rate_windows"
    __table_args__ = (Index("rate_windows_by_age", "started_at"),)


class UsageCounter(Record):
    """How much of something an organization used in a month."""

    organization_id: str = Field(primary_key=True)
    #: `2026-11`, in UTC.
    period: str = Field(primary_key=True)
    #: A metric's name; for what is counted by who it is, one row each: `agent:<id>`.
    metric: str = Field(primary_key=True)
    value: int = Field(sa_type=BigInteger)


class UsageCounterTable(UsageCounter, table=True):
    __tablename__ = "usage_counters"
