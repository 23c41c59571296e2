"""Windows: their first day for every form of period, the cut at the horizon, and what is refused."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.periods import Period, parse_period
from services.metrics.domain.questions import (
    Cohort,
    ParametersError,
    PeriodChoice,
    TooManyRowsError,
    WindowChoice,
    chosen_cohort,
    chosen_periods,
    cohort_reaches,
    last_day_reaches,
    window_reaches,
)
from services.metrics.domain.sums import Span
from services.metrics.domain.windows import DEFAULT_SINCE, Window, cut, first_day


def period(text: str) -> Period:
    parsed = parse_period(text)
    assert parsed is not None
    return parsed


@pytest.mark.parametrize(
    ("window", "text", "first"),
    [
        (Window.MONTH, "2021-11", date(2021, 11, 1)),
        (Window.MONTH, "2021-Q4", date(2021, 12, 1)),
        (Window.MONTH, "2021", date(2021, 12, 1)),
        (Window.QUARTER, "2021-11", date(2021, 10, 1)),
        (Window.QUARTER, "2021-Q2", date(2021, 4, 1)),
        (Window.QUARTER, "2021", date(2021, 10, 1)),
        (Window.YEAR, "2021-11", date(2021, 1, 1)),
        (Window.YEAR, "2021-Q1", date(2021, 1, 1)),
        (Window.YEAR, "2021", date(2021, 1, 1)),
        (Window.ROLLING_4, "2021-11", date(2020, 12, 1)),
        (Window.ROLLING_4, "2021-Q1", date(2020, 4, 1)),
        (Window.ROLLING_4, "2021", date(2021, 1, 1)),
        (Window.ROLLING_4, "2021-12", date(2021, 1, 1)),
        (Window.CUMULATIVE, "2021-Q4", date(2020, 1, 1)),
        (Window.CUMULATIVE, "2020-01", date(2020, 1, 1)),
        (Window.ROLLING_4, "0001-03", date(1, 1, 1)),
    ],
)
def test_every_period_works_with_every_window(window: Window, text: str, first: date) -> None:
    assert first_day(window, period(text).last, DEFAULT_SINCE) == first


def test_a_window_is_cut_at_the_horizon_and_says_so() -> None:
    (reach,) = window_reaches([period("2021-Q4")], Window.YEAR, None, date(2021, 11, 15))
    assert reach.span == Span(date(2021, 1, 1), date(2021, 11, 15))
    assert reach.span.days == 319
    assert reach.provisional
    assert (reach.first, reach.end) == (date(2021, 1, 1), date(2021, 12, 31))


def test_a_period_known_on_its_last_day_is_not_provisional() -> None:
    (reach,) = window_reaches([period("2021-Q4")], Window.QUARTER, None, date(2021, 12, 31))
    assert not reach.provisional
    assert reach.span == Span(date(2021, 10, 1), date(2021, 12, 31))


def test_a_window_that_begins_after_the_horizon_is_empty_but_keeps_its_last_day() -> None:
    reaches = window_reaches([period("2022-Q1"), period("2022-Q2")], Window.QUARTER, None, date(2021, 11, 15))
    assert [reach.span.days for reach in reaches] == [0, 0]
    assert {reach.span.last for reach in reaches} == {date(2021, 11, 15)}
    assert reaches[0].span == reaches[1].span
    assert reaches[0].first == date(2022, 1, 1)


def test_stocks_look_at_the_last_day_alone() -> None:
    reaches = last_day_reaches([period("2021-Q3"), period("2021-Q4")], date(2021, 11, 15))
    assert [(reach.first, reach.end, reach.last) for reach in reaches] == [
        (date(2021, 9, 30), date(2021, 9, 30), date(2021, 9, 30)),
        (date(2021, 12, 31), date(2021, 12, 31), date(2021, 11, 15)),
    ]


def test_since_may_begin_on_the_last_day_but_not_after_it() -> None:
    (reach,) = window_reaches([period("2021-12")], Window.CUMULATIVE, period("2021-12"), date(2022, 1, 1))
    assert reach.span.days == 31
    with pytest.raises(ParametersError):
        window_reaches([period("2021-12")], Window.CUMULATIVE, period("2022-01"), date(2022, 1, 1))


def test_a_cumulative_period_before_2020_needs_its_own_since() -> None:
    with pytest.raises(ParametersError):
        window_reaches([period("2019-Q4")], Window.CUMULATIVE, None, date(2022, 1, 1))
    (reach,) = window_reaches([period("2019-Q4")], Window.CUMULATIVE, period("2018"), date(2022, 1, 1))
    assert reach.span == Span(date(2018, 1, 1), date(2019, 12, 31))


def test_since_without_its_window_is_ignored() -> None:
    (reach,) = window_reaches([period("2021-Q4")], Window.QUARTER, period("2030"), date(2022, 1, 1))
    assert reach.span.days == 92


class TestCohort:
    def test_it_ends_at_the_horizon_too(self) -> None:
        choice = WindowChoice(cohort_from=period("2021-Q1"), cohort_to=period("2021-Q4"))
        cohort = chosen_cohort(choice, [period("2021")])
        assert cohort == Cohort(date(2021, 1, 1), date(2021, 12, 31))
        (reach,) = cohort_reaches([period("2021")], cohort, date(2021, 11, 15))
        assert cut(cohort.first, min(cohort.last, reach.last)) == Span(date(2021, 1, 1), date(2021, 11, 15))

    @pytest.mark.parametrize(
        ("cohort_from", "cohort_to", "end"),
        [
            ("2021", "2022-Q1", "2021"),
            ("2021-Q2", "2021-Q1", "2021"),
            ("2021-04", "2021-Q1", "2021"),
        ],
    )
    def test_it_must_not_end_after_the_period_nor_before_it_begins(
        self, cohort_from: str, cohort_to: str, end: str
    ) -> None:
        with pytest.raises(ParametersError):
            chosen_cohort(WindowChoice(cohort_from=period(cohort_from), cohort_to=period(cohort_to)), [period(end)])

    def test_it_is_required_as_a_whole(self) -> None:
        with pytest.raises(ParametersError) as refusal:
            chosen_cohort(WindowChoice(cohort_to=period("2021")), [period("2021")])
        assert [fault.pointer for fault in refusal.value.errors] == ["/query/cohort_from"]

    def test_every_period_of_a_series_must_lie_behind_it(self) -> None:
        choice = WindowChoice(cohort_from=period("2021-Q1"), cohort_to=period("2021-Q2"))
        with pytest.raises(ParametersError):
            chosen_cohort(choice, [period("2021-Q1"), period("2021-Q2")])


class TestChosenPeriods:
    def test_without_a_choice_it_is_the_last_complete_quarter(self) -> None:
        assert [str(one) for one in chosen_periods(PeriodChoice(), date(2022, 2, 14))] == ["2021-Q4"]

    @pytest.mark.parametrize(
        "choice",
        [
            PeriodChoice(period("2021"), period("2020"), period("2021")),
            PeriodChoice(period_from=period("2021")),
            PeriodChoice(period_to=period("2021")),
            PeriodChoice(period_from=period("2021"), period_to=period("2021-Q4")),
            PeriodChoice(period_from=period("2021-Q4"), period_to=period("2021-Q3")),
        ],
    )
    def test_half_mixed_or_backward_series_are_refused(self, choice: PeriodChoice) -> None:
        with pytest.raises(ParametersError):
            chosen_periods(choice, date(2022, 2, 14))

    def test_a_series_longer_than_any_answer_is_refused_before_it_is_built(self) -> None:
        with pytest.raises(TooManyRowsError):
            chosen_periods(
                PeriodChoice(period_from=period("0001-01"), period_to=period("9999-12")), date(2022, 2, 14)
            )

    def test_before_the_first_quarter_of_the_calendar_a_period_must_be_named(self) -> None:
        with pytest.raises(ParametersError):
            chosen_periods(PeriodChoice(), date(1, 2, 1))


@given(
    st.sampled_from(Window),
    st.dates(date(1, 1, 1), date(9999, 12, 31)),
    st.dates(date(1, 1, 1), date(9999, 12, 31)),
)
def test_the_cut_window_has_exactly_the_days_up_to_the_horizon(window: Window, day: date, known: date) -> None:
    end = period(f"{day.year:04}-{day.month:02}")
    (reach,) = window_reaches([end], window, period("0001"), known)
    expected = (min(end.last, known) - reach.first).days + 1
    assert reach.span.days == max(0, expected)
    assert reach.span.last == min(end.last, known)
    assert reach.provisional == (known < end.last)
    if reach.span.days == 0:
        assert reach.span.first == known + timedelta(days=1)
