"""Comparison groups on an axis: who belongs to the group in which slot, by whole months."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from services.metrics.domain.sums import Member
from services.metrics.repository.axis import Axis, first_of_month, month_number
from services.metrics.repository.codes import AGS

_ALWAYS_FROM = month_number(date.min)
_ALWAYS_TO = month_number(date.max)

Validity = tuple[tuple[int, int], ...]
"""Months of membership, from and to, both included."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The members of a comparison group, gathered by when they are members; 0 is everybody else."""

    providers: Mapping[UUID, int]
    mks: Mapping[int, int]
    validities: Sequence[Validity]

    def changes(self, first: date, end: date) -> Iterator[date]:
        """The first days of months in which somebody begins or ceases to be a member, between two days."""
        months = {month for validity in self.validities for low, high in validity for month in (low, high + 1)}
        for month in months:
            if _ALWAYS_FROM < month <= _ALWAYS_TO and first < first_of_month(month) < end:
                yield first_of_month(month)

    def in_slot(self, axis: Axis, slot: int, gathered: int) -> bool:
        """Whether those gathered under a number are members in a slot."""
        day = axis.bounds[slot - 1] if slot else axis.bounds[0] - timedelta(days=1)
        month = month_number(day)
        return any(low <= month <= high for low, high in self.validities[gathered])


def membership_of(members: Iterable[Member]) -> Membership:
    """Gather members. One that is listed twice is a member in the months of both."""
    providers: dict[UUID, list[tuple[int, int]]] = {}
    mks: dict[int, list[tuple[int, int]]] = {}
    for member in members:
        months = (
            _ALWAYS_FROM if member.valid_from is None else month_number(member.valid_from),
            _ALWAYS_TO if member.valid_to is None else month_number(member.valid_to),
        )
        if member.provider_id is not None:
            providers.setdefault(member.provider_id, []).append(months)
        elif member.mitgliedskoerperschaft is not None:
            mks.setdefault(AGS[member.mitgliedskoerperschaft], []).append(months)
    numbers: dict[Validity, int] = {(): 0}
    return Membership(
        {provider: _number(numbers, months) for provider, months in providers.items()},
        {mk: _number(numbers, months) for mk, months in mks.items()},
        list(numbers),
    )


def _number(numbers: dict[Validity, int], months: Iterable[tuple[int, int]]) -> int:
    return numbers.setdefault(tuple(sorted(months)), len(numbers))
