"""The days of a question as slots between its bounds, and which months and years of the cube lie whole inside one.

A bound is a day with which something begins: the first day of a span, the day after its last one, the month in which
a comparison group changes. Between two bounds nothing has to be told apart, so sums per slot answer every span. A
month with a bound inside it is *broken*: the cube cannot tell its days apart, its movements are read themselves.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from services.metrics.repository.codes import ALWAYS, MONTHS, MONTHS_BY_MONTH, YEARS, YEARS_BY_YEAR

_EPOCH = date(2000, 1, 1).toordinal()


def day_number(day: date) -> int:
    """The number by which `moment` knows a day (`expansion.EPOCH` is 0)."""
    return day.toordinal() - _EPOCH


def month_number(day: date) -> int:
    """The number by which the cube knows a month."""
    return day.year * 12 + day.month - 1


def first_of_month(number: int) -> date:
    """The first day of a month of the cube."""
    return date(number // 12, number % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class CubeRange:
    """Rows of the cube that lie in one slot: `first <= month < until` and the same for the recorded month."""

    level: int
    first: int
    until: int
    recorded_first: int
    recorded_until: int
    slot: int


@dataclass(frozen=True, slots=True)
class Axis:
    """Slots between ascending bounds: slot 0 is before the first, slot i begins with `bounds[i - 1]`."""

    bounds: tuple[date, ...]

    def slot(self, day: date) -> int:
        """The slot a day lies in."""
        return bisect_right(self.bounds, day)

    def between(self, first: date, end: date) -> range:
        """The slots of the days from one bound to the day before another."""
        return range(self.slot(first), self.slot(end))

    def broken(self) -> list[int]:
        """The months with a bound inside them, ascending."""
        return sorted({month_number(bound) for bound in self.bounds if bound.day != 1})

    def whole(self) -> Iterator[tuple[int, int, int]]:
        """The stretches of unbroken months before the last bound: slot, first month, month behind its end."""
        start = month_number(date.min)
        for slot, bound in enumerate(self.bounds):
            month = month_number(bound)
            if start < month:
                yield slot, start, month
            start = max(start, month + (bound.day != 1))


def axis_of(days: Iterable[date]) -> Axis:
    """The axis with these bounds."""
    return Axis(tuple(sorted(set(days))))


def cube_ranges(axis: Axis, *, from_slot: int, recorded_end: int | None, with_years: bool) -> list[CubeRange]:
    """Which rows of the cube make up the slots, from `from_slot` on.

    `recorded_end` is the first recorded month that does not belong to it any more (None: all do). With
    `with_years` whole years are taken as years, so that the past costs little; of the year in which the knowledge
    ends only months are taken.
    """
    ranges: list[CubeRange] = []
    for slot, begin, end in axis.whole():
        if slot < from_slot:
            continue
        years = (-(-begin // 12) * 12, end // 12 * 12)
        if not with_years or years[0] >= years[1]:
            ranges += _months(begin, end, slot, recorded_end)
            continue
        for low, high in ((begin, years[0]), (years[1], end)):
            if low < high:
                ranges += _months(low, high, slot, recorded_end)
        ranges += _years(*years, slot, recorded_end)
    return ranges


def _months(first: int, until: int, slot: int, recorded_end: int | None) -> Iterator[CubeRange]:
    if recorded_end is None:
        yield CubeRange(MONTHS, first, until, ALWAYS, ALWAYS + 1, slot)
    else:
        yield CubeRange(MONTHS_BY_MONTH, first, until, 0, recorded_end, slot)


def _years(first: int, until: int, slot: int, recorded_end: int | None) -> Iterator[CubeRange]:
    if recorded_end is None:
        yield CubeRange(YEARS, first, until, ALWAYS, ALWAYS + 1, slot)
        return
    whole = recorded_end // 12 * 12
    yield CubeRange(YEARS_BY_YEAR, first, until, 0, whole, slot)
    if whole < recorded_end:
        yield CubeRange(MONTHS_BY_MONTH, first, until, whole, recorded_end, slot)
