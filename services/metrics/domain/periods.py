"""Periods of an answer: a month `2021-11`, a quarter `2021-Q4` or a year `2021`."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

_PERIOD = re.compile(r"(?P<year>[0-9]{4})(?:-(?:Q(?P<quarter>[1-4])|(?P<month>0[1-9]|1[0-2])))?")

PATTERN = r"^[0-9]{4}(-(Q[1-4]|0[1-9]|1[0-2]))?$"
"""How a period is written, as a regular expression for API pages. The year 0000 is no year of the calendar."""


class PeriodForm(StrEnum):
    """How long a period is."""

    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"


_MONTHS = {PeriodForm.MONTH: 1, PeriodForm.QUARTER: 3, PeriodForm.YEAR: 12}


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A whole month, quarter or year of the calendar; `number` counts within the year, from 1."""

    form: PeriodForm
    year: int
    number: int

    @property
    def first(self) -> date:
        """The first day."""
        return date(self.year, (self.number - 1) * _MONTHS[self.form] + 1, 1)

    @property
    def last(self) -> date:
        """The last day: the E of all definitions."""
        return last_of_month(date(self.year, self.number * _MONTHS[self.form], 1))

    def __str__(self) -> str:
        if self.form is PeriodForm.YEAR:
            return f"{self.year:04}"
        if self.form is PeriodForm.QUARTER:
            return f"{self.year:04}-Q{self.number}"
        return f"{self.year:04}-{self.number:02}"


def parse_period(text: str) -> Period | None:
    """The period that a text names, None if it names none."""
    found = _PERIOD.fullmatch(text)
    if found is None or found["year"] == "0000":
        return None
    year = int(found["year"])
    if found["quarter"]:
        return Period(PeriodForm.QUARTER, year, int(found["quarter"]))
    if found["month"]:
        return Period(PeriodForm.MONTH, year, int(found["month"]))
    return Period(PeriodForm.YEAR, year, 1)


def series_length(first: Period, last: Period) -> int:
    """How many periods a series has; zero or less where it would run backwards. Both have one form."""
    per_year = 12 // _MONTHS[first.form]
    return (last.year - first.year) * per_year + last.number - first.number + 1


def series(first: Period, last: Period) -> tuple[Period, ...]:
    """All periods from one to another of the same form, both included."""
    per_year = 12 // _MONTHS[first.form]
    start = first.year * per_year + first.number - 1
    return tuple(
        Period(first.form, at // per_year, at % per_year + 1)
        for at in range(start, start + series_length(first, last))
    )


def last_completed_quarter(day: date) -> Period | None:
    """The last quarter that is complete on the evening of a day; None before the first quarter of the calendar."""
    quarter = Period(PeriodForm.QUARTER, day.year, (day.month + 2) // 3)
    if quarter.last <= day:
        return quarter
    if quarter.number > 1:
        return Period(PeriodForm.QUARTER, day.year, quarter.number - 1)
    return Period(PeriodForm.QUARTER, day.year - 1, 4) if day.year > 1 else None


def first_of_month(day: date) -> date:
    """The first day of the month of a day."""
    return day.replace(day=1)


def last_of_month(day: date) -> date:
    """The last day of the month of a day."""
    return day.replace(day=monthrange(day.year, day.month)[1])
