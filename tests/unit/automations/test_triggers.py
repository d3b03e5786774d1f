"""Schedules over changes of the clock, and which events are waited for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.automations.errors import BadSchedule, BadTrigger
from app.automations.triggers import checked_trigger, meets, next_after
from app.core.errors import InvalidRequest

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _moments(cron: str, zone: str, begin: str, count: int) -> list[str]:
    found, moment = [], _utc(begin)
    for _ in range(count):
        following = next_after(cron, zone, moment)
        assert following is not None
        assert following > moment
        moment = following
        found.append(moment.strftime("%m-%d %H:%M"))
    return found


def test_a_schedule_follows_the_clock_of_its_zone() -> None:
    # In Berlin 9:30 is 8:30 in winter and 7:30 in summer; the clock is put forward on 29 March 2026.
    assert _moments("30 9 * * *", BERLIN, "2026-03-27 12:00", 3) == ["03-28 08:30", "03-29 07:30", "03-30 07:30"]


def test_what_falls_into_an_hour_that_is_left_out_runs_right_after_it() -> None:
    # 2:30 does not come on 29 March: the clock goes from 2:00 to 3:00, which is 1:00 in UTC.
    assert _moments("30 2 * * *", BERLIN, "2026-03-28 00:00", 3) == ["03-28 01:30", "03-29 01:00", "03-30 00:30"]


def test_what_falls_into_an_hour_that_comes_twice_runs_once() -> None:
    # 2:30 comes twice on 25 October: at 0:30 and at 1:30 in UTC.
    assert _moments("30 2 * * *", BERLIN, "2026-10-24 00:00", 3) == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]


def test_what_runs_every_hour_runs_every_hour_of_a_long_day_and_of_a_short_one() -> None:
    assert _moments("0 * * * *", BERLIN, "2026-10-24 23:30", 4) == [
        "10-25 00:00",
        "10-25 01:00",
        "10-25 02:00",
        "10-25 03:00",
    ]
    assert _moments("0 * * * *", BERLIN, "2026-03-28 23:30", 3) == ["03-29 00:00", "03-29 01:00", "03-29 02:00"]


def test_a_late_look_in_the_repeated_hour_does_not_run_it_again() -> None:
    """After 2:30 has run, a server looks at 2:45 of the second time round."""
    assert next_after("30 2 * * *", BERLIN, _utc("2026-10-25 01:45")) == _utc("2026-10-26 01:30")


def test_a_zone_that_changes_by_half_an_hour() -> None:
    moments = _moments("15 2 * * *", LORD_HOWE, "2026-10-02 00:00", 4)

    assert len(set(moments)) == 4


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE, "Asia/Kathmandu", "UTC"])
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    st.sampled_from(["30 2 * * *", "*/15 * * * *", "0 * * * *", "5 1,2,3 * * *", "0 0 29 2 *", "30 1 * * 0L"]),
)
def test_the_next_moment_is_always_later_and_never_skips_one(zone: str, moment: datetime, cron: str) -> None:
    begin = moment.replace(tzinfo=UTC)

    first = next_after(cron, zone, begin)

    assert first is not None
    assert first > begin
    between = begin + (first - begin) / 2
    assert next_after(cron, zone, between) == first


@pytest.mark.parametrize("cron", ["*/7 * * * *", "0 9 * * MON-FRI", "0 0 1 1 *", "30 2 L * *"])
def test_schedules_that_are_taken(cron: str) -> None:
    assert checked_trigger(cron, BERLIN, None, None).next_after(_utc("2026-01-01 00:00")) is not None


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "* * * * * *", "@daily", "61 * * * *", "x", "0 0 30 2 *", "*/0 * * * *", "1 " * 400]
)
def test_schedules_that_are_none(cron: str) -> None:
    with pytest.raises(BadSchedule):
        checked_trigger(cron, None, None, None)


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../../etc/passwd", "/etc/localtime", "", "x" * 200, "a\0b"])
def test_time_zones_that_are_none(zone: str) -> None:
    if zone == "":
        assert checked_trigger("0 0 * * *", zone, None, None).kind == "cron"
        return
    with pytest.raises(BadSchedule):
        checked_trigger("0 0 * * *", zone, None, None)


@pytest.mark.parametrize(
    "given",
    [
        (None, None, None, None),
        ("0 0 * * *", None, ["environment.failed"], None),
        ("0 0 * * *", None, None, {"id": "x"}),
        (None, "UTC", ["environment.failed"], None),
    ],
)
def test_a_trigger_is_a_schedule_or_events(given: tuple[Any, Any, Any, Any]) -> None:
    with pytest.raises(BadTrigger):
        checked_trigger(*given)


@pytest.mark.parametrize(
    "condition", [["x"], {"a": {"b": 1}}, {str(number): 1 for number in range(30)}, {"a": "x" * 5_000}]
)
def test_filters_that_are_none(condition: Any) -> None:
    with pytest.raises(InvalidRequest):
        checked_trigger(None, None, ["environment.failed"], condition)


DATA = {"name": "shop", "body": {"ref": "refs/heads/main", "commits": [{"id": "c1"}], "forced": False}, "count": 1}


@pytest.mark.parametrize(
    ("events", "condition", "met"),
    [
        (["environment.failed"], {}, True),
        (["environment.*"], {}, True),
        (["*"], {}, True),
        (["environment.running"], {}, False),
        (["environment.failed"], {"name": "shop"}, True),
        (["environment.failed"], {"name": ["cart", "shop"]}, True),
        (["environment.failed"], {"name": "cart"}, False),
        (["environment.failed"], {"body.ref": "refs/heads/main", "body.commits.0.id": "c1"}, True),
        (["environment.failed"], {"body.commits.1.id": "c1"}, False),
        (["environment.failed"], {"body.ref.x": "y"}, False),
        (["environment.failed"], {"body.forced": False}, True),
        (["environment.failed"], {"count": True}, False),
        (["environment.failed"], {"missing": None}, True),
    ],
)
def test_what_an_event_has_to_have(events: list[str], condition: dict[str, Any], met: bool) -> None:
    assert meets(events, condition, "environment.failed", DATA) is met


def test_events_of_others_are_waited_for_by_name_only() -> None:
    assert not meets(["*"], {}, "incoming.github.push", {})
    assert meets(["incoming.*"], {}, "incoming.github.push", {})
    assert meets(["incoming.github.push"], {}, "incoming.github.push", {})


def test_the_span_between_two_moments_of_a_day_is_a_day_or_an_hour_off() -> None:
    moment, spans = _utc("2026-01-01 00:00"), set()
    for _ in range(365):
        following = next_after("30 2 * * *", BERLIN, moment)
        assert following is not None
        spans.add(following - moment)
        moment = following

    assert max(spans) <= timedelta(hours=25)
