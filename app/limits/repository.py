"""All queries about budgets and usage."""

from __future__ import annotations

from sqlalchemy import bindparam, func

from app.database.statements import (
    Record,
    adding_or_changing,
    adding_or_leaving,
    change,
    changing,
    readable,
    removing_everywhere,
    statement,
    table,
)
from app.limits.models import RateWindow, RateWindowTable, UsageCounter, UsageCounterTable

_windows = table(RateWindowTable).c
_counters = table(UsageCounterTable).c
_THIS_WINDOW = (_windows.name == bindparam("name"), _windows.started_at == bindparam("started_at"))
_OF_PERIOD = _counters.period == bindparam("period")

WINDOW = statement(readable(RateWindowTable).where(*_THIS_WINDOW), RateWindow)
ADD_WINDOW = change(adding_or_leaving(RateWindowTable))
#: Touches no row where less than `grant` is left of `limit`: that is what makes the total exact.
LEASE = change(
    changing(RateWindowTable)
    .where(*_THIS_WINDOW, _windows.taken + bindparam("grant") <= bindparam("limit"))
    .values(taken=_windows.taken + bindparam("grant"))
)
FORGET_WINDOWS_BEFORE = change(removing_everywhere(RateWindowTable).where(_windows.started_at < bindparam("moment")))

ADD_USAGE = change(adding_or_changing(UsageCounterTable, lambda kept, given: {"value": kept.c.value + given.value}))
ADD_DISTINCT = change(adding_or_leaving(UsageCounterTable))
_IS_DISTINCT = _counters.metric.contains(":", autoescape=True)
USAGE = statement(readable(UsageCounterTable).where(_OF_PERIOD, ~_IS_DISTINCT), UsageCounter)


class Count(Record):
    """A number of rows."""

    number: int


DISTINCT = statement(
    readable(UsageCounterTable)
    .where(_OF_PERIOD, _counters.metric.startswith(bindparam("prefix")))
    .with_only_columns(func.count().label("number")),
    Count,
)
