"""When something is due: intervals without drift, cron in time zones whose clocks change."""

from __future__ import annotations

import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.errors import InvalidTaskError
from xy_core.core.schedule import Cron, Every, schedule_as_json, schedule_from_json

BEGAN = 1_764_000_000.123
MOMENTS = st.floats(BEGAN, BEGAN + 10**8)
EXPRESSIONS = st.sampled_from(
    ["*/7 * * * *", "30 3 * * *", "0 0 1 * *", "15,45 2 * * SUN", "5 * * * * *", "0 12 L * *"]
)
ZONES = st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe"])


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@given(seconds=st.floats(0.01, 10**6), moment=MOMENTS)
def test_an_interval_never_stands_still_and_never_drifts(seconds: float, moment: float):
    every = Every(seconds)
    due = every.after(moment, BEGAN)
    assert moment - 0.001 <= due <= moment + seconds + 0.002
    assert every.after(due, BEGAN) == pytest.approx(due + seconds, abs=0.0021)
    assert every.after(due, BEGAN) > due
    number = round((due - BEGAN) / seconds)
    assert due == pytest.approx(BEGAN + number * seconds, abs=0.001)


@given(seconds=st.floats(0.01, 10**6), moment=MOMENTS)
def test_what_an_interval_missed_is_what_would_have_come(seconds: float, moment: float):
    every = Every(seconds)
    latest_first = list(itertools.islice(every.until(moment, BEGAN), 20))
    for later, earlier in itertools.pairwise(latest_first):
        assert every.after(earlier, BEGAN) == later
    if latest_first:
        assert every.after(latest_first[0], BEGAN) > moment - 0.001


def test_nothing_is_due_before_an_interval_has_passed():
    assert list(Every(60).until(BEGAN + 59, BEGAN)) == []
    assert list(Every(60).until(BEGAN + 121, BEGAN)) == [BEGAN + 120, BEGAN + 60]
    assert Every(60).after(BEGAN - 1_000, BEGAN) == BEGAN + 60


@given(expression=EXPRESSIONS, zone=ZONES, moment=MOMENTS)
def test_cron_forwards_and_backwards_are_the_same_times(expression: str, zone: str, moment: float):
    cron = Cron(expression, zone)
    forwards = []
    due = cron.after(moment, BEGAN)
    for _ in range(5):
        forwards.append(due)
        due = cron.after(due, BEGAN)
    assert forwards == sorted(set(forwards))
    assert forwards[0] > moment
    backwards = itertools.takewhile(lambda past: past > moment, cron.until(forwards[-1], moment))
    assert list(backwards) == forwards[::-1]


def test_cron_follows_the_clock_on_the_wall():
    morning = Cron("30 7 * * *", "Europe/Berlin")
    before = at("2026-03-28T12:00", "Europe/Berlin")
    due = morning.after(before, 0.0)
    assert due == at("2026-03-29T07:30", "Europe/Berlin")
    assert due - before == 18.5 * 3600  # an hour was left out that night
    # What is due in the hour that does not exist comes once, right after it.
    night = Cron("30 2 * * *", "Europe/Berlin")
    first = night.after(before, 0.0)
    assert first == at("2026-03-29T03:00", "Europe/Berlin")
    assert night.after(first, 0.0) == at("2026-03-30T02:30", "Europe/Berlin")


def test_a_moment_on_a_due_time_is_past():
    noon = at("2026-05-05T12:00", "Asia/Shanghai")
    cron = Cron("0 12 * * *", "Asia/Shanghai")
    assert cron.after(noon - 0.001, 0.0) == noon
    assert cron.after(noon, 0.0) == noon + 86_400
    assert cron.after(noon + 0.5, 0.0) == noon + 86_400
    assert next(cron.until(noon, 0.0)) == noon
    assert next(cron.until(noon - 0.001, 0.0)) == noon - 86_400


@pytest.mark.parametrize("seconds", [0, -1, 0.001, float("nan"), float("inf")])
def test_intervals_that_make_no_sense(seconds: float):
    with pytest.raises(InvalidTaskError, match="interval"):
        Every(seconds)


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "60 * * * *", "a b c d e", "0 0 31 2 *", "* * * * * * *", "*/0 * * * *"],
)
def test_cron_expressions_that_never_come_true(expression: str):
    with pytest.raises(InvalidTaskError, match="cron"):
        Cron(expression)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "a\0b"])
def test_time_zones_that_do_not_exist(zone: str):
    with pytest.raises(InvalidTaskError, match="time zone"):
        Cron("* * * * *", zone)


@pytest.mark.parametrize("schedule", [Every(1.5), Cron("0 9 * * MON", "Asia/Tokyo")])
def test_a_schedule_comes_back_from_json(schedule):
    assert schedule_from_json(schedule_as_json(schedule)) == schedule
