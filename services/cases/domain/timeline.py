"""The fold: facts in their order become movements and cells, or the first one that breaks is named."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter
from uuid import UUID

from services.cases.domain.cell import Cell, Registration
from services.cases.domain.errors import ProviderNotValidError, TimelineError
from services.cases.domain.facts import Fact
from services.cases.domain.movement import Movement
from services.cases.domain.path import Path, Touched
from services.cases.domain.providers import Provider, first_invalid

_DAY = timedelta(days=1)

in_timeline_order = attrgetter("effective_on", "entry")
"""Sort key: facts of one day apply in the order of their first recording."""


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Facts in timeline order."""
    return sorted(facts, key=in_timeline_order)


def legal_movements(
    registration: Registration,
    facts: Sequence[Fact],
    *,
    providers: Mapping[UUID, Provider],
    recorded_at: datetime,
    day: date,
    touched: Mapping[UUID, Touched],
) -> list[Movement]:
    """The movements of facts in timeline order, all with this `recorded_at`.

    Raises for the first fact in the order that breaks by its row, its conditions or an invalid provider day:
    `TimelineError` (409), or `InvalidMovementError` (422) where the request itself carried the wrong attribute.
    """
    path = Path(registration, providers, recorded_at, touched)
    movements: list[Movement] = []
    try:
        for fact in facts:
            movements.append(path.step(fact))
    except TimelineError:
        broken = first_invalid(movements, providers, day, cut_on=facts[len(movements)].effective_on)
        if broken is None:
            raise
    else:
        broken = first_invalid(movements, providers, day)
        if broken is None:
            return movements
    path = Path(registration, providers, recorded_at, touched)
    for fact in facts[:broken]:
        path.step(fact)
    detail = "The provider is not valid on every day of the stay."
    raise path.refusal(facts[broken], detail, ProviderNotValidError, "provider_id")


@dataclass(frozen=True, slots=True)
class CellDays:
    """Days in a row in one cell, both counted; `to_day` null = open."""

    from_day: date
    to_day: date | None
    cell: Cell


def cells(movements: Sequence[Movement]) -> list[CellDays]:
    """The cells of a timeline by day: equal neighbours merged, days in no cell and cells of zero days left out."""
    found: list[CellDays] = []
    for index, movement in enumerate(movements):
        to_day = movements[index + 1].effective_on - _DAY if index + 1 < len(movements) else None
        if movement.to is None or (to_day is not None and to_day < movement.effective_on):
            continue
        last = found[-1] if found else None
        if last is not None and last.cell == movement.to and last.to_day == movement.effective_on - _DAY:
            found[-1] = CellDays(last.from_day, to_day, last.cell)
        else:
            found.append(CellDays(movement.effective_on, to_day, movement.to))
    return found


def cell_on(movements: Sequence[Movement], day: date) -> Cell | None:
    """The cell at the end of a day."""
    cell = None
    for movement in movements:
        if movement.effective_on > day:
            break
        cell = movement.to
    return cell
