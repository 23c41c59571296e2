"""Periods: how they are written, which days they have, and which one is meant when none is named."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.periods import (
    Period,
    PeriodForm,
    last_completed_quarter,
    parse_period,
    series,
    series_length,
)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2021-11", date(2021, 11, 1), date(2021, 11, 30)),
        ("2020-02", date(2020, 2, 1), date(2020, 2, 29)),
        ("2021-02", date(2021, 2, 1), date(2021, 2, 28)),
        ("2021-Q1", date(2021, 1, 1), date(2021, 3, 31)),
        ("2021-Q4", date(2021, 10, 1), date(2021, 12, 31)),
        ("2021", date(2021, 1, 1), date(2021, 12, 31)),
        ("0001", date(1, 1, 1), date(1, 12, 31)),
        ("9999-Q4", date(9999, 10, 1), date(9999, 12, 31)),
    ],
)
def test_a_period_has_its_first_and_last_day(text: str, first: date, last: date) -> None:
    period = parse_period(text)
    assert period is not None
    assert (period.first, period.last, str(period)) == (first, last, text)


@pytest.mark.parametrize(
    "text",
    [
        "", "2021-Q0", "2021-Q5", "2021-00", "2021-13", "2021-1", "2021-q4", "0000", "0000-01", "21", "20211",
        "2021-", " 2021", "2021\n", "2021-Q4 ", "2021-11-30", "+202", "２０２１",
    ],
)  # fmt: skip
def test_what_is_no_period_is_told_apart(text: str) -> None:
    assert parse_period(text) is None


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2021-11", "2022-02", ["2021-11", "2021-12", "2022-01", "2022-02"]),
        ("2021-Q3", "2022-Q1", ["2021-Q3", "2021-Q4", "2022-Q1"]),
        ("2019", "2021", ["2019", "2020", "2021"]),
        ("2021-Q2", "2021-Q2", ["2021-Q2"]),
        ("2021-Q2", "2021-Q1", []),
    ],
)
def test_a_series_has_every_period_between(first: str, last: str, expected: list[str]) -> None:
    begin, end = parse_period(first), parse_period(last)
    assert begin is not None
    assert end is not None
    assert [str(period) for period in series(begin, end)] == expected
    assert max(0, series_length(begin, end)) == len(expected)


@given(st.sampled_from(PeriodForm), st.integers(1, 9998), st.integers(0, 40))
def test_periods_of_a_series_follow_each_other_without_a_gap(form: PeriodForm, year: int, more: int) -> None:
    begin = Period(form, year, 1)
    periods = series(begin, Period(form, min(year + more, 9998), 1))
    assert periods[0] == begin
    for earlier, later in pairwise(periods):
        assert (later.first - earlier.last).days == 1


@pytest.mark.parametrize(
    ("day", "quarter"),
    [
        (date(2021, 12, 31), "2021-Q4"),
        (date(2021, 12, 30), "2021-Q3"),
        (date(2022, 1, 1), "2021-Q4"),
        (date(2022, 3, 31), "2022-Q1"),
        (date(2022, 5, 17), "2022-Q1"),
        (date(1, 3, 31), "0001-Q1"),
    ],
)
def test_a_quarter_is_complete_on_the_evening_of_its_last_day(day: date, quarter: str) -> None:
    assert str(last_completed_quarter(day)) == quarter


def test_before_the_first_quarter_of_the_calendar_none_is_complete() -> None:
    assert last_completed_quarter(date(1, 3, 30)) is None
