"""Windows: which days a figure of a period looks at, and where its knowledge ends (the horizon H)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType

from services.metrics.domain.periods import Period, PeriodForm, first_of_month
from services.metrics.domain.sums import Span


class Window(StrEnum):
    """The windows a caller can ask for. E is the last day of the period."""

    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"
    ROLLING_4 = "ROLLING_4"
    CUMULATIVE = "CUMULATIVE"


LAST_DAY = "LAST_DAY"
"""What figures made of stocks alone echo as their window."""

COHORT = "COHORT"
"""What the cohort figure echoes as its window."""

DEFAULT_SINCE = Period(PeriodForm.QUARTER, 2020, 1)
"""Where CUMULATIVE begins unless the caller says otherwise: the start of the nTA model."""

WINDOW_OF_FORM: Mapping[PeriodForm, Window] = MappingProxyType(
    {
        PeriodForm.MONTH: Window.MONTH,
        PeriodForm.QUARTER: Window.QUARTER,
        PeriodForm.YEAR: Window.YEAR,
    }
)
"""The window that is exactly the period itself."""


def _first_of_quarter(end: date) -> date:
    return date(end.year, (end.month - 1) // 3 * 3 + 1, 1)


def _first_of_year(end: date) -> date:
    return date(end.year, 1, 1)


def _first_of_twelve_months(end: date) -> date:
    if end.month == 12:
        return _first_of_year(end)
    return date(end.year - 1, end.month + 1, 1) if end.year > 1 else date.min


_FIRST_DAY: Mapping[Window, Callable[[date], date]] = MappingProxyType(
    {
        Window.MONTH: first_of_month,
        Window.QUARTER: _first_of_quarter,
        Window.YEAR: _first_of_year,
        Window.ROLLING_4: _first_of_twelve_months,
    }
)


def first_day(window: Window, end: date, since: Period) -> date:
    """The first day of a window that ends on `end`; `since` matters for CUMULATIVE only."""
    return since.first if window is Window.CUMULATIVE else _FIRST_DAY[window](end)


def horizon(end: date, known_until: date) -> date:
    """H: the last day a figure of a period may look at, given the day up to which things are known."""
    return min(end, known_until)


@dataclass(frozen=True, slots=True)
class Reach:
    """The days of one period in an answer: the window before it is cut (`first` to `end`), and the cut `last` = H."""

    period: str
    first: date
    end: date
    last: date

    @property
    def provisional(self) -> bool:
        """Whether the period was not over when the figure was known."""
        return self.last < self.end

    @property
    def span(self) -> Span:
        """The window cut at the horizon."""
        return cut(self.first, self.last)


def cut(first: date, last: date) -> Span:
    """The days from `first` to `last`; every empty window of one horizon is the same span."""
    return Span(min(first, last + timedelta(days=1)) if last < date.max else first, last)
