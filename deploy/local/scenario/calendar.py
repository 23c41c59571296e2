"""Quarters, and days in them as an office would set them."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random


def seeded(seed: int | str) -> Random:
    """The one source of chance of a file."""
    return Random(seed)  # noqa: S311 - invented histories have to be repeatable, not secret


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """A calendar quarter, counted from the year 0 (four a year)."""

    number: int

    @classmethod
    def of(cls, year: int, quarter: int) -> "Quarter":
        return cls(year * 4 + quarter - 1)

    @property
    def year(self) -> int:
        return self.number // 4

    @property
    def first(self) -> date:
        return date(self.year, self.number % 4 * 3 + 1, 1)

    @property
    def last(self) -> date:
        return Quarter(self.number + 1).first - timedelta(days=1)


def quarters(first: Quarter, last: Quarter) -> list[Quarter]:
    """All quarters from one to another, both included."""
    return [Quarter(number) for number in range(first.number, last.number + 1)]


def quarter_of(day: date) -> Quarter:
    """The quarter a day lies in."""
    return Quarter.of(day.year, (day.month + 2) // 3)


def day_between(random: Random, first: date, last: date) -> date:
    """A day from `first` to `last`, in two of three cases the first of a month where there is one."""
    day = first + timedelta(days=random.randrange((last - first).days + 1))
    start = day.replace(day=1)
    return start if start >= first and random.random() < 0.67 else day


def day_in(random: Random, quarter: Quarter) -> date:
    """A day in a quarter."""
    return day_between(random, quarter.first, quarter.last)


def decided_before(random: Random, effective_on: date) -> date:
    """The day of the Bescheid: not after the day it is about, and in the same quarter."""
    return day_between(random, quarter_of(effective_on).first, effective_on)


def months_later(day: date, months: int) -> date:
    """The same day of a later month; the 29th to 31st become the 28th."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, 28))
