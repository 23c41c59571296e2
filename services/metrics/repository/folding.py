"""From sums per slot to the sums of a question: exact integers, every span from the same slots."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import Any

from services.metrics.domain.sums import Aggregate, Span
from services.metrics.repository.axis import Axis, day_number

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SlotSum:
    """What the movements of a slot add to a condition in a group; `cohort_slot` 0 where there is no cohort."""

    group: Any
    slot: int
    cohort_slot: int
    net: int
    moment: int


@dataclass(frozen=True, slots=True)
class Curve:
    """A group along an axis: flows and person-days before each slot, and the stock at the end of each slot."""

    flow_before: Sequence[int]
    person_days_before: Sequence[int]
    stock: Sequence[int]

    def value(self, axis: Axis, aggregate: Aggregate, span: Span) -> int:
        """The sum of a span whose first day and day after the last are bounds (STOCK: only the latter)."""
        end = axis.slot(span.last + _DAY)
        if aggregate is Aggregate.STOCK:
            return self.stock[end - 1]
        if not span.days:
            return 0
        before = self.person_days_before if aggregate is Aggregate.PERSON_DAYS else self.flow_before
        return before[end] - before[axis.slot(span.first)]


def curves(axis: Axis, sums: Iterable[SlotSum]) -> dict[Any, Curve]:
    """The curve of every group."""
    slots = len(axis.bounds)
    nets: dict[Any, list[int]] = {}
    moments: dict[Any, list[int]] = {}
    for entry in sums:
        nets.setdefault(entry.group, [0] * slots)[entry.slot] += entry.net
        moments.setdefault(entry.group, [0] * slots)[entry.slot] += entry.moment
    return {group: _curve(axis, nets[group], moments[group]) for group in nets}


def parted_curves(axis: Axis, sums: Iterable[SlotSum], part_of: Callable[[Any, int], str]) -> dict[Any, Curve]:
    """The curves of the parts of a comparison, to which those gathered in one group belong slot by slot."""
    slots = range(len(axis.bounds))
    parts: dict[Any, _Steps] = {}
    for group, whole in curves(axis, sums).items():
        for slot in slots:
            steps = parts.setdefault(part_of(group, slot), _Steps(*([0] * len(slots) for _ in range(3))))
            steps.flow[slot] += whole.flow_before[slot + 1] - whole.flow_before[slot]
            steps.person_days[slot] += whole.person_days_before[slot + 1] - whole.person_days_before[slot]
            steps.stock[slot] += whole.stock[slot]
    return {
        part: Curve(_before(steps.flow), _before(steps.person_days), steps.stock) for part, steps in parts.items()
    }


@dataclass(frozen=True, slots=True)
class _Steps:
    flow: list[int]
    person_days: list[int]
    stock: list[int]


def _curve(axis: Axis, net: Sequence[int], moment: Sequence[int]) -> Curve:
    stock = list(accumulate(net))
    numbers = [day_number(bound) for bound in axis.bounds]
    # A movement of a slot counts from its day to the end of the slot, everything before it on all days of the slot.
    person_days = [0] + [
        stock[slot - 1] * (numbers[slot] - numbers[slot - 1]) + net[slot] * numbers[slot] - moment[slot]
        for slot in range(1, len(numbers))
    ]
    return Curve(_before(net), _before(person_days), stock)


def _before(steps: Iterable[int]) -> list[int]:
    return list(accumulate(steps, initial=0))
