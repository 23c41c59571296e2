"""The one way from a definition to numbers: which sums to ask for, and how their answers become rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from services.metrics.domain.definitions import Days, FigureTerm, Formula
from services.metrics.domain.questions import (
    Cohort,
    Grouping,
    PeriodChoice,
    WindowChoice,
    chosen_cohort,
    chosen_periods,
    cohort_reaches,
    last_day_reaches,
    refuse,
    window_reaches,
    without_disability,
)
from services.metrics.domain.sums import DateBasis, GroupBy, Member, Span, SumRequest, SumRow, Term
from services.metrics.domain.values import Measured
from services.metrics.domain.windows import Reach, cut
from shared.kernel.mitgliedskoerperschaften import Traeger

NO_FACT_BEFORE = date(1970, 1, 1)
"""No movement takes effect or is decided on an earlier day (facts and timeline), so no sum is asked for there."""


class Side(StrEnum):
    """Which of the two numbers of a figure a sum belongs to."""

    NUMERATOR = "NUMERATOR"
    DENOMINATOR = "DENOMINATOR"


@dataclass(frozen=True, slots=True)
class Layout:
    """The days of an answer: one reach per period, and the cohort where the figure follows one."""

    reaches: tuple[Reach, ...]
    window: str
    date_basis: DateBasis
    cohort: Cohort | None = None

    def days_of(self, term: FigureTerm, reach: Reach) -> Span:
        """The days that one term of one period looks at."""
        if term.days is not Days.COHORT:
            return reach.span
        assert self.cohort is not None, "a term of a cohort needs the cohort"
        return cut(self.cohort.first, min(self.cohort.last, reach.last))


def layout(formula: Formula, periods: PeriodChoice, windows: WindowChoice, known: date) -> Layout:
    """The days of an answer. Raises `ParametersError` for windows and cohorts that do not fit the periods."""
    chosen = chosen_periods(periods, known)
    echoed = formula.echoed_window(windows.window)
    if formula.of_a_cohort:
        cohort = chosen_cohort(windows, chosen)
        return Layout(cohort_reaches(chosen, cohort, known), echoed, DateBasis.EFFECTIVE, cohort)
    if formula.of_stocks_alone:
        return Layout(last_day_reaches(chosen, known), echoed, windows.date_basis)
    window = windows.window or formula.default_window
    return Layout(window_reaches(chosen, window, windows.since, known), echoed, windows.date_basis)


def check_share(formula: Formula, grouping: Grouping) -> None:
    """A share of one disability must say which, unless each has its own row."""
    told = grouping.filters.disability is not None or grouping.group_by is GroupBy.DISABILITY
    if formula.share_of_disability and not told:
        raise refuse("disability", "required", "required by this figure unless grouped by DISABILITY")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One request for sums, and which number of which period each of its answers belongs to."""

    request: SumRequest
    uses: Mapping[tuple[int, int], Sequence[tuple[int, Side]]]
    whole: bool = False
    """Whether its sums belong to every row: the whole stock under each disability."""


def inquiries(
    formula: Formula, days: Layout, grouping: Grouping, traeger: Traeger, members: Sequence[Member]
) -> list[Inquiry]:
    """What to ask so that every row of the answer can be told."""
    frame = SumRequest(
        traeger=traeger,
        terms=(),
        spans=(),
        attribution=grouping.attribution,
        date_basis=days.date_basis,
        known_on=grouping.known_on,
        group_by=grouping.group_by,
        filters=grouping.filters,
        members=members,
    )
    if not formula.share_of_disability:
        sides = ((Side.NUMERATOR, formula.numerator), (Side.DENOMINATOR, formula.denominator))
        return [_inquiry(frame, days, sides)]
    whole = grouping.group_by is GroupBy.DISABILITY
    stock = replace(
        frame,
        filters=without_disability(grouping.filters),
        group_by=GroupBy.TOTAL if whole else grouping.group_by,
    )
    return [
        _inquiry(frame, days, ((Side.NUMERATOR, formula.numerator),)),
        replace(_inquiry(stock, days, ((Side.DENOMINATOR, formula.denominator),)), whole=whole),
    ]


def _inquiry(frame: SumRequest, days: Layout, sides: Iterable[tuple[Side, Sequence[FigureTerm]]]) -> Inquiry:
    spans: dict[Span, int] = {}
    terms: dict[Term, int] = {}
    uses: dict[tuple[int, int], list[tuple[int, Side]]] = {}
    for side, figure_terms in sides:
        for figure_term in figure_terms:
            for period, reach in enumerate(days.reaches):
                span = days.days_of(figure_term, reach)
                if span.last < NO_FACT_BEFORE:
                    continue
                cohort = _cohort_of(figure_term, days, reach)
                term = Term(figure_term.measure, figure_term.aggregate, cohort)
                asked = Span(max(span.first, NO_FACT_BEFORE), span.last)
                place = spans.setdefault(asked, len(spans)), terms.setdefault(term, len(terms))
                uses.setdefault(place, []).append((period, side))
    return Inquiry(replace(frame, terms=tuple(terms), spans=tuple(spans)), uses)


def _cohort_of(term: FigureTerm, days: Layout, reach: Reach) -> Span | None:
    if term.days is not Days.SINCE_COHORT:
        return None
    assert days.cohort is not None, "a term of a cohort needs the cohort"
    return cut(max(days.cohort.first, NO_FACT_BEFORE), min(days.cohort.last, reach.last))


class Table:
    """The two numbers of every group in every period, filled from the answers.

    `called` tells how the answer calls a group of the sums.
    """

    def __init__(self, periods: int, called: Callable[[str], str] = str) -> None:
        self._called = called
        self._sums: list[dict[str, dict[Side, int]]] = [{} for _ in range(periods)]
        self._whole: list[dict[Side, int]] = [{} for _ in range(periods)]

    def add(self, inquiry: Inquiry, rows: Iterable[SumRow]) -> None:
        """Put the answers of one request in their places."""
        for row in rows:
            for period, side in inquiry.uses.get((row.span, row.term), ()):
                group = self._called(row.group)
                place = self._whole[period] if inquiry.whole else self._sums[period].setdefault(group, {})
                place[side] = place.get(side, 0) + row.value

    def found(self, period: int) -> list[str]:
        """The groups of a period that are not zero."""
        return [group for group, sums in self._sums[period].items() if any(sums.values())]

    def of(self, period: int, group: str, side: Side) -> int:
        """One number; 0 where nothing was found."""
        return self._sums[period].get(group, {}).get(side, 0) + self._whole[period].get(side, 0)


def mean_days(formula: Formula, reach: Reach) -> int | None:
    """The days over which a mean is taken; None where the denominator is none."""
    return reach.span.days if formula.of_a_mean else None


def measured(formula: Formula, table: Table, period: int, group: str, days: int | None) -> Measured:
    """The sums behind one row; `days` are those of the mean."""
    numerator = table.of(period, group, Side.NUMERATOR)
    denominator = table.of(period, group, Side.DENOMINATOR) if formula.denominator else None
    return Measured(numerator, denominator, days)
