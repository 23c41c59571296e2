"""The axis of a question: every day in one slot, every month in the cube or broken, never both, never neither."""

from datetime import date, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from services.metrics.repository.axis import Axis, axis_of, cube_ranges, day_number, first_of_month, month_number
from services.metrics.repository.codes import ALWAYS, MONTHS, YEARS, YEARS_BY_YEAR

DAYS = st.dates(date(2018, 1, 1), date(2023, 12, 31))
MONTH_BEGINNINGS = DAYS.map(lambda day: day.replace(day=1))
AXES = st.lists(DAYS | MONTH_BEGINNINGS, min_size=1, max_size=6).map(axis_of)
EPOCH_DAY = date(2000, 1, 1)


def covered_by(
    axis: Axis, months: range, recorded: int, *, recorded_end: int | None, years: bool
) -> dict[int, list[int]]:
    """For every month the slots of the ranges that hold its rows recorded in one month."""
    found: dict[int, list[int]] = {month: [] for month in months}
    for entry in cube_ranges(axis, from_slot=0, recorded_end=recorded_end, with_years=years):
        span = 12 if entry.level in (YEARS, YEARS_BY_YEAR) else 1
        assert (entry.level in (MONTHS, YEARS)) is (recorded_end is None)
        for month in months:
            place, when = month // span * span, recorded // span * span
            known = entry.recorded_first <= (ALWAYS if recorded_end is None else when) < entry.recorded_until
            if known and entry.first <= place < entry.until:
                found[month].append(entry.slot)
    return found


@given(axis=AXES, day=DAYS)
def test_the_slot_of_a_day_lies_between_its_bounds(axis: Axis, day: date) -> None:
    slot = axis.slot(day)
    assert slot == 0 or axis.bounds[slot - 1] <= day
    assert slot == len(axis.bounds) or day < axis.bounds[slot]


@given(
    axis=AXES,
    years=st.booleans(),
    recorded=st.integers(2017 * 12, 2024 * 12),
    known=st.none() | st.integers(2018 * 12, 2023 * 12),
)
@example(axis=axis_of([date(2020, 1, 1), date(2021, 1, 1)]), years=True, recorded=2020 * 12 + 3, known=2020 * 12 + 4)
def test_a_month_before_the_last_bound_is_broken_or_once_in_the_cube(
    axis: Axis, years: bool, recorded: int, known: int | None
) -> None:
    months = range(2017 * 12, 2025 * 12)
    found = covered_by(axis, months, recorded, recorded_end=known, years=years)
    broken = axis.broken()
    for month in months:
        first, end = first_of_month(month), first_of_month(month + 1)
        inside = end <= axis.bounds[-1] and month not in broken
        is_known = known is None or recorded < known
        assert found[month] == ([axis.slot(first)] if inside and is_known else []), first
        if inside:
            assert axis.slot(first) == axis.slot(end - timedelta(days=1)), "a whole month lies in one slot"


@given(axis=AXES)
def test_movements_are_not_looked_for_in_slots_that_do_not_matter(axis: Axis) -> None:
    for entry in cube_ranges(axis, from_slot=1, recorded_end=None, with_years=False):
        assert entry.slot >= 1
        assert entry.level == MONTHS


def test_months_and_days_are_numbered_as_in_the_tables() -> None:
    assert month_number(date(2021, 3, 31)) == 2021 * 12 + 2
    assert first_of_month(2021 * 12 + 11) == date(2021, 12, 1)
    assert day_number(EPOCH_DAY) == 0
    assert day_number(date(1999, 12, 31)) == -1
