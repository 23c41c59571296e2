"""From a definition to requests and from their answers to rows, with answers made up here."""

from collections.abc import Sequence
from datetime import date

import pytest

from services.metrics.domain.catalogue import KEY_FIGURES
from services.metrics.domain.definitions import Formula
from services.metrics.domain.figures import Inquiry, Table, check_share, inquiries, layout, mean_days, measured
from services.metrics.domain.periods import Period, parse_period
from services.metrics.domain.questions import Grouping, ParametersError, PeriodChoice, WindowChoice
from services.metrics.domain.sums import (
    Aggregate,
    Attribution,
    DateBasis,
    Filters,
    GroupBy,
    Span,
    SumRow,
    Term,
)
from services.metrics.domain.values import Measured
from services.metrics.domain.windows import Window
from shared.kernel.mitgliedskoerperschaften import Traeger

TODAY = date(2022, 6, 30)


def period(text: str) -> Period:
    parsed = parse_period(text)
    assert parsed is not None
    return parsed


def formula(figure: str) -> Formula:
    return KEY_FIGURES.find(figure, TODAY).formula


def asked(
    figure: str,
    periods: PeriodChoice,
    windows: WindowChoice = WindowChoice(),  # noqa: B008 - immutable
    grouping: Grouping = Grouping(),  # noqa: B008 - immutable
    known: date = TODAY,
) -> list[Inquiry]:
    days = layout(formula(figure), periods, windows, known)
    return inquiries(formula(figure), days, grouping, Traeger.LWL, ())


def test_a_quota_asks_both_flows_over_its_window() -> None:
    (one,) = asked("foerderquote_1", PeriodChoice(period("2021-Q4")))
    assert list(one.request.terms) == [
        Term("F:WERKSTATTALTERNATIVE", Aggregate.FLOW),
        Term("F:ZUGANG_EV_BBB", Aggregate.FLOW),
    ]
    assert list(one.request.spans) == [Span(date(2020, 1, 1), date(2021, 12, 31))]


def test_a_series_asks_every_window_once() -> None:
    choice = PeriodChoice(period_from=period("2021-11"), period_to=period("2022-12"))
    (one,) = asked("bestand_aap", choice)
    # August to December 2022 lie behind today: their stock is that of today
    assert len(one.request.spans) == 8 + 1
    assert one.request.spans[-1].last == TODAY
    assert len(one.uses[(len(one.request.spans) - 1, 0)]) == 14 - 8


def test_nothing_is_asked_for_days_before_the_first_possible_fact() -> None:
    choice = PeriodChoice(period_from=period("1960"), period_to=period("1971"))
    (one,) = asked("anzahl_rueckkehr", choice)
    assert list(one.request.spans) == [
        Span(date(1970, 1, 1), date(1970, 12, 31)),
        Span(date(1971, 1, 1), date(1971, 12, 31)),
    ]
    (two,) = asked("uebergangsdichte", PeriodChoice(period("2021")), WindowChoice(since=period("1900")))
    assert list(two.request.spans) == [Span(date(1970, 1, 1), date(2021, 12, 31))]


def test_a_cohort_asks_for_its_returns_up_to_the_end_and_for_its_own_days() -> None:
    windows = WindowChoice(
        window=Window.MONTH,
        since=period("2030"),
        cohort_from=period("2020-Q1"),
        cohort_to=period("2021"),
        date_basis=DateBasis.DECIDED,
    )
    (one,) = asked("rueckkehrquote_kohorte", PeriodChoice(period("2021")), windows, known=date(2021, 11, 15))
    cohort = Span(date(2020, 1, 1), date(2021, 11, 15))
    assert list(one.request.terms) == [
        Term("F:RUECKKEHR_NACH_UEBERGANG_AUS_AB", Aggregate.FLOW, cohort),
        Term("F:UEBERGANG_AUS_AB", Aggregate.FLOW),
    ]
    assert one.request.date_basis is DateBasis.EFFECTIVE
    assert list(one.request.spans) == [cohort]


