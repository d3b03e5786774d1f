"""Hours of environments, and what they cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.billing.costs import costs, forecast_factor, savings, total
from app.billing.rates import RATE_CARDS, Metric
from app.environments.models import EnvironmentStatus as Status
from app.identity.models import Plan
from app.usage.periods import Period
from app.usage.running import Ran, ran
from app.usage.service import Usage

PERIOD = Period(2026, 11)
HOUR = timedelta(hours=1)


def _change(environment: str, status: Status, hours: float) -> dict[str, Any]:
    return {
        "environment_id": environment,
        "status": status,
        "at": PERIOD.start + hours * HOUR,
        "created_at": PERIOD.start - HOUR,
    }


def test_hours_up_and_hours_there_are_counted_within_the_month() -> None:
    changes = [
        _change("env_1", Status.RUNNING, -0.5),
        _change("env_1", Status.STOPPED, 2),
        _change("env_1", Status.RUNNING, 5),
        _change("env_1", Status.TERMINATED, 6),
        _change("env_2", Status.RUNNING, 8),
    ]

    found = ran(changes, PERIOD.start, PERIOD.start + 10 * HOUR)

    # the first change that is kept counts from the creation on: env_2 is up for all ten hours
    assert (found.running, found.existing) == ((2 + 1 + 10) * 3_600, (6 + 10) * 3_600)


def test_months_follow_each_other() -> None:
    assert (Period(2026, 12).next, Period(2027, 1).before) == (Period(2027, 1), Period(2026, 12))
    assert (str(PERIOD), Period.parse("2026-11")) == ("2026-11", PERIOD)
    assert PERIOD.end == datetime(2026, 12, 1, tzinfo=UTC)
    assert [PERIOD.passed(PERIOD.start + part * timedelta(days=30)) for part in (-1, 0.5, 2)] == [0, 0.5, 1]


def _usage(**values: Any) -> Usage:
    given = {"requests": 0, "active_agents": 0, "policy_evaluations": 0, "denials": 0, "ran": Ran()}
    return Usage(period=PERIOD, **{**given, **values})


@pytest.mark.parametrize(
    ("requests", "cost"), [(0, 0), (100_000, 0), (200_000, 20), (102_499, 0), (102_500, 1), (1_100_000, 200)]
)
def test_what_is_beyond_the_plan_costs_extra(requests: int, cost: int) -> None:
    records = costs(_usage(requests=requests), Plan.FREE)

    assert {record.metric: record.cost for record in records}[Metric.REQUESTS] == cost
    assert total(records) == cost


def test_a_forecast_multiplies_usage_and_not_the_plan() -> None:
    half = PERIOD.start + timedelta(days=15)

    records = costs(_usage(requests=3_000_000), Plan.PRO, factor=forecast_factor(PERIOD, half))

    assert [record.cost for record in records] == [4_900, 200, 0, 0]


def test_stopped_hours_are_saved() -> None:
    found = savings(_usage(ran=Ran(running=3_600, existing=11 * 3_600)), RATE_CARDS[0])

    assert (found.stopped_hours, found.amount) == (10, 30)
