"""Months, quarters and years as the HTTP contract writes them, and the windows that end with them."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

_FORM = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
WINDOWS = ("MONTH", "QUARTER", "YEAR", "ROLLING_4", "CUMULATIVE")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """`months` calendar months from the month number `start` (year * 12 + month - 1)."""

    start: int
    months: int

    @property
    def first(self) -> date:
        return month_first(self.start)

    @property
    def last(self) -> date:
        return month_first(self.start + self.months) - timedelta(days=1)

    @property
    def text(self) -> str:
        year, month = divmod(self.start, 12)
        return {1: f"{year}-{month + 1:02}", 3: f"{year}-Q{month // 3 + 1}", 12: f"{year}"}[self.months]

    def following(self) -> "Period":
        return Period(self.start + self.months, self.months)


def month_number(day: date) -> int:
    """Months since the year 0, so that months can be counted with."""
    return day.year * 12 + day.month - 1


def month_first(number: int) -> date:
    """The first day of a month by its number."""
    year, month = divmod(number, 12)
    return date(year, month + 1, 1)


def parse(text: str) -> Period:
    """Read `2021`, `2021-Q4` or `2021-11`; anything else is a ValueError."""
    found = _FORM.fullmatch(text)
    if found is None or found[1] == "0000":
        raise ValueError(text)
    year = int(found[1]) * 12
    if found[2] is not None:
        return Period(year + 3 * (int(found[2]) - 1), 3)
    if found[3] is not None:
        return Period(year + int(found[3]) - 1, 1)
    return Period(year, 12)


def quarter_of(day: date) -> Period:
    """The quarter a day lies in."""
    return Period(month_number(day) // 3 * 3, 3)


def last_completed_quarter(day: date) -> Period:
    """The newest quarter that is over on the evening of a day."""
    quarter = quarter_of(day)
    return quarter if quarter.last == day else Period(quarter.start - 3, 3)


def window_start(window: str, end: date, since: Period) -> date:
    """The first day of a window that ends with `end`, the last day of a period."""
    month = month_number(end)
    starts = {
        "MONTH": month,
        "QUARTER": month // 3 * 3,
        "YEAR": month // 12 * 12,
        "ROLLING_4": month - 11,
        "CUMULATIVE": since.start,
    }
    return month_first(starts[window])