def test_a_cohort_that_ends_earlier_has_two_spans() -> None:
    windows = WindowChoice(cohort_from=period("2020"), cohort_to=period("2020"))
    (one,) = asked("rueckkehrquote_kohorte", PeriodChoice(period("2021")), windows)
    assert list(one.request.spans) == [
        Span(date(2020, 1, 1), date(2021, 12, 31)),
        Span(date(2020, 1, 1), date(2020, 12, 31)),
    ]
    assert set(one.uses) == {(0, 0), (1, 1)}


class TestShareOfADisability:
    def test_the_filter_confines_the_numerator_alone(self) -> None:
        grouping = Grouping(GroupBy.PROVIDER, filters=Filters(provider_kind="WFBM", disability="SEELISCH"))
        numerator, denominator = asked("anteil_behinderungsart_wfbm", PeriodChoice(period("2021")), grouping=grouping)
        assert numerator.request.filters == grouping.filters
        assert denominator.request.filters == Filters(provider_kind="WFBM")
        assert denominator.request.group_by is GroupBy.PROVIDER
        assert not denominator.whole

    def test_grouped_by_it_the_whole_stock_stands_in_each_row(self) -> None:
        figure = formula("anteil_behinderungsart_bfa")
        grouping = Grouping(GroupBy.DISABILITY, Attribution.PAYER)
        numerator, denominator = asked("anteil_behinderungsart_bfa", PeriodChoice(period("2021")), grouping=grouping)
        assert denominator.request.group_by is GroupBy.TOTAL
        table = _answered([numerator, denominator], [[SumRow(0, 0, "GEISTIG", 5)], [SumRow(0, 0, "TOTAL", 8)]])
        rows = [measured(figure, table, 0, group, None) for group in ("GEISTIG", "KOERPERLICH", "SEELISCH")]
        assert rows == [Measured(5, 8), Measured(0, 8), Measured(0, 8)]

    @pytest.mark.parametrize("group_by", [one for one in GroupBy if one is not GroupBy.DISABILITY])
    def test_it_must_be_named_unless_grouped_by_it(self, group_by: GroupBy) -> None:
        figure = formula("anteil_behinderungsart_wfbm")
        with pytest.raises(ParametersError):
            check_share(figure, Grouping(group_by))
        check_share(figure, Grouping(group_by, filters=Filters(disability="GEISTIG")))
        check_share(figure, Grouping(GroupBy.DISABILITY))
        check_share(formula("kombiquote"), Grouping(group_by))


def _answered(asked: Sequence[Inquiry], answers: Sequence[Sequence[SumRow]]) -> Table:
    table = Table(1)
    for inquiry, rows in zip(asked, answers, strict=True):
        table.add(inquiry, rows)
    return table


def test_a_mean_carries_its_days_and_a_count_no_denominator() -> None:
    choice = PeriodChoice(period("2021-Q4"))
    windows = WindowChoice(window=Window.QUARTER)
    asking = asked("uebergangsdichte", choice, windows)
    table = _answered(asking, [[SumRow(0, 0, "TOTAL", 3), SumRow(0, 1, "TOTAL", 9_200)]])
    figure = formula("uebergangsdichte")
    (reach,) = layout(figure, choice, windows, TODAY).reaches
    days = mean_days(figure, reach)
    assert measured(figure, table, 0, "TOTAL", days) == Measured(3, 9_200, 92)
    assert measured(figure, table, 0, "05515", days) == Measured(0, 0, 92)
    count = formula("anzahl_uebergang")
    assert mean_days(count, reach) is None
    assert measured(count, table, 0, "TOTAL", None) == Measured(3, None)


def test_groups_whose_sums_are_zero_are_not_found() -> None:
    asking = asked("foerderquote_1", PeriodChoice(period("2021")))
    table = _answered(asking, [[SumRow(0, 0, "A", 0), SumRow(0, 1, "B", 2), SumRow(0, 0, "C", 1)]])
    assert sorted(table.found(0)) == ["B", "C"]
